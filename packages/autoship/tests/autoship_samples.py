"""Records, requests and times for tests, made from what a test cares about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from autoship.domain.prediction import Judged
from autoship.domain.record import Record
from autoship.domain.request import PredictionRequest
from autoship.domain.served import Served

DAY = datetime(2026, 1, 5, 10, tzinfo=UTC)
PRIORITY = {"carrier": "USPS", "service": "Priority"}
GROUND = {"carrier": "UPS", "service": "Ground"}


def hours(n: float) -> timedelta:
    return timedelta(hours=n)


def record(order_id: object = 1, customer_id: str = "acme", **rest: Any) -> Record:
    """One record; ``at`` hours after `DAY` it was ordered, and it shipped ``took`` hours later, if that is not None."""
    at, took = rest.pop("at", 0), rest.pop("took", 5)
    ordered_at = DAY + hours(at)
    return Record(
        customer_id=customer_id,
        order_id=str(order_id),
        ordered_at=ordered_at,
        shipped_at=None if took is None else ordered_at + hours(took),
        order=rest.pop("order", {"total": 41.5, "items": [{"sku": "A1"}]}),
        shipment=rest.pop("shipment", PRIORITY),
        **rest,
    )


def records(count: int, customer_id: str = "acme", **rest: Any) -> list[Record]:
    return [record(n, customer_id, at=n, **rest) for n in range(1, count + 1)]


def request(customer_id: str = "acme", order_id: str | None = None, **rest: Any) -> PredictionRequest:
    return PredictionRequest(customer_id, rest.pop("order", {"total": 41.5}), order_id, **rest)


def served(order_id: object = 1, customer_id: str = "acme", *, at: float = 0, confidence: float = 0.9) -> Served:
    judged = Judged(PRIORITY, confidence, True, 0)
    return Served(f"p{order_id}-{at}", customer_id, str(order_id), DAY + hours(at), confidence, judged)


def line(one: Record, **changes: Any) -> bytes:
    """A record as a line of NDJSON, with fields changed."""
    fields = msgspec.to_builtins(one, builtin_types=(datetime,))
    return msgspec.json.encode({**fields, **changes}) + b"\n"
