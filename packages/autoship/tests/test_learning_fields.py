"""Which fields decide is found by the model itself, alone or together, wherever they stand among others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from autoship.domain.log import LogEntry
from autoship.domain.record import Record
from autoship.learning import CustomerModel

START = datetime(2026, 1, 1, tzinfo=UTC)


def learned(orders: list[dict[str, Any]], carrier: Callable[[dict[str, Any]], str]) -> tuple[CustomerModel, float]:
    """A model of all but the last 200 orders, and how much of those it predicts right."""
    records = [
        Record(
            customer_id="c",
            order_id=str(i),
            ordered_at=START + timedelta(hours=i),
            order=order,
            shipment={"carrier": carrier(order)},
        )
        for i, order in enumerate(orders)
    ]
    model = CustomerModel()
    for _ in model.learn([LogEntry(i + 1, record, i) for i, record in enumerate(records[:-200])]):
        pass
    right = sum(model.predict(r.order, r.ordered_at).shipment == r.shipment for r in records[-200:])
    return model, right / 200


def test_a_combination_of_fields_that_decides_is_found() -> None:
    orders = [{"weight": (i * 7919) % 400 + 1, "country": ["US", "DE", "FR"][i % 3]} for i in range(1400)]
    countries = ["US", "DE", "FR"]
    model, right = learned(orders, lambda o: f"C{(countries.index(o['country']) + (o['weight'] > 200)) % 3}")
    assert right > 0.95
    assert any({"country"} < set(key.paths) for key in model.contexts.combined)


@pytest.mark.parametrize("numbers", [24, 38])
def test_numbers_do_not_crowd_out_the_word_that_decides(numbers: int) -> None:
    orders = [
        {**{f"number{j}": (i * 31 + j * 17) % 997 for j in range(numbers)}, "service": f"S{(i * 7) % 4}"}
        for i in range(700)
    ]
    _, right = learned(orders, lambda o: o["service"])
    assert right > 0.97
