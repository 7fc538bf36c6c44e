"""The customers whose models are in memory: loads each once, keeps it up with its log, rebuilds it after corrections,
saves snapshots. The log is the truth; a model that was lost or fell behind is made again from it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any
from weakref import WeakValueDictionary

from autoship.domain.record import Record
from autoship.errors import HistoryError
from autoship.ports import Appended, History, Snapshot
from autoship.service.builder import Builder
from autoship.service.counters import Counters
from autoship.service.resident import Resident
from autoship.service.turns import Teacher

SAVED_EVERY = 1_000
"""A snapshot is saved once a model has learned so many entries since the last one."""

SAVED_AT_ONCE = 32
LOADED_AT_ONCE = 4
REBUILT_AT_ONCE = 1
RETRY_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""How long a rebuild waits for a history that is away, the last one for ever after."""

logger = logging.getLogger(__name__)


class Customers:
    """All residents. Whatever changes a model or reads it whole does so under the customer's lock."""

    def __init__(self, history: History, builder: Builder, teacher: Teacher, counters: Counters) -> None:
        self._history = history
        self._counters = counters
        self._teacher = teacher
        self._builder = builder
        self._residents: dict[str, Resident] = {}
        self._loading: dict[str, asyncio.Task[Resident | None]] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._loads = asyncio.Semaphore(LOADED_AT_ONCE)
        self._rebuilds = asyncio.Semaphore(REBUILT_AT_ONCE)
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._residents)

    def at_hand(self, customer_id: str) -> Resident | None:
        """The customer, if its model is in memory."""
        return self._residents.get(customer_id)

    async def get(self, customer_id: str) -> Resident | None:
        """The customer, loaded where it is not in memory, once however many ask; None where the history has nothing."""
        resident = self._residents.get(customer_id)
        if resident is not None:
            self._counters.hits += 1
            return resident
        self._counters.misses += 1
        task = self._loading.get(customer_id)
        if task is None:
            task = self._loading[customer_id] = self._spawn(self._load(customer_id))
        return await asyncio.shield(task)

    async def append(self, customer_id: str, records: Sequence[Record]) -> Appended:
        """Adds records to the log; a model in memory knows them when this returns."""
        async with self._lock(customer_id):
            appended = await self._history.append(customer_id, records)
            resident = self._residents.get(customer_id)
            if resident is not None:
                await self._follow(resident, appended)
        return appended

    async def close(self) -> None:
        """Gives up what is under way, and saves a snapshot of each model that learned since its last one."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        residents = tuple(self._residents.values())
        for start in range(0, len(residents), SAVED_AT_ONCE):
            await asyncio.gather(*map(self._save, residents[start : start + SAVED_AT_ONCE]))

    async def _load(self, customer_id: str) -> Resident | None:
        try:
            async with self._loads:
                built = await self._builder.from_snapshot(customer_id)
                resident = Resident(customer_id, built.model, built.revision, built.learned)
                async with self._lock(customer_id):
                    await self._catch_up(resident)
                    if not resident.model.seq:
                        return None
                    self._residents[customer_id] = resident
                    self._counters.loads += 1
        finally:
            del self._loading[customer_id]
        self._save_when_due(resident)
        return resident

    async def _follow(self, resident: Resident, appended: Appended) -> None:
        """Has the model learn what was appended. Left in the middle, the model is dropped, to be loaded again."""
        done = False
        try:
            if appended.after == resident.model.seq:
                alarms = resident.model.approval.alarms
                self._counters.observe(await self._teacher.teach(resident.model, appended.entries))
                self._counters.alarms += resident.model.approval.alarms - alarms
                resident.unsaved += len(appended.entries)
                self._rebuild_if_corrected(resident, appended.revision)
            else:
                await self._catch_up(resident)
            done = True
        finally:
            if not done:
                self._residents.pop(resident.customer_id, None)
        self._save_when_due(resident)

    async def _catch_up(self, resident: Resident) -> None:
        """Has the model learn what the log has beyond it. Under the customer's lock, nothing is appended meanwhile."""
        tail = await self._history.read(resident.customer_id, resident.model.seq)
        await self._teacher.teach(resident.model, tail.entries)
        resident.unsaved += len(tail.entries)
        self._rebuild_if_corrected(resident, tail.revision)

    def _rebuild_if_corrected(self, resident: Resident, revision: int) -> None:
        if revision == resident.revision:
            return
        resident.stale = True
        if resident.rebuild is None:
            resident.rebuild = self._spawn(self._rebuild(resident))

    async def _rebuild(self, resident: Resident) -> None:
        """Builds the model anew until it is of the log as it stands, however many corrections come meanwhile."""
        failures = 0
        try:
            while resident.stale:
                try:
                    async with self._rebuilds:
                        await self._rebuild_once(resident)
                except HistoryError as error:
                    logger.warning("customer %r waits to be rebuilt: %s", resident.customer_id, error)
                    await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
                    failures += 1
        finally:
            resident.rebuild = None
        await self._save(resident)

    async def _rebuild_once(self, resident: Resident) -> None:
        """Swaps in a model built from the log. Where that was corrected meanwhile, it is newer than the one before."""
        built = await self._builder.from_log(resident.customer_id)
        async with self._lock(resident.customer_id):
            tail = await self._history.read(resident.customer_id, built.model.seq)
            await self._teacher.teach(built.model, tail.entries)
            resident.model, resident.revision = built.model, built.revision
            resident.unsaved = built.learned + len(tail.entries)
            resident.stale = tail.revision != built.revision
            self._counters.rebuilds += 1

    def _save_when_due(self, resident: Resident) -> None:
        if resident.unsaved >= SAVED_EVERY and not resident.stale:
            self._spawn(self._save(resident))

    async def _save(self, resident: Resident) -> None:
        """Saves a snapshot; without one the next start takes longer, so a failure is only logged.

        It is made in a thread: under the lock the model only predicts meanwhile, which changes nothing in it.
        """
        async with self._lock(resident.customer_id):
            if not resident.unsaved or resident.stale or self._residents.get(resident.customer_id) is not resident:
                return
            data = await asyncio.to_thread(resident.model.to_bytes)
            snapshot = Snapshot(resident.model.seq, resident.revision, data)
            unsaved, resident.unsaved = resident.unsaved, 0
        saved = False
        try:
            await self._history.save_snapshot(resident.customer_id, snapshot)
            saved = True
            self._counters.snapshots += 1
        except HistoryError as error:
            logger.warning("no snapshot of customer %r was saved: %s", resident.customer_id, error)
        finally:
            if not saved:
                resident.unsaved += unsaved

    def _lock(self, customer_id: str) -> asyncio.Lock:
        lock = self._locks.get(customer_id)
        if lock is None:
            lock = self._locks[customer_id] = asyncio.Lock()
        return lock

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, HistoryError):
            logger.error("a task in the background failed", exc_info=error)
