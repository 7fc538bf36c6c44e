"""The pace of what is written behind the answer: many at once, a moment later, and seldom while the history is away."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from autoship.errors import HistoryError

WRITTEN_EVERY_S = 0.2
LONGEST_PAUSE_S = 10.0

logger = logging.getLogger(__name__)


class Behind:
    """Has ``write`` called a moment after `soon`, and again as long as something is ``waiting``.

    ``write`` raises `HistoryError` where the history is away: it is called again, less and less often.
    """

    def __init__(
        self,
        what: str,
        write: Callable[[], Awaitable[None]],
        waiting: Callable[[], bool],
        *,
        every_s: float = WRITTEN_EVERY_S,
    ) -> None:
        self._what = what
        self._write = write
        self._waiting = waiting
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None
        self._stopped = asyncio.Event()

    def soon(self) -> None:
        """Something waits. Costs next to nothing."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Writes no more by itself. What is being written is waited for: nobody could tell whether it was written."""
        self._stopped.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        pause = self._every_s
        try:
            while self._waiting():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopped.wait(), pause)
                if self._stopped.is_set():
                    return
                try:
                    await self._write()
                    pause = self._every_s
                except HistoryError as error:
                    pause = min(2 * pause, LONGEST_PAUSE_S)
                    logger.warning("%s wait for the history: %s", self._what, error)
        finally:
            self._task = None
