"""What the service answers, as plain values. Fields that a newer service adds are ignored."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

import msgspec

Word: TypeAlias = str | int | float | bool
"""One field's value in a choice."""

Choice: TypeAlias = dict[str, Word]
"""How an order is shipped: one to eight fields, such as carrier, service and packaging, taken together."""


class Alternative(msgspec.Struct, frozen=True):
    """A choice that was not predicted, and how probable it is (0 to 1)."""

    shipment: Choice
    confidence: float


class Because(msgspec.Struct, frozen=True):
    """A reason in words: ``agreeing`` of ``orders`` past orders that share something with this one went its way."""

    text: str
    orders: int
    agreeing: int


class LearnedFrom(msgspec.Struct, frozen=True):
    """How many of the customer's orders were learned, and when the newest of them became known."""

    orders: int
    until: datetime | None


class Prediction(msgspec.Struct, frozen=True):
    """How an order will be shipped.

    ``shipment`` is None where nothing is known of the customer. ``confidence`` is how probable it is that all of it is
    right (0 to 1). ``approved`` says that it may be shipped so with nobody looking; where it is False, ``reason`` says
    why in one word. ``degraded`` is empty when all is well.
    """

    prediction_id: str
    order_id: str | None
    shipment: Choice | None
    confidence: float
    approved: bool
    alternatives: tuple[Alternative, ...]
    because: tuple[Because, ...]
    learned_from: LearnedFrom
    degraded: tuple[str, ...] = ()
    reason: str | None = None


class Rejected(msgspec.Struct, frozen=True):
    """A record that was not taken in: its place among what was given, from 1, and what would be right.

    ``field`` is None where the whole record is meant.
    """

    line: int
    field: str | None
    error: str


class Intake(msgspec.Struct, frozen=True):
    """What became of records: new, known already, corrections of earlier ones, or no records at all.

    ``rejected`` holds the first 1,000, ``rejected_total`` counts all. A record that had been taken in by an attempt
    whose answer was lost counts as ``unchanged``.
    """

    accepted: int = 0
    unchanged: int = 0
    replaced: int = 0
    rejected: tuple[Rejected, ...] = ()
    rejected_total: int = 0


class Settings(msgspec.Struct, frozen=True):
    """``max_error`` of what is approved may be wrong; ``audit`` of what could be approved is held back for a person.

    Both are shares, from 0 to 1.
    """

    max_error: float
    audit: float


class Recent(msgspec.Struct, frozen=True):
    """Counts over the newest 1,000 predictions whose outcome somebody saw."""

    predicted: int
    right: int
    approved: int
    approved_wrong: int


class Customer(msgspec.Struct, frozen=True):
    """What was learned of a customer.

    ``predicted``, ``right``, ``approved``, ``approved_wrong`` count predictions whose outcome somebody saw.
    ``approving_from`` is the score from which orders are approved, None while none is; ``alarms`` counts how often
    approving was stopped; of ``outcomes_needed`` outcomes since then ``outcomes_seen`` have come in. ``warnings`` are
    sentences for people.
    """

    customer_id: str
    orders: int
    choices: int
    learned_until: datetime | None
    predicted: int
    right: int
    approved: int
    approved_wrong: int
    recent: Recent
    approving: bool
    approving_from: float | None
    alarms: int
    outcomes_needed: int
    outcomes_seen: int
    warnings: tuple[str, ...]
    settings: Settings
    degraded: tuple[str, ...] = ()


class Listed(msgspec.Struct, frozen=True):
    """A customer in the list of all. The last five are None where it has not been learned yet."""

    customer_id: str
    orders: int
    learned_until: datetime | None
    predicted: int | None = None
    right: int | None = None
    approved: int | None = None
    approved_wrong: int | None = None
    approving: bool | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What had been predicted for an order, beside how it was shipped.

    ``served`` says whether the prediction was given out before the order shipped; otherwise it was made when the
    record was learned, of what had been known when the order was placed, and ``prediction_id`` is None.
    """

    order_id: str
    prediction_id: str | None
    ordered_at: datetime
    known_at: datetime
    predicted: Choice
    shipment: Choice
    right: bool
    wrong_fields: tuple[str, ...]
    confidence: float
    approved: bool
    served: bool
    decided_by: str


class HistoryState(msgspec.Struct, frozen=True):
    """How the service's last call to its history went: ``ok``, or ``away`` and why."""

    state: str
    detail: str | None = None


class Health(msgspec.Struct, frozen=True):
    """A service that answers and is ready for more."""

    status: str
    history: HistoryState
