"""The rules of `ports.Proxy`, over the fake and over the real HAProxy; and how its answers are read."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from flotilla.adapters.haproxy import Haproxy
from flotilla.adapters.haproxy.answers import COMMANDS, LINE, batches, split
from flotilla.adapters.haproxy.statistics import STAT, loads, old_workers, with_old_workers
from flotilla.adapters.memory_proxy import MemoryProxy, MemoryStore
from flotilla.domain.load import Load, Part
from flotilla.errors import ConfigurationRefused, ProxyError
from flotilla.gateway.change import ByCommands, Nothing, change
from flotilla.gateway.configuration import Configuration, configuration
from flotilla.gateway.rotation import Server
from flotilla.ports import Answer, Proxy
from flotilla_stand import HOSTS, MACHINE, gateway_file, service

ALL = tuple(Server(service="shop", address=host, port=port, weight=100) for host in HOSTS for port in (8000, 8001))


class Place(Protocol):
    """Where a HAProxy is."""

    proxy: Proxy

    def candidate(self, text: str) -> str: ...
    def install(self, text: str) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...


class MemoryPlace:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.proxy = MemoryProxy(self.store, lambda text: "unknown keyword 'nonsense'" if "nonsense" in text else None)

    def candidate(self, text: str) -> str:
        return self.store.candidate(text)

    def install(self, text: str) -> None:
        self.store.candidate(text)
        self.store.install()

    def start(self) -> None:
        self.proxy.start()

    def stop(self) -> None:
        self.proxy.stop()


class RealPlace:
    def __init__(self, image: str, folder: Path) -> None:
        self.folder, self.image = folder, image
        self.name = f"proxy-test-{os.getpid()}"
        for name in ("run", "own"):
            (folder / name).mkdir()
            (folder / name).chmod(0o777)
        program = folder / "check"
        program.write_text(f'#!/bin/sh\nexec docker exec {self.name} haproxy-check "$1" "$2" /own/"${{3##*/}}"\n')
        program.chmod(0o755)
        self.proxy = Haproxy(str(folder / "run"), str(program))

    def candidate(self, text: str) -> str:
        path = self.folder / "own" / "haproxy.cfg.new"
        path.write_text(text)
        return str(path)

    def install(self, text: str) -> None:
        (self.folder / "own" / "haproxy.cfg").write_text(text)

    def start(self) -> None:
        mounts = ["-v", f"{self.folder}/run:/run/flotilla-haproxy", "-v", f"{self.folder}/own:/own:ro"]
        run = ["docker", "run", "-d", "--name", self.name, "--label", "flotilla.test=proxy", *mounts]
        argv = ["-W", "-db", "-S", "/run/flotilla-haproxy/master.sock", "-f", "/own/haproxy.cfg"]
        subprocess.run([*run, "--entrypoint", "haproxy", self.image, *argv], check=True, capture_output=True)

    def stop(self) -> None:
        subprocess.run(["docker", "rm", "-f", self.name], check=True, capture_output=True)


@pytest.fixture(params=["memory", "real"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place with an installed configuration, of which HAProxy has just started."""
    made: Place
    if request.param == "memory":
        made = MemoryPlace()
    else:
        tmp_path.chmod(0o755)
        made = RealPlace(request.getfixturevalue("gateway_image"), tmp_path)
    made.install(wanted().text)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def wanted(servers: tuple[Server, ...] = ALL, timeout_s: float = 30) -> Configuration:
    return configuration(gateway_file(service(timeout_s=timeout_s)), servers, MACHINE)


async def up(proxy: Proxy) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await proxy.worker()
                await proxy.statistics()  # by the master's socket too
                return
            except ProxyError:
                await asyncio.sleep(0.02)


