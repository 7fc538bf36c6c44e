"""What one change of membership costs a gateway, from 10 to 12,000 servers.

    .venv/bin/python benchmarks/gateway_changes.py [--sizes 10,100,1000,12000] [--json]

A real HAProxy runs in a container of the gateway's image, with the configuration that flotilla makes; a second one
plays the copies, so that all checks pass at the pace at which flotilla has them done. Times are the median of five:

- quiet: the pure part where nothing changed (members → known → rotation)
- pure: the pure part of one change (members → known → rotation → configuration → commands)
- read: what HAProxy runs, asked and parsed
- host: one host of the file drains, all its copies, from the member list to HAProxy's answer, reading included
- stranger: a host that no file names joins, likewise
- check: ``haproxy -c``; reload: the master's ``reload``, until the new worker serves
- memory: what the worker has resident
"""

from __future__ import annotations

import argparse
import json
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flotilla.domain.handed import GatewayFile, GatewayService
from flotilla.domain.member import Member, Role, Status, member_name
from flotilla.domain.report import HostReport, ServiceReport, State
from flotilla.domain.tags import common_tags, encode_tags
from flotilla.gateway.change import ByCommands, Nothing, change
from flotilla.gateway.configuration import Configuration, Machine, configuration
from flotilla.gateway.known import Known, merge
from flotilla.gateway.rotation import rotation
from flotilla.gateway.running import INFO, SERVERS, Running, parse_info, questions, running
from flotilla.images import Target, build_argv, context, image_name

SHAPES = {10: (5, 2), 100: (25, 4), 1_000: (125, 8), 12_000: (1_000, 12)}
FIRST_PORT = 8000
NOW = 1_800_000_000.0
REPEATS = 5
BATCH = 100
STRANGER = "127.200.0.1"


class Fleet:
    """So many hosts with so many copies each, as Serf shows them and as a gateway's file names them."""

    def __init__(self, hosts: int, copies: int, balance: str) -> None:
        self.addresses = tuple(f"127.{1 + number // 250}.0.{1 + number % 250}" for number in range(hosts))
        self.copies = copies
        service = GatewayService(name="web", version="1", first_port=FIRST_PORT, copies=copies, balance=balance)
        self.file = GatewayFile(
            fleet="bench", generation=1, gateways=("127.0.0.1",), hosts=self.addresses, admit=("127.0.0.0/8",),
            http_port=18080, status_port=18404, services=(service,),
        )  # fmt: skip
        self.machine = Machine(open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[1], memory=2 << 30, cpus=1)

    def members(self, serial: int = 1, drained: Sequence[str] = (), more: Sequence[str] = ()) -> list[Member]:
        return [self._member(each, serial, each in drained) for each in (*self.addresses, *more)]

    def _member(self, address: str, serial: int, drained: bool) -> Member:
        state = State.DRAIN if drained else State.READY
        ready = (1 << self.copies) - 1
        service = ServiceReport(name="web", version="1", generation=1, state=state, ready=ready)
        report = HostReport(serial=serial, generation=1, services=(service,))
        tags = {**common_tags(Role.HOST, "bench"), **encode_tags(report)}
        name = member_name(Role.HOST, address)
        return Member(name=name, address=address, status=Status.ALIVE, tags=tags)


class Proxy:
    """HAProxy in a container, and one beside it that plays the copies."""

    def __init__(self, folder: Path, fleet: Fleet) -> None:
        self._run, self._config, self._fleet = folder / "run", folder / "haproxy", fleet
        for each in (self._run, self._config):
            each.mkdir()
            each.chmod(0o777)
        self._ids: list[str] = []

    def start(self, wanted: Configuration) -> None:
        ports = f"{FIRST_PORT}-{FIRST_PORT + self._fleet.copies - 1}"
        copies = (
            "defaults\n mode http\n timeout client 5s\n timeout http-request 5s\n"
            f"frontend copies\n bind 0.0.0.0:{ports}\n http-request return status 200\n"
        )
        (self._config / "copies.cfg").write_text(copies)
        self.write(wanted)
        volumes = ("-v", f"{self._run}:/run/flotilla-haproxy", "-v", f"{self._config}:/var/lib/flotilla/haproxy")
        master = ("-W", "-S", "/run/flotilla-haproxy/master.sock", "-f", "/var/lib/flotilla/haproxy/haproxy.cfg")
        self._ids.append(self._container(*volumes, argv=("-db", *master)))
        beside = ("--network", f"container:{self._ids[0]}", *volumes)
        self._ids.append(self._container(*beside, argv=("-db", "-f", "/var/lib/flotilla/haproxy/copies.cfg")))
        until(lambda: self._up() == len(wanted.servers), 120)

    def _container(self, *flags: str, argv: Sequence[str]) -> str:
        image = image_name(Target.GATEWAY)
        return docker("run", "-d", "--label", "flotilla-bench=changes", *flags, "--entrypoint", "haproxy", image, *argv)

    def stop(self) -> None:
        if self._ids:
            docker("rm", "-f", *reversed(self._ids))

    def write(self, wanted: Configuration) -> None:
        (self._config / "haproxy.cfg").write_text(wanted.text)

    def ask(self, question: str, name: str = "haproxy.sock") -> str:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(60)
            link.connect(str(self._run / name))
            link.sendall(question.encode() + b"\n")
            link.shutdown(socket.SHUT_WR)
            parts = []
            while data := link.recv(1 << 18):
                parts.append(data)
        return b"".join(parts).decode()

    def running(self) -> Running:
        info, servers = self.ask(INFO), self.ask(SERVERS)
        asked = questions(running(info, servers))
        return running(info, servers, self.ask("; ".join(asked))) if asked else running(info, servers)

    def run(self, commands: Sequence[str]) -> None:
        for at in range(0, len(commands), BATCH):
            self.ask("; ".join(commands[at : at + BATCH]))

    def reload(self) -> None:
        said = self.ask("reload", "master.sock")
        if not said.startswith("Success=1"):
            raise SystemExit(f"HAProxy refused: {said}")

    def check(self) -> None:
        docker("exec", self._ids[0], "haproxy", "-c", "-f", "/var/lib/flotilla/haproxy/haproxy.cfg")

    def memory_mb(self) -> int:
        pid = parse_info(self.ask(INFO))["Pid"]
        status = docker("exec", self._ids[0], "cat", f"/proc/{pid}/status")
        return int(status.partition("VmRSS:")[2].split()[0]) // 1024

    def _up(self) -> int:
        try:
            return sum(each.operational == 2 for each in self.running().servers.values())
        except OSError:
            return -1


