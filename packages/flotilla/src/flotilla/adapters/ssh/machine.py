"""One machine over one connection of OpenSSH's client. Connects when something is first asked of it, and again when the
connection was lost; never runs a command a second time by itself, because nobody knows how far the first came."""

from __future__ import annotations

import asyncio
import re
from asyncio.subprocess import Process
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path

from flotilla.adapters.http import ask_over
from flotilla.adapters.process import once, run_here, start
from flotilla.adapters.ssh import argv as lines
from flotilla.adapters.ssh.said import unreachable
from flotilla.adapters.words import shown, tail
from flotilla.domain.fleet import Ssh
from flotilla.errors import CommandFailed, CommandTooSlow, Unreachable
from flotilla.remote import Answer, Done, NoAnswer, Request

SESSIONS = 8
"""At once over one connection: sshd allows ten (MaxSessions), and the connection itself is one."""

LOST = 255
"""The status of `ssh` itself."""

HELD = re.compile(rf"^{re.escape(lines.HELD)}(\d+)$")


class SshMachine:
    """See `flotilla.remote.Machine`. ``folder`` is where the fleet file's paths start; ``sockets`` is how the names
    of its sockets begin, short and in a private folder.

    ``terminal`` is held by the one machine that may ask the user something; None where there is no terminal.
    """

    def __init__(
        self, address: str, ssh: Ssh, *, folder: Path, sockets: Path, terminal: asyncio.Lock | None = None
    ) -> None:
        self.address = address
        self._ssh = ssh
        self._folder = folder
        self._sockets = sockets
        self._terminal = terminal
        self._connection: _Connection | None = None
        self._connecting = asyncio.Lock()
        self._sessions = asyncio.Semaphore(SESSIONS)
        self._made = 0

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = 60.0) -> Done:
        """Runs a command as root."""
        return await self.send(argv, once(stdin), deadline_s=deadline_s)

    async def send(self, argv: Sequence[str], content: AsyncIterator[bytes], *, deadline_s: float) -> Done:
        """Runs a command as root with a stream as its input."""
        connection = await self._connected()
        command = lines.guest(self.address, connection.socket, argv, root=connection.root)
        try:
            async with self._sessions, asyncio.timeout(deadline_s):
                done = await run_here(command, content)
        except TimeoutError as error:
            raise CommandTooSlow(self.address, f"{shown(argv)!r} did not end within {deadline_s:.0f} s") from error
        if done.status == LOST and await connection.is_lost():
            raise Unreachable(self.address, f"the connection was lost while {shown(argv)!r} ran")
        return done

    async def put(self, path: str, content: bytes, *, mode: int, owner: str = "0:0") -> None:
        """Installs a file in one step; the content goes over the input, never into a command line."""
        done = await self.run(lines.installing(path, len(content), mode, owner), stdin=content)
        if done.status:
            raise CommandFailed(self.address, f"install {path}", done.status, tail(done.err))

    async def ask(self, address: str, port: int, request: Request, *, deadline_s: float = 5.0) -> Answer | NoAnswer:
        """Asks over HTTP through the connection, from a socket in a private folder."""
        return await ask_over(await self.forward(address, port), f"{address}:{port}", request, deadline_s=deadline_s)

    async def forward(self, address: str, port: int) -> Path:
        """A socket here that leads to an address there, for as long as the connection lasts."""
        connection = await self._connected()
        async with connection.forwarding:
            at = connection.forwards.get((address, port))
            if at is None:
                at = connection.socket.with_name(f"{connection.socket.name}.{len(connection.forwards)}")
                command = lines.forwarding(self.address, connection.socket, at, address, port)
                done = await run_here(command, once(b""))
                if done.status:
                    raise Unreachable(self.address, f"cannot lead to {address}:{port} there: {tail(done.err)}")
                connection.forwards[address, port] = at
        return at

    async def close(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _connected(self) -> _Connection:
        async with self._connecting:
            if self._connection is not None:
                if not self._connection.ended:
                    return self._connection
                await self.close()
            self._connection = await self._connect()
            return self._connection

    async def _connect(self) -> _Connection:
        key = self._ssh.key
        if key is not None and not (self._folder / key.expanduser()).is_file():
            raise Unreachable(self.address, f"the key cannot be used: {key} is no file. Mend ssh.key in the fleet file")
        connection, said = await self._try(ask=False)
        if connection is None and self._terminal is not None and _a_person_can_help(said):
            async with self._terminal:
                connection, said = await self._try(ask=True)
        if connection is None:
            raise Unreachable(self.address, unreachable(said, self.address, self._ssh))
        return connection

    async def _try(self, *, ask: bool) -> tuple[_Connection | None, str]:
        self._made += 1
        socket = self._sockets.with_name(f"{self._sockets.name}.{self._made}")
        command = lines.holding(self.address, self._ssh, self._folder, socket, ask=ask)
        # Ctrl-C goes to all of a terminal's foreground group: the connection lives on, for what is left to be said.
        process = await start(command, group=None if ask else 0)
        connection = _Connection(process, socket)
        try:
            async with asyncio.timeout(300 if ask else lines.CONNECT_TIMEOUT_S + 20):
                if await connection.hold():
                    return connection, ""
        except TimeoutError:
            await connection.close()
            return None, "timed out"
        except BaseException:
            await connection.close()
            raise
        await connection.close()
        return None, connection.said()


class _Connection:
    """The `ssh` that holds the connection, and the sockets that lead over it."""

    def __init__(self, process: Process, socket: Path) -> None:
        self.socket = socket
        self.root = False
        self.forwards: dict[tuple[str, int], Path] = {}
        self.forwarding = asyncio.Lock()
        self._process = process
        self._said: deque[bytes] = deque(maxlen=40)
        self._listening = asyncio.create_task(self._listen())

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None

    async def hold(self) -> bool:
        """Waits until commands can be run; whether they can."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            text = line.decode(errors="replace").strip()
            if found := HELD.match(text):
                self.root = found[1] == "0"
            elif text == "held":
                return True
        await self._process.wait()
        return False

    async def is_lost(self) -> bool:
        """Whether the connection is gone, rather than that a command ended with a status like `ssh`'s own."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), 1.0)
        return self.ended

    def said(self) -> str:
        """The last lines of what `ssh` wrote."""
        return b"".join(self._said).decode(errors="replace")

    async def close(self) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()
        await self._process.wait()
        await self._listening
        if self._process.stdin is not None:
            self._process.stdin.close()
        for left in (self.socket, *self.forwards.values()):
            left.unlink(missing_ok=True)

    async def _listen(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self._said.append(line)


def _a_person_can_help(said: str) -> bool:
    return any(words in said for words in ("Host key verification failed", "Permission denied", "host key is known"))
