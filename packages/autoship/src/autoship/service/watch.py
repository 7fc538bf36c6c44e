"""Looks after a history that is away, so that the service knows when it is back though nobody else calls it."""

from __future__ import annotations

import asyncio
import logging

from autoship.errors import HistoryError
from autoship.ports import History

PROBED_AFTER_S = (0.25, 0.5, 1.0, 2.0, 5.0)
"""How long to wait before each probe, the last one for ever after."""

logger = logging.getLogger(__name__)


class HistoryWatch:
    """Probes while the history's last call failed, and never otherwise."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._task: asyncio.Task[None] | None = None

    @property
    def trouble(self) -> str | None:
        """Why the history's last call failed, None where it did not; begins to probe where nobody does."""
        trouble = self._history.trouble
        if trouble is not None and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._probe_until_back(trouble))
        return trouble

    async def close(self) -> None:
        """Gives up probing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _probe_until_back(self, trouble: str | None) -> None:
        logger.error("the history is away: %s", trouble)
        probes = 0
        try:
            while trouble is not None:
                await asyncio.sleep(PROBED_AFTER_S[min(probes, len(PROBED_AFTER_S) - 1)])
                probes += 1
                try:
                    await self._history.probe()
                except HistoryError as error:
                    logger.debug("the history is still away: %s", error)
                trouble = self._history.trouble
        finally:
            self._task = None
        logger.info("the history is back")
