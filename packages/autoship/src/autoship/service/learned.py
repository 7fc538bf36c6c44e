"""What came of predictions, on its way into the history: written behind, many at once, and always before a snapshot
that has learned it. What a crash takes is made again when the log's tail is learned."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from autoship.domain.outcome import Outcome
from autoship.errors import HistoryError
from autoship.ports import History
from autoship.service.behind import Behind

WRITTEN_AT_ONCE = 2_000
CUSTOMERS_AT_ONCE = 32

logger = logging.getLogger(__name__)


class _Waiting:
    """One customer's outcomes as of a revision of its log; with ``since``, in place of all from that seq on."""

    def __init__(self, revision: int, since: int | None) -> None:
        self.revision = revision
        self.since = since
        self.outcomes: list[Outcome] = []
        self.turn = asyncio.Lock()

    @property
    def any(self) -> bool:
        return bool(self.outcomes) or self.since is not None


class Learned:
    """Keeps outcomes a moment, and writes each customer's together."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._waiting: dict[str, _Waiting] = {}
        self._behind = Behind("outcomes", self.flush_all, lambda: bool(self._waiting))

    def add(self, customer_id: str, outcomes: Sequence[Outcome], *, revision: int, since: int | None = None) -> None:
        """Takes in what a model has learned of its log as it was at ``revision``; with ``since``, it takes the place of
        what was learned before from that seq on."""
        waiting = self._waiting.get(customer_id)
        if since is not None or (outcomes and (waiting is None or waiting.revision != revision)):
            waiting = self._waiting[customer_id] = _Waiting(revision, since)
        if waiting is not None and waiting.revision == revision:
            waiting.outcomes += outcomes
            self._behind.soon()

    async def flush(self, customer_id: str) -> None:
        """Writes what waits of a customer, and returns once it is kept, or refused since the log was corrected;
        raises `HistoryError`, and keeps the rest waiting."""
        waiting = self._waiting.get(customer_id)
        if waiting is None:
            return
        async with waiting.turn:
            while waiting.any:
                part = waiting.outcomes[:WRITTEN_AT_ONCE]
                await self._history.keep_outcomes(customer_id, part, revision=waiting.revision, since=waiting.since)
                waiting.since = None
                del waiting.outcomes[: len(part)]
        if self._waiting.get(customer_id) is waiting:
            del self._waiting[customer_id]

    async def flush_all(self) -> None:
        """Writes what waits of all; raises `HistoryError`."""
        customers = list(self._waiting)
        for start in range(0, len(customers), CUSTOMERS_AT_ONCE):
            await asyncio.gather(*map(self.flush, customers[start : start + CUSTOMERS_AT_ONCE]))

    def drop(self, customer_id: str) -> None:
        """Gives up what waits of a customer: it was forgotten, or no snapshot will hold it."""
        self._waiting.pop(customer_id, None)

    async def close(self) -> None:
        """Writes what waits, and stops. What cannot be written is made again when the log is learned again."""
        await self._behind.stop()
        try:
            await self.flush_all()
        except HistoryError as error:
            logger.warning("outcomes of %d customers were not kept: %s", len(self._waiting), error)
