"""A history in this process's memory: for trying out and for tests. Gone when the process ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from autoship.domain.batch import plan_batch
from autoship.domain.log import LogEntry
from autoship.domain.record import Record
from autoship.domain.served import Served
from autoship.ports import LONGEST_READ, Appended, Retention, Snapshot, Tail


class MemoryHistory:
    """A `History` that keeps nothing for later."""

    trouble: str | None = None

    def __init__(self, retention: Retention | None = None) -> None:
        self._logs: dict[str, _Log] = {}
        self._retention = retention or Retention()
        self._served: deque[Served] = deque(maxlen=self._retention.number)

    async def append(self, customer_id: str, records: Sequence[Record]) -> Appended:
        log = self._logs.get(customer_id) or _Log()
        ids = {record.order_id for record in records}
        plan = plan_batch(
            records,
            stored={one: log.entries[log.places[one]] for one in ids if one in log.places},
            served=self._served_for(customer_id, ids),
            last_seq=log.last_seq,
        )
        after = log.last_seq
        if plan.accepted:
            self._logs[customer_id] = log
        log.write(plan.entries, plan.corrections)
        return Appended(plan.accepted, plan.unchanged, plan.replaced, plan.entries, after, log.revision)

    async def read(self, customer_id: str, after: int = 0) -> Tail:
        log = self._logs.get(customer_id)
        if log is None:
            return Tail((), 0, False)
        entries: list[LogEntry] = []
        for seq, entry in reversed(log.entries.items()):
            if seq <= after or len(entries) > LONGEST_READ:
                break
            entries.append(entry)
        entries.reverse()
        return Tail(tuple(entries[-LONGEST_READ:]), log.revision, len(entries) > LONGEST_READ)

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

    async def keep_predictions(self, served: Sequence[Served]) -> None:
        self._served.extend(one for one in served if one.customer_id in self._logs)
        while self._served and self._served[0].served_at < self._served[-1].served_at - self._retention.age:
            self._served.popleft()

    async def find_predictions(self, customer_id: str, order_id: str) -> Sequence[Served]:
        return self._served_for(customer_id, {order_id}).get(order_id, [])

    async def probe(self) -> None:
        return None

    async def close(self) -> None:
        self._logs.clear()
        self._served.clear()

    def _served_for(self, customer_id: str, order_ids: set[str]) -> dict[str, list[Served]]:
        found: dict[str, list[Served]] = {}
        for one in self._served:
            if one.customer_id == customer_id and one.order_id in order_ids:
                found.setdefault(one.order_id, []).append(one)
        return found


class _Log:
    """One customer's log. ``entries`` are by seq, in order; ``places`` says the seq of each order."""

    def __init__(self) -> None:
        self.entries: dict[int, LogEntry] = {}
        self.places: dict[str, int] = {}
        self.last_seq = 0
        self.revision = 0
        self.snapshot: Snapshot | None = None

    def write(self, entries: Sequence[LogEntry], corrections: Sequence[LogEntry]) -> None:
        for entry in (*entries, *corrections):
            self.entries[entry.seq] = entry
            self.places[entry.record.order_id] = entry.seq
        if entries:
            self.last_seq = entries[-1].seq
        if corrections:
            self.revision += 1
            self.snapshot = None
