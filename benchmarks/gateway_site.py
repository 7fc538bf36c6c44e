"""A lab with a service on it that can be told to misbehave, and all that the benchmark asks of it.

Made by the user's own commands: ``flotilla provision``, ``deploy``, ``drain``. Nothing here knows how they work.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec
from flotilla.lab import Lab, Machine, down

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "packages/flotilla/tests"))

from flotilla_load import Ask, Counts, Load, Running, under_load  # noqa: E402
from flotilla_services import faulty_image  # noqa: E402
from gateway_watch import Watch, watching  # noqa: E402

FLOTILLA = str(Path(sys.executable).with_name("flotilla"))
SERVICE, FIRST, COPIES, RATE = "hello", 8000, 4, 400.0
GATEWAY_CONTAINER, HOST_FILE = "flotilla-gateway", "/var/lib/flotilla/agent/host.json"
ASKS = (Ask(), Ask("POST", "/orders", "order {n}", holds="order {n}"))
CONTROL = (
    "import sys, urllib.request as r;"
    "r.urlopen(r.Request('http://127.0.0.1:8000/control', sys.argv[1].encode(), method='POST'), timeout=5).read()"
)


class Observed(msgspec.Struct):
    """A load under way, and HAProxy's own counters beside it."""

    running: Running
    watch: Watch


class Site:
    """The lab, its gateways' addresses, and which copy is on which host."""

    def __init__(self, lab: Lab, rate: float = RATE) -> None:
        self.lab = lab
        self.rate = rate
        self._hosts: dict[str, str] = {}

    def verb(self, *words: str) -> str:
        """Runs a command of flotilla's on the lab; ends the run where it fails."""
        argv = [FLOTILLA, "--fleet", str(self.lab.fleet_file), *words]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"flotilla {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    @contextmanager
    def under_way(self, *words: str) -> Iterator[None]:
        """Runs a command while the block runs, and waits for its end after it."""
        with ThreadPoolExecutor(1) as thread:
            command = thread.submit(self.verb, *words)
            yield
            command.result()

    def copies(self, host: Machine) -> list[str]:
        """The containers of the service's copies on a host, whether they run or not."""
        own = ("--all", "--filter", f"label=flotilla.service={SERVICE}", "--format", "{{.Names}}")
        return self.lab.run(host, ("docker", "ps", *own)).split()

    def learn(self) -> None:
        """Finds out which copy, by the name in its answers, is on which host."""
        for host in self.lab.hosts:
            for copy in self.copies(host):
                name = self.lab.run(host, ("docker", "inspect", "--format", "{{.Config.Hostname}}", copy)).strip()
                self._hosts[name] = host.address

    def host_of(self, copy: str) -> str:
        """The address of the host of a copy."""
        return self._hosts.get(copy, "unknown")

    def answers_from(self, host: Machine, counts: Counts) -> bool:
        """Whether a copy of the host was among those that answered just now."""
        return any(self.host_of(copy) == host.address for copy in counts.copies)

    def control(self, host: Machine, **faults: object) -> None:
        """Tells all copies on a host what to do wrong from now on."""
        for copy in self.copies(host):
            self.lab.run(host, ("docker", "exec", copy, "python3", "-c", CONTROL, json.dumps(faults)))

    def wait_serving(self, running: Running, host: Machine, seconds: float = 90.0) -> None:
        """Until copies of the host answer again."""
        running.wait_until(lambda counts: self.answers_from(host, counts), seconds)

    def written(self, host: Machine, file: str) -> float:
        """When a file was written on a host, on this process's clock."""
        changed = float(self.lab.run(host, ("stat", "--format", "%.9Y", file)))
        return changed - time.time() + time.monotonic()

    def wait_written(self, host: Machine, file: str, since: float, seconds: float = 30.0) -> None:
        """Until a file on a host is younger than that."""
        end = time.monotonic() + seconds
        while self.written(host, file) < since:
            if time.monotonic() > end:
                raise SystemExit(f"{host.name}: {file} was not written within {seconds} s")

    def exec_argv(self, machine: Machine, container: str) -> tuple[str, ...]:
        """What runs a command in a container of a machine of the lab, with its standard input."""
        return ("docker", "exec", "--interactive", machine.container, "docker", "exec", "--interactive", container)

    @contextmanager
    def observed(self, **more: object) -> Iterator[Observed]:
        """The block runs under load, and HAProxy is watched. Begins once every host answers."""
        self.learn()
        gateways = tuple(f"{machine.address}:80" for machine in self.lab.gateways)
        load = Load(gateways=gateways, **{"rate": self.rate, "asks": ASKS, **more})  # type: ignore[arg-type]
        argv = self.exec_argv(self.lab.gateways[0], GATEWAY_CONTAINER)
        with watching(argv) as watch, under_load(load) as running:
            for host in self.lab.hosts:
                self.wait_serving(running, host)
            yield Observed(running, watch)


def services(image: str, faults: Mapping[str, object]) -> str:
    """The lab's services, as YAML."""
    name, _, version = image.partition(":")
    return f"""\
{SERVICE}:
  image: {name}
  version: "{version}"
  copies: {COPIES}
  ports: {{first: {FIRST}, container: 8000}}
  health: {{path: /healthz, interval_s: 1, deadline_s: 30}}
  route: {{path: /}}
  retry: all
  memory: 64m
  env: {{FAULTS: '{json.dumps(faults)}'}}
"""


@contextmanager
def site(folder: Path, hosts: int, gateways: int) -> Iterator[Site]:
    """Makes a lab, provisions it, deploys the service; removes all of it at the end."""
    down(folder)
    try:
        lab = Lab.up(folder, hosts=hosts, gateways=gateways, services=services(faulty_image(), {"ready_after_s": 1.0}))
        made = Site(lab)
        made.verb("provision")
        made.verb("deploy")
        yield made
    finally:
        down(folder)
