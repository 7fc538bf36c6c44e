"""A history that is sent after newer orders is learned, but not taken for the newest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from autoship.domain.batch import plan_batch
from autoship.domain.record import Record
from autoship.learning import CustomerModel
from autoship.learning.ages import EVERY, LATE, OLDEST, Ages

START = datetime(2025, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def orders(number: int, first: datetime, carrier: str) -> list[Record]:
    return [
        Record(
            customer_id="acme",
            order_id=f"{carrier}{n}",
            ordered_at=first + n * HOUR,
            shipped_at=first + (n + 1) * HOUR,
            order={"country": ("US", "CA")[n % 2], "weight": n % 7},
            shipment={"carrier": carrier},
        )
        for n in range(number)
    ]


def learned(*batches: list[Record]) -> CustomerModel:
    model = CustomerModel()
    for batch in batches:
        for _ in model.learn(plan_batch(batch, stored={}, served={}, last_seq=model.seq).entries):
            pass
    return model


def carrier(model: CustomerModel, country: str = "US") -> object:
    shipment = model.predict({"country": country, "weight": 3}, START).shipment
    assert shipment is not None
    return shipment["carrier"]


def test_what_a_customer_does_now_outweighs_a_history_that_comes_later() -> None:
    past = orders(2_000, START, "Old")
    present = orders(400, START + 2_000 * HOUR, "New")
    assert carrier(learned(past, present)) == "New"
    assert carrier(learned(present, past)) == "New"


def test_a_history_that_comes_later_is_learned_where_nothing_newer_is_known() -> None:
    past = [
        Record(
            customer_id="acme",
            order_id=f"past{n}",
            ordered_at=START + n * HOUR,
            order={"country": "JP", "weight": n % 7},
            shipment={"carrier": "Old"},
        )
        for n in range(2_000)
    ]
    assert carrier(learned(orders(400, START + 2_000 * HOUR, "New"), past), "JP") == "Old"


def test_an_age_counts_the_orders_that_became_known_since() -> None:
    ages = Ages()
    for n in range(40 * EVERY):
        assert ages.of(START + n * HOUR) == 0
        ages.learn(START + n * HOUR)
    assert ages.of(START + 20 * EVERY * HOUR) == 20 * EVERY
    assert ages.of(START + (40 * EVERY - LATE) * HOUR) == 0
    before = ages.of(START - 39 * EVERY * HOUR)
    assert 1.9 * 40 * EVERY < before < 2.2 * 40 * EVERY
    assert ages.of(START - timedelta(days=9_000)) == OLDEST


def test_orders_that_all_became_known_at_once_have_no_age() -> None:
    ages = Ages()
    for _ in range(20 * EVERY):
        ages.learn(START)
    assert ages.of(START) == 0
    assert ages.of(START - HOUR) == 20 * EVERY
