"""What a batch of records does to one customer's log. Pure: decides which records are new, which are known already and
which correct an earlier one, and in which order and as of when the new ones are learned. Stores nothing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import accumulate

import msgspec

from autoship.domain.log import LogEntry
from autoship.domain.record import Record
from autoship.domain.served import Served, judge


class Plan(msgspec.Struct, frozen=True):
    """What to write: ``entries`` are new and go to the log's end, ``corrections`` take the place of those of their seq.

    ``accepted``, ``unchanged`` and ``replaced`` add up to the number of records in the batch: each record counts as
    what it would have been, had they come one by one. ``moved`` names the earlier batches, by their
    `LogEntry.batch_after`, in which a time was corrected: `foresee` says what follows for their entries.
    """

    entries: tuple[LogEntry, ...]
    corrections: tuple[LogEntry, ...]
    accepted: int
    unchanged: int
    replaced: int
    moved: tuple[int, ...] = ()


def plan_batch(
    records: Sequence[Record],
    *,
    stored: Mapping[str, LogEntry],
    served: Mapping[str, Sequence[Served]],
    last_seq: int,
) -> Plan:
    """What ``records``, all of one customer, do to a log whose last entry has ``last_seq``.

    ``stored`` holds the entries that the log has for the orders in the batch, ``served`` the predictions given out for
    them, both by ``order_id``. Of several records of one order, the last one holds.

    A correction keeps its place in the log. Where it changes when its record became known, the record is judged as if
    it had always said so: by the last prediction still kept that was served before that time and had not learned the
    record; where none is kept, by the one before if the time has moved on, and by none that was served if it has moved
    back.
    """
    latest, accepted, unchanged, replaced = _latest(records, stored)
    entries = _new_entries([record for key, record in latest.items() if key not in stored], served, last_seq)
    corrections = tuple(
        _corrected(stored[key], record, served.get(key, ()))
        for key, record in latest.items()
        if key in stored and not same_content(stored[key].record, record)
    )
    moved = {one.batch_after for one in corrections if _times(one.record) != _times(stored[one.record.order_id].record)}
    return Plan(entries, corrections, accepted, unchanged, replaced, tuple(sorted(moved)))


def foresee(batch: Sequence[LogEntry]) -> list[LogEntry]:
    """The entries that are to be foreseen from another place of the log than they were, after what is in their batch
    has changed. ``batch`` is what is left of one batch, in the order of the log.

    Each is foreseen just before the first of them that became known only after it was ordered, and never later than
    just before itself.
    """
    known = list(accumulate((entry.record.known_at for entry in batch), max))
    changed = []
    for place, entry in enumerate(batch):
        after = batch[min(place, bisect_right(known, entry.record.ordered_at))].seq - 1
        if after != entry.foreseen_after:
            changed.append(msgspec.structs.replace(entry, foreseen_after=after))
    return changed


def same_content(one: Record, other: Record) -> bool:
    """Whether two records say the same, whatever the order of their fields."""
    return _canonical(one) == _canonical(other)


def _corrected(before: LogEntry, record: Record, served: Sequence[Served]) -> LogEntry:
    judged = before.judged
    if record.known_at != before.record.known_at:
        moved_on = record.known_at > before.record.known_at
        judged = judge(record, served, seq=before.seq) or (judged if moved_on else None)
    return msgspec.structs.replace(before, record=record, judged=judged)


def _times(record: Record) -> tuple[datetime, datetime]:
    return record.ordered_at, record.known_at


def _canonical(record: Record) -> bytes:
    return msgspec.msgpack.encode(record, order="sorted")


def _latest(records: Iterable[Record], stored: Mapping[str, LogEntry]) -> tuple[dict[str, Record], int, int, int]:
    """The last record of each order, in the order of the batch, and what each record counted as."""
    latest: dict[str, Record] = {}
    accepted = unchanged = replaced = 0
    for record in records:
        key = record.order_id
        before = latest.pop(key, None)
        if before is None and key in stored:
            before = stored[key].record
        if before is None:
            accepted += 1
        elif same_content(before, record):
            unchanged += 1
        else:
            replaced += 1
        latest[key] = record
    return latest, accepted, unchanged, replaced


def _new_entries(
    records: Iterable[Record], served: Mapping[str, Sequence[Served]], last_seq: int
) -> tuple[LogEntry, ...]:
    """The records as entries after ``last_seq``, by the time at which each became known.

    Each is foreseen from what had become known when it was ordered: after the last entry of the batch with
    ``known_at`` at or before its ``ordered_at``, and never later than just before itself.
    """
    ordered = sorted(records, key=lambda record: record.known_at)
    known = [record.known_at for record in ordered]
    return tuple(
        LogEntry(
            seq=last_seq + place + 1,
            record=record,
            foreseen_after=last_seq + min(place, bisect_right(known, record.ordered_at)),
            judged=judge(record, served.get(record.order_id, ())),
            batch_after=last_seq,
        )
        for place, record in enumerate(ordered)
    )
