"""Machines that are nowhere: files in a dict, and the few commands on files that the operator's verbs use, as real ones
answer them. What else a machine shall answer (Docker, say) is given to it as functions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

import msgspec

from flotilla.errors import CommandFailed, CommandTooSlow, Unreachable
from flotilla.remote import Answer, Done, NoAnswer, Request

Command = Callable[[Sequence[str], bytes], Done]
"""Answers the arguments after its name, and the input."""

Web = Callable[[Request], "Answer | NoAnswer"]


class File(msgspec.Struct, frozen=True):
    """A file or, without content, a folder."""

    content: bytes | None
    mode: int
    owner: str


class MemoryMachine:
    """See `flotilla.remote.Machine`. ``ran`` has all commands in order, ``web`` what answers on its ports;
    ``watching`` is told of files that are installed, and ``away`` says why nobody can reach it."""

    def __init__(self, address: str, commands: Mapping[str, Command] | None = None) -> None:
        self.address = address
        self.files: dict[str, File] = {}
        self.commands: dict[str, Command] = dict(commands or {})
        self.web: dict[tuple[str, int], Web] = {}
        self.ran: list[tuple[str, ...]] = []
        self.away: str | None = None
        self.watching: Callable[[str, bytes], None] = lambda path, content: None
        self._own: dict[str, Callable[[Sequence[str], bytes], Awaitable[Done]]] = {
            "true": self._true,
            "false": self._false,
            "cat": self._cat,
            "printf": self._printf,
            "sleep": self._sleep,
            "wc": self._wc,
            "stat": self._stat,
            "install": self._install,
            "rm": self._rm,
        }

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = 60.0) -> Done:
        """Runs one of the commands that this machine knows."""
        self._reached()
        self.ran.append(tuple(argv))
        name, arguments = argv[0], argv[1:]
        try:
            async with asyncio.timeout(deadline_s):
                if name in self.commands:
                    return self.commands[name](arguments, stdin)
                if name in self._own:
                    return await self._own[name](arguments, stdin)
        except TimeoutError as error:
            raise CommandTooSlow(self.address, f"{name!r} did not end within {deadline_s:.0f} s") from error
        return Done(127, b"", f"{name}: command not found\n".encode())

    async def send(self, argv: Sequence[str], content: AsyncIterator[bytes], *, deadline_s: float) -> Done:
        """Runs a command with a stream as its input."""
        return await self.run(argv, stdin=b"".join([chunk async for chunk in content]), deadline_s=deadline_s)

    async def put(self, path: str, content: bytes, *, mode: int, owner: str = "0:0") -> None:
        """Installs a file."""
        self._reached()
        folder = path.rpartition("/")[0]
        if folder and folder not in self.files:
            raise CommandFailed(self.address, f"install {path}", 1, f"no folder {folder}")
        self.files[path] = File(content, mode, owner)
        self.watching(path, content)

    async def ask(self, address: str, port: int, request: Request, *, deadline_s: float = 5.0) -> Answer | NoAnswer:
        """Asks what was put into ``web``."""
        self._reached()
        web = self.web.get((address, port))
        return web(request) if web else NoAnswer("nothing listens there, or it closed the connection without an answer")

    def _reached(self) -> None:
        if self.away is not None:
            raise Unreachable(self.address, self.away)

    async def _true(self, arguments: Sequence[str], stdin: bytes) -> Done:
        return Done(0)

    async def _false(self, arguments: Sequence[str], stdin: bytes) -> Done:
        return Done(1)

    async def _sleep(self, arguments: Sequence[str], stdin: bytes) -> Done:
        await asyncio.sleep(float(arguments[0]))
        return Done(0)

    async def _printf(self, arguments: Sequence[str], stdin: bytes) -> Done:
        return Done(0, "".join(arguments[1:]).encode())

    async def _wc(self, arguments: Sequence[str], stdin: bytes) -> Done:
        return Done(0, f"{len(stdin)}\n".encode())

    async def _cat(self, arguments: Sequence[str], stdin: bytes) -> Done:
        out, err = [] if arguments else [stdin], []
        for path in arguments:
            file = self.files.get(path)
            if file is None or file.content is None:
                err.append(f"cat: {path}: No such file or directory\n")
            else:
                out.append(file.content)
        return Done(1 if err else 0, b"".join(out), "".join(err).encode())

    async def _stat(self, arguments: Sequence[str], stdin: bytes) -> Done:
        """``stat -c '%a %u:%g' PATH…``"""
        lines, missing = [], []
        for path in arguments[2:]:
            file = self.files.get(path)
            if file is None:
                missing.append(f"stat: cannot statx '{path}': No such file or directory\n")
            else:
                lines.append(f"{file.mode:o} {file.owner}\n")
        return Done(1 if missing else 0, "".join(lines).encode(), "".join(missing).encode())

    async def _install(self, arguments: Sequence[str], stdin: bytes) -> Done:
        """``install -d -o UID -g GID -m MODE PATH…``"""
        folder, _, uid, _, gid, _, mode, *paths = arguments
        assert folder == "-d"
        for path in paths:
            parents = path.split("/")[1:-1]
            for count in range(1, len(parents) + 1):
                self.files.setdefault("/" + "/".join(parents[:count]), File(None, 0o755, "0:0"))
            self.files[path] = File(None, int(mode, 8), f"{uid}:{gid}")
        return Done(0)

    async def _rm(self, arguments: Sequence[str], stdin: bytes) -> Done:
        """``rm -rf PATH…``"""
        for path in arguments[1:]:
            for known in [known for known in self.files if known == path or known.startswith(f"{path}/")]:
                del self.files[known]
        return Done(0)


class MemoryMachines:
    """See `flotilla.remote.Machines`: what was given, by address."""

    def __init__(self, machines: Sequence[MemoryMachine]) -> None:
        self._machines = {machine.address: machine for machine in machines}

    def at(self, address: str) -> MemoryMachine:
        """The machine of this address; one that was not given does not answer."""
        if address not in self._machines:
            machine = MemoryMachine(address)
            machine.away = "no way leads there (No route to host): is it up, and is the address right?"
            self._machines[address] = machine
        return self._machines[address]


class MemoryWorkshop:
    """See `flotilla.remote.Workshop`. Time passes only by `sleep`, at once."""

    def __init__(self, commands: Mapping[str, Command] | None = None) -> None:
        self.commands = dict(commands or {})
        self.ran: list[tuple[str, ...]] = []
        self._now_s = 1_800_000_000.0

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = 60.0) -> Done:
        """Runs a command that was given."""
        self.ran.append(tuple(argv))
        command = self.commands.get(argv[0])
        return command(argv[1:], stdin) if command else Done(127, b"", f"{argv[0]}: command not found\n".encode())

    async def stream(self, argv: Sequence[str]) -> AsyncIterator[bytes]:
        """What a command writes."""
        done = await self.run(argv)
        if done.status:
            raise CommandFailed("here", argv[0], done.status, done.err.decode())
        yield done.out

    async def sleep(self, seconds: float) -> None:
        """Lets the clock go on."""
        self._now_s += seconds
        await asyncio.sleep(0)

    def now_s(self) -> float:
        """Seconds since the epoch."""
        return self._now_s
