"""A real TCP server that misbehaves as its script says: closes, stops in the middle, answers garbage, never ends."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import NamedTuple, Self, TypeAlias

Step: TypeAlias = Callable[[socket.socket], bool]
"""Answers one request that was read whole; whether the connection is kept."""


class Received(NamedTuple):
    """A request, and which of the server's connections it came on, from 1."""

    connection: int
    head: str
    body: bytes

    def header(self, name: str) -> str | None:
        """The header of this name, None where it is absent."""
        for line in self.head.split("\r\n")[1:]:
            key, _, value = line.partition(": ")
            if key.lower() == name.lower():
                return value
        return None


class RudeServer:
    """Takes one step of the script for each request, whatever connection it comes on; the last step again and again."""

    def __init__(self, *script: Step, tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self.received: list[Received] = []
        scheme = "http" if tls is None else "https"
        self.address = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for each in [self._listener, *self._connections]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection, len(self._threads)))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(connection)
            if self._tls is not None:
                connection = stack.enter_context(self._tls.wrap_socket(connection, server_side=True))
                self._connections.append(connection)
            for head, body in requests_of(connection):
                with self._lock:
                    self.received.append(Received(number, head, body))
                    step = self._script[min(len(self.received), len(self._script)) - 1]
                if not step(connection):
                    return


def requests_of(connection: socket.socket) -> Iterator[tuple[str, bytes]]:
    """The requests as they arrive: head and body."""
    data = b""
    while True:
        while b"\r\n\r\n" not in data:
            part = connection.recv(65_536)
            if not part:
                return
            data += part
        head, _, data = data.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.decode().split("\r\n") if line.lower().startswith("content-length:")), 0
        )
        while len(data) < length:
            part = connection.recv(65_536)
            if not part:
                return
            data += part
        yield head.decode(), data[:length]
        data = data[length:]


def answer(body: bytes = b"{}", status: int = 200, headers: str = "", *, keep: bool = True) -> Step:
    """A whole answer."""

    def step(connection: socket.socket) -> bool:
        head = f"HTTP/1.1 {status} Said\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
        connection.sendall(head.encode() + body)
        return keep

    return step


def raw(text: bytes) -> Step:
    """Something, and the end of the connection."""

    def step(connection: socket.socket) -> bool:
        connection.sendall(text)
        return False

    return step


def close(connection: socket.socket) -> bool:
    """Nothing, and the end of the connection."""
    return False


def reset(connection: socket.socket) -> bool:
    """Nothing, and the connection reset: closed with a linger time of 0."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    return False


def silence(connection: socket.socket) -> bool:
    """Nothing, until the client goes away."""
    connection.recv(1)
    return False


def drip(head: bytes) -> Step:
    """A head, then a byte and another one, without end."""

    def step(connection: socket.socket) -> bool:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(head)
        while True:
            connection.sendall(b"x")

    return step
