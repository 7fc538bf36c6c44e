"""What the operator's verbs need of the world: other machines, and the operator's own. The adapters are these; so are
the fakes in `flotilla.adapters.memory_machine`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

import msgspec


class Done(msgspec.Struct, frozen=True):
    """How a command ended, and what it wrote."""

    status: int
    out: bytes = b""
    err: bytes = b""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request. Its headers may hold secrets: it is never printed."""

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = {}
    body: bytes | None = None

    def __repr__(self) -> str:
        return f"Request({self.method} {self.path})"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back."""

    status: int
    body: bytes = b""


class NoAnswer(msgspec.Struct, frozen=True):
    """That nothing came back, and why, in a few words."""

    why: str


class Machine(Protocol):
    """Another machine. Commands run there as root. Every method raises `RemoteError` where the machine cannot be
    reached (`Unreachable`) or does not end in time; a connection that was lost is made anew by the next call."""

    @property
    def address(self) -> str:
        """The address that the fleet file has."""

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = 60.0) -> Done:
        """Runs a command; another status than 0 is an answer like any other."""

    async def send(self, argv: Sequence[str], content: AsyncIterator[bytes], *, deadline_s: float) -> Done:
        """Runs a command with a stream as its input."""

    async def put(self, path: str, content: bytes, *, mode: int, owner: str = "0:0") -> None:
        """Installs a file as a whole or not at all; its folder has to be there. ``owner`` is UID:GID."""

    async def ask(self, address: str, port: int, request: Request, *, deadline_s: float = 5.0) -> Answer | NoAnswer:
        """Asks over HTTP, from that machine."""


class Machines(Protocol):
    """The machines that can be reached, each by one connection, which lasts as long as this does."""

    def at(self, address: str) -> Machine:
        """The machine of this address, the same one each time. Connects only when something is asked of it."""


class Workshop(Protocol):
    """The operator's own machine: its programs, its Docker Engine, its clock."""

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = 60.0) -> Done:
        """Runs a program in the fleet file's folder; 127 where there is none of that name."""

    def stream(self, argv: Sequence[str]) -> AsyncIterator[bytes]:
        """A program's output as it comes. Raises `CommandFailed` at its end where it failed."""

    async def sleep(self, seconds: float) -> None:
        """Waits."""

    def now_s(self) -> float:
        """Seconds since the epoch."""