def docker(*argv: str) -> str:
    done = subprocess.run(["docker", *argv], check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"docker {argv[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def until(found: Callable[[], bool], deadline_s: float) -> None:
    end = time.monotonic() + deadline_s
    while not found():
        if time.monotonic() > end:
            raise SystemExit(f"HAProxy was not ready within {deadline_s} s")
        time.sleep(0.1)


def median_ms(*runs: float) -> float:
    return round(statistics.median(runs) * 1000, 1)


@contextmanager
def timed(into: list[float]) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    into.append(time.perf_counter() - begun)


def wanted_of(fleet: Fleet, known: Known) -> Configuration:
    return configuration(fleet.file, rotation(known, fleet.file), fleet.machine)


def settle(proxy: Proxy, wanted: Configuration) -> None:
    """Rounds until HAProxy runs what it should."""
    for _ in range(20):
        step = change(proxy.running(), wanted)
        if isinstance(step, ByCommands):
            proxy.run(step.commands)
        elif step == Nothing():
            return
    raise SystemExit("HAProxy did not come to rest")


def one_change(proxy: Proxy, fleet: Fleet, known: Known, members: list[Member]) -> tuple[float, float]:
    """From a member list to HAProxy's last answer: seconds in all, and those of the pure part."""
    whole: list[float] = []
    pure: list[float] = []
    with timed(whole):
        with timed(pure):
            wanted = wanted_of(fleet, merge(known, members, fleet.file, NOW))
        runs = proxy.running()
        with timed(pure):
            step = change(runs, wanted)
        if not isinstance(step, ByCommands):
            raise SystemExit(f"expected commands: {step}")
        proxy.run(step.commands)
    settle(proxy, wanted)
    return whole[0], sum(pure)


def measure(servers: int, balance: str) -> dict[str, Any]:
    """All numbers for one size."""
    fleet = Fleet(*SHAPES[servers], balance)
    all_in = fleet.members()
    known = merge(Known(), all_in, fleet.file, NOW)
    calm = wanted_of(fleet, known)
    quiet: list[float] = []
    pure: list[float] = []
    read: list[float] = []
    host: list[float] = []
    stranger: list[float] = []
    check: list[float] = []
    reload: list[float] = []
    with tempfile.TemporaryDirectory(prefix="flotilla-bench-") as folder:
        proxy = Proxy(Path(folder), fleet)
        try:
            proxy.start(calm)
            memory = proxy.memory_mb()
            for serial in range(2, 2 + REPEATS):
                with timed(quiet):
                    rotation(merge(known, all_in, fleet.file, NOW), fleet.file)
                with timed(read):
                    proxy.running()
                drained = fleet.members(serial, drained=fleet.addresses[:1])
                whole, part = one_change(proxy, fleet, known, drained)
                host.append(whole)
                pure.append(part)
                settle(proxy, calm)
                whole, _ = one_change(proxy, fleet, known, fleet.members(serial, more=[STRANGER]))
                stranger.append(whole)
                settle(proxy, calm)
                with timed(check):
                    proxy.check()
                with timed(reload):
                    proxy.reload()
        finally:
            proxy.stop()
    columns = {"quiet": quiet, "pure": pure, "read": read, "host": host, "stranger": stranger, "check": check}
    numbers = {name: median_ms(*runs) for name, runs in columns.items()}
    return {"servers": servers, **numbers, "reload": median_ms(*reload), "memory_mb": memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", default=",".join(map(str, SHAPES)))
    parser.add_argument("--balance", default="leastconn", help="leastconn, roundrobin or header:NAME")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    build = subprocess.run(build_argv(Target.GATEWAY), input=context(), capture_output=True, check=False)
    if build.returncode:
        raise SystemExit(build.stderr.decode())
    rows = []
    for size in map(int, asked.sizes.split(",")):
        print(f"{size} servers …", file=sys.stderr)
        rows.append(measure(size, asked.balance))
    if asked.json:
        print(json.dumps(rows, indent=2))
        return
    print("  ".join(f"{name:>9}" for name in rows[0]))
    for row in rows:
        print("  ".join(f"{value:>9}" for value in row.values()))
    print("milliseconds, but for servers and memory")


if __name__ == "__main__":
    main()
