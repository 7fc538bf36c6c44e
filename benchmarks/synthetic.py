"""A made-up customer with ways of its own, for measuring time: its size and shape are the same on every machine."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from autoship.domain.prediction import Shipment
from autoship.domain.record import Record

CHOICES: list[Shipment] = [
    {"carrier": carrier, "service": service, "packaging": packaging}
    for carrier, service, packaging in (
        ("USPS", "Ground Advantage", "Poly Mailer"),
        ("USPS", "Priority", "Flat Rate Box"),
        ("USPS", "Priority", "Box"),
        ("USPS", "Priority Express", "Flat Rate Envelope"),
        ("UPS", "Ground", "Box"),
        ("UPS", "2nd Day Air", "Box"),
        ("UPS", "Next Day Air", "Letter"),
        ("FedEx", "Home Delivery", "Box"),
        ("FedEx", "Freight", "Pallet"),
        ("DHL", "Express Worldwide", "Box"),
    )
]
STATES = ["TX", "CA", "NY", "FL", "WA", "IL", "OH", "GA", "CO", "MA", "OR", "NC"]
COUNTRIES = ["US"] * 12 + ["CA", "DE", "GB", "JP"]
TIERS = ["Standard"] * 6 + ["Expedited", "Next day"]
STRAYING = 0.03
"""The share of orders that are shipped some other way, for no reason in the order."""


def customer(orders: int, customer_id: str = "synthetic", seed: int = 7) -> list[Record]:
    """Orders of one customer that makes ten choices, forty orders a day, by rules with 3 % exceptions."""
    luck = random.Random(seed)
    start = datetime(2025, 1, 1, tzinfo=UTC)
    records = []
    for number in range(orders):
        order = _order(luck)
        stray = luck.random() < STRAYING
        ordered_at = start + timedelta(minutes=36 * number)
        records.append(
            Record(
                customer_id=customer_id,
                order_id=str(number),
                ordered_at=ordered_at,
                order=order,
                shipment=CHOICES[luck.randrange(len(CHOICES)) if stray else _rule(order)],
                shipped_at=ordered_at + timedelta(hours=luck.uniform(1, 30)),
            )
        )
    return records


def _order(luck: random.Random) -> dict[str, Any]:
    country = luck.choice(COUNTRIES)
    items = [{"sku": f"A{luck.randrange(200)}", "quantity": luck.randint(1, 3)} for _ in range(luck.choice((1, 1, 2)))]
    state = luck.choice(STATES) if country == "US" else ""
    return {
        "total": round(luck.lognormvariate(3.5, 0.9), 2),
        "weight_oz": round(luck.lognormvariate(3.0, 1.2), 1),
        "requested_service": luck.choice(TIERS),
        "items": items,
        "channel": luck.choice(["web", "web", "marketplace", "phone"]),
        "gift": luck.random() < 0.1,
        "ship_to": {"country": country, "state": state, "postal_code": f"{luck.randrange(1_000, 99_999):05}"},
    }


def _rule(order: dict[str, Any]) -> int:
    """Which of the choices, by the order alone."""
    weight, tier = order["weight_oz"], order["requested_service"]
    if order["ship_to"]["country"] != "US":
        return 9
    if weight > 240:
        return 8
    if tier == "Next day":
        return 6 if weight < 12 else 3 if order["total"] < 60 else 5
    if tier == "Expedited":
        return 5 if order["ship_to"]["state"] in ("WA", "OR", "CA") else 1
    if weight < 13:
        return 0
    if weight < 40:
        return 2 if int(order["items"][0]["sku"][1:]) % 2 else 7
    return 4
