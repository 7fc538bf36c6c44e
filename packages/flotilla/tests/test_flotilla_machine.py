"""What every machine does, whether over SSH or in memory."""

from __future__ import annotations

import http.server
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from flotilla.adapters.memory_machine import File, MemoryMachine
from flotilla.adapters.ssh import ssh_machines
from flotilla.errors import CommandTooSlow, RemoteError
from flotilla.remote import Answer, Machine, NoAnswer, Request
from flotilla_sshd import Sshd, serving

Use = Callable[[Machine], Awaitable[None]]
With = Callable[[Use], Awaitable[None]]


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with serving(tmp_path_factory.mktemp("sshd")) as one:
        yield one


@pytest.fixture(params=["memory", "ssh"])
def on(request: pytest.FixtureRequest, tmp_path: Path) -> With:
    """Runs a use of a machine whose folder is ``tmp_path``."""
    if request.param == "memory":

        async def in_memory(use: Use) -> None:
            machine = MemoryMachine("127.0.0.1")
            machine.files[str(tmp_path)] = File(None, 0o755, "0:0")
            machine.web["127.0.0.1", _port(request)] = lambda asked: Answer(
                status=200 if asked.path == "/ready" else 404, body=asked.body or b"ready"
            )
            await use(machine)

        return in_memory
    sshd = request.getfixturevalue("sshd")

    async def over_ssh(use: Use) -> None:
        async with ssh_machines(sshd.ssh, folder=sshd.folder, terminal=False) as machines:
            await use(machines.at("127.0.0.1"))

    return over_ssh


@pytest.fixture(scope="module")
def web() -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"ready"
            self.send_response(200 if self.path == "/ready" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *arguments: object) -> None:
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def _port(request: pytest.FixtureRequest) -> int:
    port = request.getfixturevalue("web")
    assert isinstance(port, int)
    return port


async def test_a_command_says_how_it_ended_and_what_it_wrote(on: With) -> None:
    async def use(machine: Machine) -> None:
        assert (await machine.run(("true",))).status == 0
        assert (await machine.run(("false",))).status == 1
        assert (await machine.run(("cat",), stdin=b"a\x00b\n")).out == b"a\x00b\n"
        missing = await machine.run(("cat", "/no/such/file"))
        assert missing.status == 1
        assert b"No such file" in missing.err
        unknown = await machine.run(("no-such-command",))
        assert unknown.status == 127
        assert b"not found" in unknown.err

    await on(use)


@pytest.mark.parametrize("word", ["a b", "$HOME", "it's", '"', "`id`", "a\nb", "*", "", "--", "é", "\\"])
async def test_words_arrive_as_they_were(on: With, word: str) -> None:
    async def use(machine: Machine) -> None:
        assert (await machine.run(("printf", "%s", word))).out == word.encode()

    await on(use)


async def test_a_file_is_installed_with_its_mode_and_owner_and_replaced_as_a_whole(on: With, tmp_path: Path) -> None:
    path = str(tmp_path / "a file")

    async def use(machine: Machine) -> None:
        await machine.put(path, b"first, and longer", mode=0o644)
        await machine.put(path, b"second\x00", mode=0o400, owner="7946:7946")
        assert (await machine.run(("cat", path))).out == b"second\x00"
        assert (await machine.run(("stat", "-c", "%a %u:%g", path))).out == b"400 7946:7946\n"

    await on(use)


async def test_a_file_whose_folder_is_missing_is_an_error_that_names_it(on: With, tmp_path: Path) -> None:
    async def use(machine: Machine) -> None:
        with pytest.raises(RemoteError, match=r"127\.0\.0\.1: .*missing/file"):
            await machine.put(str(tmp_path / "missing" / "file"), b"x", mode=0o644)

    await on(use)


async def test_a_folder_is_made_with_its_owner(on: With, tmp_path: Path) -> None:
    path = str(tmp_path / "a" / "b")

    async def use(machine: Machine) -> None:
        assert (await machine.run(("install", "-d", "-o", "7946", "-g", "7946", "-m", "0700", path))).status == 0
        assert (
            await machine.run(("stat", "-c", "%a %u:%g", path, str(tmp_path / "a")))
        ).out == b"700 7946:7946\n755 0:0\n"
        assert (await machine.run(("rm", "-rf", path))).status == 0
        assert (await machine.run(("stat", "-c", "%a %u:%g", path))).status == 1

    await on(use)


async def test_a_stream_arrives_whole(on: With) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(256 * 1024)

    async def use(machine: Machine) -> None:
        done = await machine.send(("wc", "-c"), chunks(), deadline_s=60)
        assert (done.status, int(done.out)) == (0, 64 * 256 * 1024)

    await on(use)


async def test_a_stream_that_the_command_does_not_want_is_no_error(on: With) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(256 * 1024)

    async def use(machine: Machine) -> None:
        assert (await machine.send(("false",), chunks(), deadline_s=60)).status == 1

    await on(use)


async def test_a_command_that_takes_too_long_is_an_error_and_the_machine_can_be_used_further(on: With) -> None:
    async def use(machine: Machine) -> None:
        await machine.run(("true",))
        with pytest.raises(CommandTooSlow, match="sleep"):
            await machine.run(("sleep", "20"), deadline_s=0.2)
        assert (await machine.run(("true",))).status == 0

    await on(use)


async def test_a_request_is_asked_from_the_machine_and_no_answer_is_an_outcome(on: With, web: int) -> None:
    async def use(machine: Machine) -> None:
        for _ in range(2):
            ready = await machine.ask("127.0.0.1", web, Request(path="/ready"))
            assert ready == Answer(status=200, body=b"ready")
        posted = await machine.ask("127.0.0.1", web, Request(path="/x", method="POST", body=b"{}"))
        assert posted == Answer(status=404, body=b"{}")
        assert isinstance(await machine.ask("127.0.0.1", 1, Request(path="/")), NoAnswer)

    await on(use)
