"""The operator's own machine, as `flotilla.remote.Workshop` wants it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from flotilla.adapters.process import once, run_here, stream_here
from flotilla.adapters.words import shown, tail
from flotilla.errors import CommandFailed, CommandTooSlow
from flotilla.remote import Done

HERE = "this machine"


class LocalWorkshop:
    """Programs run in ``folder``, the fleet file's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = 60.0) -> Done:
        """Runs a program; 127 where there is none of that name."""
        try:
            async with asyncio.timeout(deadline_s):
                return await run_here(argv, once(stdin), folder=self._folder)
        except TimeoutError as error:
            raise CommandTooSlow(HERE, f"{shown(argv)!r} did not end within {deadline_s:.0f} s") from error
        except OSError as error:
            return Done(127, b"", f"{argv[0]}: {error.strerror or error}\n".encode())

    async def stream(self, argv: Sequence[str]) -> AsyncIterator[bytes]:
        """A program's output as it comes."""
        async for part in stream_here(argv, folder=self._folder):
            if isinstance(part, bytes):
                yield part
            elif part.status:
                raise CommandFailed(HERE, shown(argv), part.status, tail(part.err))

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)

    def now_s(self) -> float:
        """Seconds since the epoch."""
        return time.time()
