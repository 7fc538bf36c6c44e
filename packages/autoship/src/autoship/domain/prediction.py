"""What is said of an order before it ships, and what is kept of that to judge it by later. Plain values only."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

import msgspec

Word: TypeAlias = str | int | float | bool
"""One field's value in a choice."""

Shipment: TypeAlias = dict[str, Word]
"""A choice: one to eight fields, such as carrier, service and packaging, taken together."""


class Reason(StrEnum):
    """Why an order is not approved."""

    NO_HISTORY = "no_history"
    """Nothing of this customer has been learned: there is no prediction."""
    LITTLE_EVIDENCE = "little_evidence"
    """Too few predictions have been compared with what was shipped to promise anything."""
    NOT_RIGHT_ENOUGH = "not_right_enough"
    """Enough were compared, and at no confidence were they right often enough."""
    UNSURE = "unsure"
    """Orders predicted with this confidence are not right often enough; surer ones are approved."""
    WAYS_CHANGED = "ways_changed"
    """The customer's ways changed: approving was stopped, and starts again by new evidence."""
    AUDIT = "audit"
    """Could be approved; held back for a person, so that evidence goes on coming in."""


class Alternative(msgspec.Struct, frozen=True):
    """A choice that was not predicted, and how probable it is (0 to 1)."""

    shipment: Shipment
    confidence: float


class Because(msgspec.Struct, frozen=True):
    """A reason in words: ``agreeing`` of ``orders`` past orders that share something with this one went its way."""

    text: str
    orders: int
    agreeing: int


class LearnedFrom(msgspec.Struct, frozen=True):
    """How many of the customer's orders the model has learned, and the newest ``shipped_at`` among them."""

    orders: int
    until: datetime | None


class Judged(msgspec.Struct, frozen=True):
    """The prediction that a record is judged by, as kept in the log.

    ``score`` is what its approval was decided by; ``through`` the sequence number of the last record that had been
    learned when it was made; ``confidence`` and ``prediction_id`` what was given out with it, None where nobody was
    told.
    """

    shipment: Shipment
    score: float
    approved: bool
    through: int
    confidence: float | None = None
    prediction_id: str | None = None


class Prediction(msgspec.Struct, frozen=True):
    """The answer for one order. ``shipment`` is None only where nothing has been learned of the customer.
    ``confidence`` is how probable it is that the shipment is right; ``score``, which orders predictions alike, is
    what approval is decided by."""

    shipment: Shipment | None
    confidence: float
    score: float
    approved: bool
    reason: Reason | None
    alternatives: tuple[Alternative, ...]
    because: tuple[Because, ...]
    learned_from: LearnedFrom
    through: int

    def judged(self, prediction_id: str | None = None) -> Judged | None:
        """What the log keeps of this, None where nothing was predicted."""
        if self.shipment is None:
            return None
        return Judged(self.shipment, self.score, self.approved, self.through, self.confidence, prediction_id)
