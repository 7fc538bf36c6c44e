"""Predictions that were given out, on their way into the history: written behind the answer, many at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from itertools import chain

from autoship.domain.served import Served
from autoship.errors import HistoryError
from autoship.ports import History
from autoship.service.behind import WRITTEN_EVERY_S, Behind
from autoship.service.counters import Counters

MOST_WAITING = 50_000
"""While the history is away, the newest so many wait; the oldest are given up."""

logger = logging.getLogger(__name__)


class GivenOut:
    """Keeps predictions a moment, and writes them together.

    What is lost with a crash is at most the last `WRITTEN_EVERY_S`: their orders are judged as if nobody had asked.
    """

    def __init__(
        self, history: History, counters: Counters, *, every_s: float = WRITTEN_EVERY_S, most: int = MOST_WAITING
    ) -> None:
        self._history = history
        self._counters = counters
        self._most = most
        self._waiting: list[Served] = []
        self._writing: list[Served] = []
        self._turn = asyncio.Lock()
        self._behind = Behind("predictions given out", self.flush, lambda: bool(self._waiting), every_s=every_s)

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting) + len(self._writing)

    def add(self, served: Served) -> None:
        """Takes one in. Costs the answer next to nothing."""
        self._waiting.append(served)
        self._behind.soon()

    async def flush(self) -> None:
        """Writes what waits, and returns once it is kept; raises `HistoryError`, and keeps them waiting."""
        async with self._turn:
            if not self._waiting:
                return
            self._writing, self._waiting = self._waiting, []
            try:
                await self._history.keep_predictions(self._writing)
            except Exception:  # not where this is cancelled: what was handed over may be written all the same
                waiting = self._writing + self._waiting
                self._waiting = waiting[-self._most :]
                self._counters.predictions_lost += len(waiting) - len(self._waiting)
                raise
            finally:
                self._writing = []

    async def flush_for(self, orders: Collection[tuple[str, str]]) -> None:
        """Writes what waits if any of it is of these orders (customer and order), to be there when they are judged."""
        if any((one.customer_id, one.order_id) in orders for one in chain(self._writing, self._waiting)):
            await self.flush()

    @asynccontextmanager
    async def forgetting(self, customer_id: str, order_id: str | None = None) -> AsyncIterator[None]:
        """Nothing is written within the block; at its end, what waits of the customer, or of this order of it, is
        given up. Left with an error, nothing is."""
        async with self._turn:
            yield
            self._waiting = [
                one
                for one in self._waiting
                if one.customer_id != customer_id or (order_id is not None and one.order_id != order_id)
            ]

    async def close(self) -> None:
        """Writes what waits, and stops; what cannot be written is given up, and said so."""
        await self._behind.stop()
        try:
            await self.flush()
        except HistoryError as error:
            self._counters.predictions_lost += len(self._waiting)
            logger.error("%d predictions given out were not kept: %s", len(self._waiting), error)
