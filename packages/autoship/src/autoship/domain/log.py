"""One entry of a customer's log. The order of the log is the order of learning; a model is a fold over it."""

from __future__ import annotations

import msgspec

from autoship.domain.prediction import Judged
from autoship.domain.record import Record


class LogEntry(msgspec.Struct, frozen=True):
    """A record at its place in the customer's log.

    ``seq`` counts from 1 within a customer, and rises; a deletion leaves a gap. Of an appended batch, entries are
    ordered by the time at which they became known.

    ``judged`` is the prediction that was served for this order before it shipped, where one was. Else the learner makes
    one when it has learned all entries up to ``foreseen_after`` and none later: the state as of the order's
    ``ordered_at`` where the batch allows that, ``seq - 1`` otherwise. ``foreseen_after`` lies at or after
    ``batch_after``, the end of the batch before, so that a whole batch can be learned without looking back.
    """

    seq: int
    record: Record
    foreseen_after: int
    judged: Judged | None = None
    batch_after: int = 0
