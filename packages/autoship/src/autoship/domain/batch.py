"""What a batch of records does to one customer's log. Pure: decides which records are new, which are known already and
which correct an earlier one, and in which order and as of when the new ones are learned. Stores nothing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from autoship.domain.log import LogEntry
from autoship.domain.record import Record
from autoship.domain.served import Served, judge


class Plan(msgspec.Struct, frozen=True):
    """What to write: ``entries`` are new and go to the log's end, ``corrections`` take the place of those of their seq.

    ``accepted``, ``unchanged`` and ``replaced`` add up to the number of records in the batch: each record counts as
    what it would have been, had they come one by one.
    """

    entries: tuple[LogEntry, ...]
    corrections: tuple[LogEntry, ...]
    accepted: int
    unchanged: int
    replaced: int


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
    """
    latest, accepted, unchanged, replaced = _latest(records, stored)
    entries = _new_entries([record for key, record in latest.items() if key not in stored], served, last_seq)
    corrections = tuple(
        msgspec.structs.replace(stored[key], record=record)
        for key, record in latest.items()
        if key in stored and not same_content(stored[key].record, record)
    )
    return Plan(entries, corrections, accepted, unchanged, replaced)


def same_content(one: Record, other: Record) -> bool:
    """Whether two records say the same, whatever the order of their fields."""
    return _canonical(one) == _canonical(other)


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
        )
        for place, record in enumerate(ordered)
    )
