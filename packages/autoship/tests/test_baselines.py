"""The baselines: what each says after the same few orders."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from autoship.domain.record import Record
from autoship.errors import InvalidInput
from autoship.replay import BaselineKey, baselines
from autoship.replay.walk import Rival


def record(order: dict[str, Any], service: str) -> Record:
    at = datetime(2025, 1, 1, tzinfo=UTC)
    return Record(customer_id="acme", order_id="1", ordered_at=at, order=order, shipment={"service": service})


def taught(name: str, *shipped: tuple[dict[str, Any], str], key: str | None = None) -> Rival:
    rival = baselines(BaselineKey(key) if key else None)[name]()
    for order, service in shipped:
        rival.learn(record(order, service))
    return rival


def test_before_anything_was_revealed_no_baseline_says_anything() -> None:
    for make in baselines(BaselineKey("order.sku")).values():
        assert make().predict({"sku": "A"}) is None


def test_the_commonest_choice_is_kept_until_another_one_is_made_more_often() -> None:
    shipped = [({}, service) for service in ("Ground", "Air", "Air")]
    assert taught("commonest", *shipped[:2]).predict({}) == {"service": "Ground"}
    assert taught("commonest", *shipped).predict({}) == {"service": "Air"}


def test_the_last_choice_is_the_one_revealed_last() -> None:
    assert taught("last", ({}, "Ground"), ({}, "Air")).predict({}) == {"service": "Air"}


def test_the_last_choice_for_the_same_key_looks_at_the_values_of_the_key_alone() -> None:
    rival = taught(
        "last for the same key", ({"sku": "A", "n": 1}, "Ground"), ({"sku": "B", "n": 2}, "Air"), key="order.sku"
    )
    assert rival.predict({"sku": "A", "n": 2}) == {"service": "Ground"}


def test_a_key_never_seen_before_falls_back_to_the_commonest_choice() -> None:
    shipped = [({"sku": "A"}, "Ground"), ({"sku": "A"}, "Ground"), ({"sku": "B"}, "Air")]
    assert taught("last for the same key", *shipped, key="order.sku").predict({"sku": "C"}) == {"service": "Ground"}


def test_without_a_key_there_is_no_baseline_for_it() -> None:
    assert list(baselines()) == ["commonest", "last"]


@pytest.mark.parametrize(
    ("key", "one", "other", "same"),
    [
        ("order.to", {"to": {"a": 1, "b": 2}}, {"to": {"b": 2, "a": 1}}, True),
        ("order.items", {"items": [1, 2]}, {"items": [2, 1]}, False),
        ("order.items.sku", {"items": [{"sku": 1, "n": 1}]}, {"items": [{"sku": 1, "n": 2}]}, True),
        ("order.a,order.b", {"a": 1}, {"b": 1}, False),
        ("order.a", {}, {"a": None}, True),
        ("order.a.b", {"a": 1}, {"a": {"b": 1}}, False),
        ("order", {"a": 1}, {"a": 1}, True),
    ],
)
def test_orders_are_alike_where_their_values_are_equal(key: str, one: Any, other: Any, same: bool) -> None:
    made = BaselineKey(key)
    assert (made.of(one) == made.of(other)) is same


@pytest.mark.parametrize("path", ["", "items", "shipment.carrier", "shipped.cost", "order.", "order..a", "order.a,"])
def test_a_key_leads_into_the_order_and_nowhere_else(path: str) -> None:
    with pytest.raises(InvalidInput):
        BaselineKey(path)


def test_paths_that_no_order_has_are_named() -> None:
    orders = [{"sku": "A"}, {"to": {"zip": "1"}}]
    assert BaselineKey("order.sku,order.to.zip,order.to.zp").absent(orders) == ["order.to.zp"]
