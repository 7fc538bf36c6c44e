"""The service as a process of its own, to be treated badly: raw bytes to its socket, its log and its memory watched."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec

AUTOSHIP = [sys.executable, "-c", "from autoship.cli import main; main(prog_name='autoship')"]


class Answer(NamedTuple):
    """An answer's status and its body, from JSON where it is JSON."""

    status: int
    body: Any


class Server:
    """``autoship serve`` in ``folder``, on a port of its own; its log goes to ``folder / "log"``."""

    def __init__(self, folder: Path, *arguments: str, before: Callable[[], None] | None = None) -> None:
        self.folder = folder
        with (folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*AUTOSHIP, "serve", "--port", "0", *arguments],
                cwd=folder,
                env=os.environ,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                preexec_fn=before,
            )
        assert self.process.stdout is not None
        ready = self.process.stdout.readline()
        assert ready.startswith("autoship listens on "), self.log
        self.address = ready.split()[-1]
        self.port = int(self.address.rpartition(":")[2])
        self.client = httpx.Client(base_url=self.address, timeout=30)

    @property
    def log(self) -> str:
        """All that it has logged."""
        return (self.folder / "log").read_text(errors="replace")

    @property
    def peak_mb(self) -> float:
        """The most memory that it ever had, in MiB (VmHWM of proc(5))."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found is not None
        return int(found.group(1)) / 1024

    @property
    def open_files(self) -> int:
        """How many files and connections it has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def until(self, happens: Callable[[], bool]) -> None:
        """Asks it for its health until something is so; fails where that takes a thousand answers."""
        for _ in range(1_000):
            if happens():
                return
            self.client.get("/healthz")
        raise AssertionError("it never happened")

    def connect(self) -> socket.socket:
        """A connection, closed by who asks for it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def say(self, sent: bytes, *, cut: bool = False) -> list[Answer]:
        """Sends bytes, and ends there where they are cut; gives the answers that come until the server closes."""
        with self.connect() as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(sent)
                if cut:
                    connection.shutdown(socket.SHUT_WR)
            return answers(received(connection))

    def post(self, path: str, body: bytes, *headers: str) -> Answer:
        """One request and its answer."""
        lines = [f"POST {path} HTTP/1.1", "host: x", "connection: close", f"content-length: {len(body)}", *headers]
        (answer,) = self.say("\r\n".join([*lines, "", ""]).encode() + body)
        return answer

    def known(self, customer_id: str) -> int:
        """How many orders of a customer are known."""
        response = self.client.get(f"/v1/customers/{customer_id}")
        return int(response.json()["orders"]) if response.status_code == 200 else 0

    def kill(self) -> None:
        """Ends it at once, as a power cut would."""
        self.client.close()
        with self.process:
            self.process.kill()

    def stop(self) -> int:
        """Ends it in order; gives its exit status."""
        self.client.close()
        with self.process:
            self.process.terminate()
            return self.process.wait(timeout=30)


@contextlib.contextmanager
def serving(folder: Path, *arguments: str, before: Callable[[], None] | None = None) -> Iterator[Server]:
    """A server until the end of the block. It must not have logged a traceback."""
    server = Server(folder, *arguments, before=before)
    try:
        yield server
        assert "Traceback" not in server.log
    finally:
        server.kill()


def received(connection: socket.socket) -> bytes:
    """All that comes until the other side closes, or resets."""
    got = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65_536):
            got += part
    return bytes(got)


def answers(got: bytes) -> list[Answer]:
    """The answers in what a server sent, one after the other; those that only ask to go on are left out."""
    found = []
    while got:
        head, _, got = got.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if status != 100:
            length = int(re.findall(rb"(?i)\r\ncontent-length: (\d+)", head)[0])
            body, got = got[:length], got[length:]
            found.append(Answer(status, msgspec.json.decode(body) if body else None))
    return found
