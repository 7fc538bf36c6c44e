"""One order as replay saw it: what was predicted when it was placed, beside what was shipped. A plain value."""

from __future__ import annotations

from datetime import datetime

import msgspec

from autoship.domain.prediction import Reason, Shipment


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """An order, predicted at its ``ordered_at`` and compared with its shipment at its ``known_at``.

    ``place`` counts the customer's orders from 0 by ``ordered_at``; ``of`` is how many there are. ``seen`` is False
    where nobody looked at the choice (``decided_by: auto``): such an order is learned, and proves nothing. ``rivals``
    and ``rivals_right`` are the baselines' predictions, in the order in which the walk was given them.
    """

    customer_id: str
    order_id: str
    ordered_at: datetime
    place: int
    of: int
    seen: bool
    truth: Shipment
    predicted: Shipment | None
    right: bool
    confidence: float
    approved: bool
    reason: Reason | None
    rivals: tuple[Shipment | None, ...]
    rivals_right: tuple[bool, ...]
    predict_s: float
    learn_s: float

    @property
    def in_last_fifth(self) -> bool:
        """Whether it is among the newest fifth of its customer's orders, rounded up: at least one for each customer."""
        return self.place >= self.of * 4 // 5