async def converged(proxy: Proxy, to: Configuration) -> list[str]:
    """Does what `change` says, by commands alone; which."""
    done: list[str] = []
    async with asyncio.timeout(20):
        while not isinstance(step := change(await proxy.running(), to), Nothing) or step.waiting:
            assert not isinstance(step, ByCommands) or done[-len(step.commands) :] != list(step.commands)
            if isinstance(step, ByCommands):
                answers = await proxy.run(step.commands)
                assert [one for one in answers if one.failed] == []
                done += step.commands
    return done


async def test_it_runs_what_is_installed(place: Place) -> None:
    await up(place.proxy)
    running = await place.proxy.running()
    assert running.structure == wanted().structure == (await place.proxy.worker()).structure
    assert set(running.servers) == set(wanted().servers)
    assert isinstance(change(running, wanted()), Nothing)


async def test_commands_bring_servers_in_and_out(place: Place) -> None:
    await up(place.proxy)
    extra = tuple(Server(service="shop", address=f"10.0.0.{n}", port=8000, weight=50) for n in range(100, 160))
    await converged(place.proxy, wanted((*ALL[1:], *extra)))
    running = await place.proxy.running()
    assert running.servers["shop", ALL[0].name].in_maintenance
    assert running.servers["shop", "10.0.0.123:8000"].weight == 50
    await converged(place.proxy, wanted())
    assert set((await place.proxy.running()).servers) == set(wanted().servers)


async def test_a_command_that_fails_is_told_among_those_that_do_not(place: Place) -> None:
    await up(place.proxy)
    name = f"shop/{ALL[0].name}"
    commands = (
        f"set server {name} weight 7",
        "set server shop/nobody weight 7",
        "nonsense of a command",
        f"del server {name}",
        f"set server {name} state maint",
    )
    answers = await place.proxy.run(commands)
    assert [answer.failed for answer in answers] == [False, True, True, True, False]
    assert answers[1].text == "No such server."
    assert (await place.proxy.running()).servers["shop", ALL[0].name].weight == 7


async def test_a_configuration_that_is_refused_is_refused_with_words(place: Place) -> None:
    await up(place.proxy)
    await place.proxy.check(place.candidate(wanted(timeout_s=5).text))
    with pytest.raises(ConfigurationRefused, match="unknown keyword 'nonsense'"):
        await place.proxy.check(place.candidate(wanted().text + "    nonsense\n"))


async def test_a_reload_takes_what_is_installed(place: Place) -> None:
    await up(place.proxy)
    before = await place.proxy.worker()
    other = wanted(timeout_s=5)
    place.install(other.text)
    assert (await place.proxy.worker()).structure == before.structure
    await place.proxy.reload()
    after = await place.proxy.worker()
    assert (after.structure, after.pid == before.pid) == (other.structure, False)


async def test_a_reload_that_fails_leaves_the_worker_as_it_is(place: Place) -> None:
    await up(place.proxy)
    before = await place.proxy.worker()
    place.install(wanted().text + "    nonsense\n")
    with pytest.raises(ProxyError, match="nonsense"):
        await place.proxy.reload()
    assert await place.proxy.worker() == before


async def test_statistics_are_of_services_and_of_servers_where_asked_for(place: Place) -> None:
    await up(place.proxy)
    loads = (await place.proxy.statistics()).loads
    assert {load.name for load in loads if load.part is Part.SERVER and load.backend == "shop"} == {
        server.name for server in ALL
    }
    few = (await place.proxy.statistics(servers=False)).loads
    assert "shop" in {load.backend for load in few if load.part is Part.BACKEND}
    assert not [load for load in few if load.part is Part.SERVER]


async def test_haproxy_that_is_not_there_is_an_error_of_the_proxy(place: Place) -> None:
    await up(place.proxy)
    place.stop()
    for ask in (place.proxy.worker, place.proxy.running, place.proxy.reload, place.proxy.statistics):
        with pytest.raises(ProxyError):
            await ask()
    with pytest.raises(ProxyError):
        await place.proxy.run(["set server shop/x weight 1"])
    place.start()


