"""A history in this process's memory: for trying out and for tests. Gone when the process ends."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice, takewhile

from autoship.domain.batch import foresee, plan_batch
from autoship.domain.log import LogEntry
from autoship.domain.outcome import Match, Outcome
from autoship.domain.record import Record
from autoship.domain.served import Served
from autoship.domain.settings import Chosen
from autoship.ports import LONGEST_READ, Appended, Listed, Retention, Snapshot, Tail


class MemoryHistory:
    """A `History` that keeps nothing for later."""

    trouble: str | None = None

    def __init__(self, retention: Retention | None = None) -> None:
        self._logs: dict[str, _Log] = {}
        self._names: list[str] = []
        self._served = _GivenOut(retention or Retention())
        self._first_revision = 0

    async def append(self, customer_id: str, records: Sequence[Record]) -> Appended:
        log = self._logs.get(customer_id) or _Log(self._first_revision)
        ids = {record.order_id for record in records}
        plan = plan_batch(
            records,
            stored={one: log.entries[log.places[one]] for one in ids if one in log.places},
            served={one: self._served.of(customer_id, one) for one in ids},
            last_seq=log.last_seq,
        )
        after = log.last_seq
        if plan.accepted and customer_id not in self._logs:
            self._logs[customer_id] = log
            insort(self._names, customer_id)
        log.write((*plan.entries, *plan.corrections))
        for batch_after in plan.moved:
            log.foresee(batch_after)
        if plan.corrections:
            log.revise(*(entry.seq for entry in plan.corrections))
        return Appended(plan.accepted, plan.unchanged, plan.replaced, plan.entries, after, log.revision)

    async def read(self, customer_id: str, after: int = 0) -> Tail:
        log = self._logs.get(customer_id)
        if log is None:
            return Tail((), 0, False, None)
        beyond = takewhile(lambda entry: entry.seq > after, reversed(log.entries.values()))
        entries = list(islice(beyond, LONGEST_READ + 1))[::-1]
        return Tail(tuple(entries[-LONGEST_READ:]), log.revision, len(entries) > LONGEST_READ, log.chosen)

    async def find_record(self, customer_id: str, order_id: str) -> LogEntry | None:
        log = self._logs.get(customer_id)
        place = log.places.get(order_id) if log else None
        return log.entries[place] if log and place is not None else None

    async def list_customers(self, after: str | None, limit: int) -> Sequence[Listed]:
        first = 0 if after is None else bisect_left(self._names, after + "\0")
        return [self._listed(name) for name in self._names[first : first + limit]]

    def _listed(self, customer_id: str) -> Listed:
        log = self._logs[customer_id]
        until = max((entry.record.known_at for entry in log.entries.values()), default=None)
        return Listed(customer_id, len(log.entries), until, log.snapshot.numbers if log.snapshot else None)

    async def load_snapshot(self, customer_id: str) -> Snapshot | None:
        log = self._logs.get(customer_id)
        return log.snapshot if log else None

    async def save_snapshot(self, customer_id: str, snapshot: Snapshot) -> bool:
        log = self._logs.get(customer_id)
        if log is None or log.revision != snapshot.revision:
            return False
        if log.snapshot is not None and log.snapshot.seq > snapshot.seq:
            return False
        log.snapshot = snapshot
        return True

    async def keep_outcomes(
        self, customer_id: str, outcomes: Sequence[Outcome], *, revision: int, since: int | None = None
    ) -> bool:
        log = self._logs.get(customer_id)
        if log is None or log.revision != revision:
            return False
        if since is not None:
            log.outcomes = {seq: outcome for seq, outcome in log.outcomes.items() if seq < since}
        log.outcomes |= {outcome.seq: outcome for outcome in outcomes}
        return True

    async def read_outcomes(
        self, customer_id: str, match: Match, *, before: int | None = None, limit: int
    ) -> Sequence[Outcome]:
        log = self._logs.get(customer_id)
        newest_first = sorted(log.outcomes.values(), key=lambda outcome: -outcome.seq) if log else []
        fitting = (one for one in newest_first if (before is None or one.seq < before) and match.fits(one))
        return list(islice(fitting, limit))

    async def keep_predictions(self, served: Sequence[Served]) -> None:
        self._served.add([one for one in served if one.customer_id in self._logs])

    async def find_answer(self, customer_id: str, order_id: str) -> Served | None:
        served = self._served.of(customer_id, order_id)
        entry = await self.find_record(customer_id, order_id)
        if entry is None:
            return max(reversed(served), key=lambda one: one.served_at) if served else None
        return next((one for one in served if one.judged == entry.judged), None)

    async def load_settings(self, customer_id: str) -> Chosen | None:
        log = self._logs.get(customer_id)
        return log.chosen if log else None

    async def save_settings(self, customer_id: str, chosen: Chosen) -> int | None:
        log = self._logs.get(customer_id)
        if log is None:
            return None
        if log.chosen != chosen:
            log.chosen = chosen
            log.revise()
        return log.revision

    async def delete_customer(self, customer_id: str) -> bool:
        log = self._logs.pop(customer_id, None)
        if log is None:
            return False
        self._names.remove(customer_id)
        self._served.forget(lambda one: one.customer_id == customer_id)
        self._first_revision = max(self._first_revision, log.revision + 1)
        return True

    async def delete_record(self, customer_id: str, order_id: str) -> int | None:
        log = self._logs.get(customer_id)
        if log is None or order_id not in log.places:
            return None
        entry = log.entries.pop(log.places.pop(order_id))
        log.foresee(entry.batch_after)
        log.revise(entry.seq)
        self._served.forget(lambda one: one.customer_id == customer_id and one.order_id == order_id)
        return log.revision

    async def probe(self) -> None:
        return None

    async def close(self) -> None:
        self._logs.clear()
        self._names.clear()
        self._served.forget(lambda _: True)


class _Log:
    """One customer's log. ``entries`` are by seq, in order; ``places`` says the seq of each order."""

    def __init__(self, revision: int) -> None:
        self.entries: dict[int, LogEntry] = {}
        self.places: dict[str, int] = {}
        self.last_seq = 0
        self.revision = revision
        self.chosen = Chosen()
        self.snapshot: Snapshot | None = None
        self.outcomes: dict[int, Outcome] = {}

    def write(self, entries: Sequence[LogEntry]) -> None:
        for entry in entries:
            self.entries[entry.seq] = entry
            self.places[entry.record.order_id] = entry.seq
            self.last_seq = max(self.last_seq, entry.seq)

    def foresee(self, batch_after: int) -> None:
        self.write(foresee([entry for entry in self.entries.values() if entry.batch_after == batch_after]))

    def revise(self, *seqs: int) -> None:
        """What was made from the log is of the past, and so are the outcomes at ``seqs``."""
        self.revision += 1
        self.snapshot = None
        for seq in seqs:
            self.outcomes.pop(seq, None)


class _GivenOut:
    """Predictions in the order of their giving, and those of each order."""

    def __init__(self, retention: Retention) -> None:
        self._retention = retention
        self._all: deque[Served] = deque()
        self._of_order: dict[tuple[str, str], deque[Served]] = {}

    def of(self, customer_id: str, order_id: str) -> Sequence[Served]:
        return self._of_order.get((customer_id, order_id), ())

    def add(self, served: Sequence[Served]) -> None:
        for one in served:
            self._all.append(one)
            self._of_order.setdefault((one.customer_id, one.order_id), deque()).append(one)
        while self._all and self._is_due(self._all[0]):
            oldest = self._all.popleft()
            of_order = self._of_order[oldest.customer_id, oldest.order_id]
            of_order.popleft()
            if not of_order:
                del self._of_order[oldest.customer_id, oldest.order_id]

    def _is_due(self, oldest: Served) -> bool:
        since = self._all[-1].served_at - self._retention.age
        return len(self._all) > self._retention.number or oldest.served_at < since

    def forget(self, forgotten: Callable[[Served], bool]) -> None:
        kept = [one for one in self._all if not forgotten(one)]
        self._all.clear()
        self._of_order.clear()
        self.add(kept)
