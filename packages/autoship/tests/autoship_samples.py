"""Records, requests and times for tests, made from what a test cares about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from autoship.domain.outcome import Outcome
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


def served(
    order_id: object = 1, customer_id: str = "acme", *, at: float = 0, confidence: float = 0.9, through: int = 0
) -> Served:
    """A prediction given out ``at`` hours after `DAY`, of a model that had learned the log ``through`` a seq."""
    judged = Judged(PRIORITY, confidence, True, through, confidence, f"p{order_id}-{at}")
    answer = b'{"prediction_id":"p%s-%g"}' % (str(order_id).encode(), at)
    return Served(customer_id, str(order_id), DAY + hours(at), judged, answer)


def outcome(seq: int, **changes: Any) -> Outcome:
    """What came of a prediction for the ``seq``-th order; right, unless something else is said."""
    plain: dict[str, Any] = {
        "seq": seq,
        "order_id": str(seq),
        "ordered_at": DAY + hours(seq),
        "known_at": DAY + hours(seq + 5),
        "predicted": PRIORITY,
        "shipment": PRIORITY,
        "confidence": 0.9,
        "score": 0.95,
        "approved": False,
        "served": False,
        "decided_by": "person",
        "commonest": True,
    }
    return Outcome(**{**plain, **changes})


def line(one: Record, **changes: Any) -> bytes:
    """A record as a line of NDJSON, with fields changed."""
    fields = msgspec.to_builtins(one, builtin_types=(datetime,))
    return msgspec.json.encode({**fields, **changes}) + b"\n"
