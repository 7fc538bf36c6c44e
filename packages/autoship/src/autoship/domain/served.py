"""A prediction that was given out, as it is kept until its order ships. Decides which one judges a record."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from autoship.domain.prediction import Judged
from autoship.domain.record import Record


class Served(msgspec.Struct, frozen=True):
    """What was said of ``order_id`` at ``served_at`` (aware, UTC); ``answer`` is the JSON text that was sent."""

    customer_id: str
    order_id: str
    served_at: datetime
    judged: Judged
    answer: bytes


def judge(record: Record, served: Iterable[Served], *, seq: int | None = None) -> Judged | None:
    """What ``record`` is judged by: the last prediction served for its order before it shipped, if there is one.

    Where ``shipped_at`` is absent, the order counts as shipped when it became known (`Record.known_at`). A prediction
    of a model that had learned the record, which is at ``seq`` of the log, foresaw nothing. ``served`` is in the order
    in which they were given out.
    """
    before = [one for one in served if one.served_at < record.known_at and (seq is None or one.judged.through < seq)]
    return max(reversed(before), key=lambda one: one.served_at).judged if before else None
