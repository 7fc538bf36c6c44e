"""A history for tests of what is asked of one when, and a service over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from autoship.adapters.memory import MemoryHistory
from autoship.domain.outcome import Outcome
from autoship.domain.record import Record
from autoship.domain.served import Served
from autoship.errors import HistoryUnavailable
from autoship.ports import Appended, History, Snapshot, Tail
from autoship.service import Autoship, Settings
from autoship_samples import DAY, request


@asynccontextmanager
async def service(history: History, clock: Callable[[], datetime] = lambda: DAY) -> AsyncIterator[Autoship]:
    one = Autoship(history, settings=Settings(), clock=clock)
    try:
        yield one
    finally:
        await one.close()


async def known(autoship: Autoship, customer_id: str = "acme") -> int:
    """How many orders the next prediction has been learned from."""
    return (await autoship.predict(request(customer_id))).learned_from.orders


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


ALL = {"append", "read", "tail", "load", "save", "keep", "outcomes", "delete"}


class Watched(MemoryHistory):
    """A history that lists what is asked of it, and that can be held up or, for some calls, be away."""

    def __init__(self) -> None:
        super().__init__()
        self.away: set[str] = set()
        self.calls: list[str] = []
        self.open = asyncio.Event()
        self.open.set()

    async def _asked(self, call: str) -> None:
        self.calls.append(call)
        await self.open.wait()
        await asyncio.sleep(0)
        if call in self.away:
            self.trouble = "away"
            raise HistoryUnavailable("the history is away")
        self.trouble = None

    async def append(self, customer_id: str, records: Sequence[Record]) -> Appended:
        await self._asked("append")
        return await super().append(customer_id, records)

    async def read(self, customer_id: str, after: int = 0) -> Tail:
        await self._asked("read" if after == 0 else "tail")
        return await super().read(customer_id, after)

    async def load_snapshot(self, customer_id: str) -> Snapshot | None:
        await self._asked("load")
        return await super().load_snapshot(customer_id)

    async def save_snapshot(self, customer_id: str, snapshot: Snapshot) -> bool:
        await self._asked("save")
        return await super().save_snapshot(customer_id, snapshot)

    async def keep_predictions(self, served: Sequence[Served]) -> None:
        await self._asked("keep")
        await super().keep_predictions(served)

    async def keep_outcomes(
        self, customer_id: str, outcomes: Sequence[Outcome], *, revision: int, since: int | None = None
    ) -> bool:
        await self._asked("outcomes")
        return await super().keep_outcomes(customer_id, outcomes, revision=revision, since=since)

    async def delete_customer(self, customer_id: str) -> bool:
        await self._asked("delete")
        return await super().delete_customer(customer_id)

    async def delete_record(self, customer_id: str, order_id: str) -> int | None:
        await self._asked("delete")
        return await super().delete_record(customer_id, order_id)