async def test_a_program_that_is_missing_or_does_not_end_well_is_no_refusal(tmp_path: Path) -> None:
    for program in ("/nowhere/haproxy", "/bin/false"):
        with pytest.raises(ProxyError) as caught:
            await Haproxy(str(tmp_path), program).check("x")
        assert isinstance(caught.value, ConfigurationRefused) == (program == "/bin/false")
    killed = tmp_path / "killed"
    killed.write_text("#!/bin/sh\nkill -9 $$\n")
    killed.chmod(0o755)
    with pytest.raises(ProxyError, match="ended with -9") as caught:
        await Haproxy(str(tmp_path), str(killed)).check("x")
    assert not isinstance(caught.value, ConfigurationRefused)


async def test_a_socket_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flotilla.adapters.haproxy.proxy.ANSWER_S", 0.05)
    release = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.close()

    server = await asyncio.start_unix_server(silent, path=tmp_path / "haproxy.sock")
    with pytest.raises(ProxyError, match="does not answer"):
        await Haproxy(str(tmp_path)).worker()
    release.set()
    server.close()
    await server.wait_closed()


def test_commands_go_in_batches_that_fit_into_haproxys_buffer() -> None:
    commands = [f"add server shop/{n} {'x' * 200}" for n in range(1000)]
    parts = list(batches(commands))
    assert [command for part in parts for command in part] == commands
    assert all(len("; ".join(part)) <= LINE for part in parts)
    assert max(map(len, batches(["x"] * 500))) == COMMANDS


@pytest.mark.parametrize("command", ["one; two", "one\ntwo", "x" * LINE])
def test_a_command_that_would_be_two_is_not_sent(command: str) -> None:
    with pytest.raises(ProxyError):
        list(batches([command]))


def test_answers_are_parted_by_empty_lines() -> None:
    text = "\n[6]: New server registered.\n\n\n[3]: No such server.\n\n[6]: Unknown command: 'x'\n  help\n\n"
    assert split(text, 4) == (
        Answer(text="New server registered.", failed=False),
        Answer(text="", failed=False),
        Answer(text="No such server.", failed=True),
        Answer(text="Unknown command: 'x'\n  help", failed=True),
    )


@pytest.mark.parametrize("text", ["", "\n", "\n\n\n\n\n", "\n[6]: half"])
def test_answers_that_are_not_as_many_as_the_commands_are_an_error(text: str) -> None:
    with pytest.raises(ProxyError, match="answers to 2 commands"):
        split(text, 2)


@pytest.mark.parametrize("text", ["", "nonsense\n", "# pxname,svname\nshop,x\n"])
def test_statistics_that_cannot_be_read_are_an_error(text: str) -> None:
    with pytest.raises(ProxyError, match=STAT):
        list(loads(text))


def test_requests_that_old_workers_have_are_their_servers_requests() -> None:
    def load(name: str, sessions: int) -> Load:
        return Load(part=Part.SERVER, backend="shop", name=name, status="UP", sessions=sessions)

    both = with_old_workers([load("a", 1), load("b", 2)], [load("a", 3), load("c", 4), load("d", 0)])
    assert [(one.name, one.sessions, one.status) for one in both] == [("a", 4, "UP"), ("b", 2, "UP"), ("c", 4, "GONE")]


def test_old_workers_are_read_from_the_masters_list() -> None:
    listed = (
        "#<PID> <type> <reloads> <uptime> <version>\n1 master 2 [failed: 0] 0d00h00m08s 3.0\n# workers\n"
        "20 worker 0 0d00h00m01s 3.0\n# old workers\n12 worker 1 0d00h00m07s 3.0\n8 worker 2 0d00h00m08s 3.0\n"
        "# programs\n\n"
    )
    assert old_workers(listed) == (12, 8)
    assert old_workers(listed.partition("# old")[0] + "# programs\n\n") == ()
