"""The customers whose models are in memory: loads each once, keeps it up with its log, rebuilds it after corrections
and deletions, saves snapshots, forgets, and lets those go that were not used for longest. The log is the truth; a model
that was lost or fell behind is made again from it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Mapping, Sequence
from math import inf
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from autoship.domain.log import LogEntry
from autoship.domain.outcome import Outcome
from autoship.domain.record import Record
from autoship.errors import HistoryError
from autoship.ports import Appended, History, Snapshot
from autoship.service.builder import Builder
from autoship.service.counters import Counters
from autoship.service.given import GivenOut
from autoship.service.learned import Learned
from autoship.service.resident import Resident
from autoship.service.residents import Residents
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
    """All residents. Whatever changes a model, or anything that is kept of a customer, does so under its lock."""

    def __init__(
        self,
        history: History,
        builder: Builder,
        teacher: Teacher,
        given: GivenOut,
        learned: Learned,
        counters: Counters,
        *,
        most_bytes: int,
    ) -> None:
        self._history = history
        self._counters = counters
        self._teacher = teacher
        self._builder = builder
        self._given = given
        self._learned = learned
        self._residents = Residents(most_bytes)
        self._loading: dict[str, asyncio.Task[Resident | None]] = {}
        self._forgotten: set[str] = set()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._loads = asyncio.Semaphore(LOADED_AT_ONCE)
        self._rebuilds = asyncio.Semaphore(REBUILT_AT_ONCE)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._room = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._residents)

    @property
    def nbytes(self) -> int:
        """What their models take in memory."""
        return self._residents.nbytes

    def at_hand(self, customer_id: str) -> Resident | None:
        """The customer, if its model is in memory."""
        return self._residents.get(customer_id)

    def peek(self, customer_id: str) -> Resident | None:
        """The same for who only looks: it keeps the model in memory no longer."""
        return self._residents.peek(customer_id)

    async def get(self, customer_id: str) -> Resident | None:
        """The customer, loaded where it is not in memory, once however many ask; None where the history has nothing."""
        resident = self._residents.get(customer_id)
        if resident is None:
            self._counters.misses += 1
        else:
            self._counters.hits += 1
        while resident is None or resident.gone:
            task = self._loading.get(customer_id)
            if task is None:
                task = self._loading[customer_id] = self._spawn(self._load(customer_id))
            resident = await asyncio.shield(task)
            if resident is None:
                return None
        return resident

    async def append(self, customer_id: str, records: Sequence[Record]) -> Appended:
        """Adds records to the log; a model in memory knows them when this returns."""
        async with self._lock(customer_id):
            appended = await self._history.append(customer_id, records)
            resident = self._residents.get(customer_id)
            if resident is not None:
                await self._follow(resident, appended)
        return appended

    async def set(self, customer_id: str, changes: Mapping[str, float | None]) -> bool:
        """Changes what is chosen for a customer, and rebuilds its model where that matters; says whether there is
        one. The caller may be gone before it ends: what was begun is done."""
        return await asyncio.shield(self._spawn(self._set(customer_id, changes)))

    async def forget_record(self, customer_id: str, order_id: str) -> bool:
        """Forgets a record, and rebuilds the model as if it had never come; says whether there was one."""
        return await asyncio.shield(self._spawn(self._forget_record(customer_id, order_id)))

    async def forget(self, customer_id: str) -> bool:
        """Forgets a customer, in the history, in memory and on its way between them; says whether there was one."""
        return await asyncio.shield(self._spawn(self._forget(customer_id)))

    async def close(self, until: float = inf) -> None:
        """Gives up what is under way, and saves a snapshot of each model that learned since its last one, those that
        learned most first, as many as there is time for before ``until`` on the monotonic clock. The log has the rest.
        """
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        unsaved = sorted((one for one in self._residents if one.unsaved), key=lambda one: one.unsaved, reverse=True)
        while unsaved and time.monotonic() < until:
            await asyncio.gather(*map(self._save, unsaved[:SAVED_AT_ONCE]))
            del unsaved[:SAVED_AT_ONCE]
        if unsaved:
            logger.warning(
                "no time was left to save %d models: they are made of the log when they are used", len(unsaved)
            )
        for resident in unsaved:
            self._learned.drop(resident.customer_id)

    async def _load(self, customer_id: str) -> Resident | None:
        try:
            async with self._loads:
                if self._residents.full:
                    await self._make_room()
                resident = await self._build(customer_id)
                while customer_id in self._forgotten:
                    self._forgotten.discard(customer_id)
                    resident = await self._build(customer_id)
        finally:
            del self._loading[customer_id]
            self._forgotten.discard(customer_id)
        if resident is not None:
            self._save_when_due(resident)
        return resident

    async def _build(self, customer_id: str) -> Resident | None:
        """Builds the customer's model and makes it a resident; None for a stranger, or one that was forgotten
        meanwhile."""
        built = await self._builder.from_snapshot(customer_id)
        async with self._lock(customer_id):
            tail = await self._history.read(customer_id, built.model.seq)
            if tail.chosen is None or customer_id in self._forgotten:
                return None
            settings = self._builder.settings(tail.chosen)
            resident = Resident(customer_id, built.model, built.revision, built.learned, settings)
            self._learned.add(customer_id, built.outcomes, revision=built.revision, since=built.since)
            await self._learn(resident, tail.entries)
            self._rebuild_if_changed(resident, tail.revision)
            self._residents.add(resident)
            self._counters.loads += 1
        self._make_room_when_due()
        return resident

    async def _follow(self, resident: Resident, appended: Appended) -> None:
        """Has the model learn what was appended. Left in the middle, the model is dropped, to be loaded again."""
        done = False
        try:
            entries, revision = appended.entries, appended.revision
            if appended.after != resident.model.seq:
                tail = await self._history.read(resident.customer_id, resident.model.seq)
                entries, revision = tail.entries, tail.revision
            alarms = resident.model.approval.alarms
            self._counters.observe(await self._learn(resident, entries))
            self._counters.alarms += resident.model.approval.alarms - alarms
            self._rebuild_if_changed(resident, revision)
            done = True
        finally:
            if not done:
                self._residents.remove(resident.customer_id)
        self._residents.measure_if_grown(resident)
        self._make_room_when_due()
        self._save_when_due(resident)

    async def _learn(self, resident: Resident, entries: Sequence[LogEntry]) -> list[Outcome]:
        """Has the model learn what the log has beyond it, and gives what came of its predictions. Under the customer's
        lock, nothing is appended meanwhile."""
        outcomes = await self._teacher.teach(resident.model, entries)
        resident.unsaved += len(entries)
        self._learned.add(resident.customer_id, outcomes, revision=resident.revision)
        return outcomes

    async def _set(self, customer_id: str, changes: Mapping[str, float | None]) -> bool:
        async with self._lock(customer_id):
            before = await self._history.load_settings(customer_id)
            if before is None:
                return False
            chosen = msgspec.structs.replace(before, **changes)
            revision = await self._history.save_settings(customer_id, chosen)
            resident = self._residents.get(customer_id)
            if resident is not None and revision is not None:
                resident.settings = self._builder.settings(chosen)
                self._rebuild_if_changed(resident, revision)
        return True

    async def _forget_record(self, customer_id: str, order_id: str) -> bool:
        async with self._lock(customer_id):
            async with self._given.forgetting(customer_id, order_id):
                revision = await self._history.delete_record(customer_id, order_id)
            resident = self._residents.get(customer_id)
            if resident is not None and revision is not None:
                self._rebuild_if_changed(resident, revision)
        return revision is not None

    async def _forget(self, customer_id: str) -> bool:
        async with self._lock(customer_id):
            async with self._given.forgetting(customer_id):
                known = await self._history.delete_customer(customer_id)
                resident = self._residents.remove(customer_id)
            if resident is not None:
                resident.gone = True
                if resident.rebuild is not None:
                    resident.rebuild.cancel()
            if customer_id in self._loading:
                self._forgotten.add(customer_id)
            self._learned.drop(customer_id)
        return known

    def _rebuild_if_changed(self, resident: Resident, revision: int) -> None:
        if revision == resident.revision:
            return
        resident.stale = True
        if resident.rebuild is None:
            resident.rebuild = self._spawn(self._rebuild(resident))

    async def _rebuild(self, resident: Resident) -> None:
        """Builds the model anew until it is of the log as it stands, however many changes come meanwhile."""
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
        except Exception:
            if self._residents.peek(resident.customer_id) is resident:
                self._residents.remove(resident.customer_id)
            raise
        finally:
            resident.rebuild = None
        await self._save(resident)
        self._make_room_when_due()

    async def _rebuild_once(self, resident: Resident) -> None:
        """Swaps in a model built from the log. Where that was changed meanwhile, it is newer than the one before."""
        customer_id = resident.customer_id
        built = await self._builder.from_log(customer_id)
        async with self._lock(customer_id):
            tail = await self._history.read(customer_id, built.model.seq)
            outcomes = await self._teacher.teach(built.model, tail.entries)
            self._learned.add(customer_id, built.outcomes + outcomes, revision=built.revision, since=built.since)
            resident.model, resident.revision = built.model, built.revision
            self._residents.measure(resident)
            resident.unsaved = built.learned + len(tail.entries)
            resident.stale = tail.revision != built.revision
            self._counters.rebuilds += 1

    def _save_when_due(self, resident: Resident) -> None:
        if resident.unsaved >= SAVED_EVERY and not resident.stale:
            self._spawn(self._save(resident))

    async def _save(self, resident: Resident) -> None:
        """Saves a snapshot; without one the next start takes longer, so a failure is only logged.

        It is made in a thread: under the lock the model only predicts meanwhile, which changes nothing in it. What it
        has learned is written before, so that no outcome is missing from what a restart finds.
        """
        async with self._lock(resident.customer_id):
            if resident.unsaved and not resident.stale and self._residents.peek(resident.customer_id) is resident:
                await self._save_it(resident)

    async def _save_it(self, resident: Resident) -> None:
        model = resident.model
        data = await asyncio.to_thread(model.to_bytes)
        snapshot = Snapshot(model.seq, resident.revision, data, model.summary().numbers())
        try:
            await self._learned.flush(resident.customer_id)
            await self._history.save_snapshot(resident.customer_id, snapshot)
            resident.unsaved = 0
            self._counters.snapshots += 1
        except HistoryError as error:
            logger.warning("no snapshot of customer %r was saved: %s", resident.customer_id, error)

    def _make_room_when_due(self) -> None:
        if not self._room.locked() and self._residents.surplus(self._is_free):
            self._spawn(self._make_room())

    async def _make_room(self) -> None:
        """Lets the least recently used go until there is room."""
        async with self._room:
            while going := self._residents.surplus(self._is_free)[:SAVED_AT_ONCE]:
                await asyncio.gather(*map(self._let_go, going))

    def _is_free(self, resident: Resident) -> bool:
        lock = self._locks.get(resident.customer_id)
        return not resident.stale and (lock is None or not lock.locked())

    async def _let_go(self, resident: Resident) -> None:
        """Saves a model and lets it go. One that cannot be saved goes, too: the bound holds, and the log has it all."""
        customer_id = resident.customer_id
        async with self._lock(customer_id):
            if resident.stale or self._residents.peek(customer_id) is not resident:
                return
            if resident.unsaved:
                await self._save_it(resident)
            if self._residents.last is resident:
                return
            if resident.unsaved:
                self._learned.drop(customer_id)
            self._residents.remove(customer_id)
            self._counters.evictions += 1

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
