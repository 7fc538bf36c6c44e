"""What is told of customers and of orders that have shipped: the shapes of the responses, field by field."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from autoship.domain.outcome import Outcome
from autoship.domain.prediction import Shipment
from autoship.domain.record import DecidedBy, Record
from autoship.domain.summary import Numbers
from autoship.ports import Listed
from autoship.service.answer import rounded


class ListedCustomer(msgspec.Struct, frozen=True):
    """One customer of many. The last five are None where no model of it has been made yet."""

    customer_id: str
    orders: int
    learned_until: datetime | None
    predicted: int | None
    right: int | None
    approved: int | None
    approved_wrong: int | None
    approving: bool | None


class CustomerPage(msgspec.Struct, frozen=True):
    """Some customers by their ids, and after which id the others come, None where there are none."""

    customers: list[ListedCustomer]
    next: str | None


class Compared(msgspec.Struct, frozen=True):
    """A prediction beside what was shipped. ``prediction_id`` is None where nobody was told it before."""

    order_id: str
    prediction_id: str | None
    ordered_at: datetime
    known_at: datetime
    predicted: Shipment
    shipment: Shipment
    right: bool
    wrong_fields: list[str]
    confidence: float
    approved: bool
    served: bool
    decided_by: DecidedBy


class OneOrder(msgspec.Struct, frozen=True):
    """What is known of one order: its record once it has shipped, what came of the prediction that it is judged by,
    and the answer that was given out, as JSON, at ``served_at``. At least one of them is there."""

    record: Record | None
    outcome: Outcome | None
    answer: bytes | None
    served_at: datetime | None


def listed(customer: Listed, live: Numbers | None) -> ListedCustomer:
    """A line of the list; ``live`` are the numbers of a model that is in memory."""
    numbers = live or customer.numbers
    counts = (None,) * 5 if numbers is None else msgspec.structs.astuple(numbers)
    return ListedCustomer(customer.customer_id, customer.orders, customer.until, *counts)


def compared(outcomes: Sequence[Outcome]) -> list[Compared]:
    """Outcomes as they are told."""
    return [
        Compared(
            order_id=one.order_id,
            prediction_id=one.prediction_id,
            ordered_at=one.ordered_at,
            known_at=one.known_at,
            predicted=one.predicted,
            shipment=one.shipment,
            right=one.right,
            wrong_fields=one.wrong_fields,
            confidence=rounded(one.confidence),
            approved=one.approved,
            served=one.served,
            decided_by=one.decided_by,
        )
        for one in outcomes
    ]
