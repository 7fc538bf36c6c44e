"""What is accepted as a record, and what is said of what is not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from autoship.domain.record import (
    MAX_DEPTH,
    MAX_NODES,
    MAX_NUMBER,
    check_customer_id,
    check_object,
    choice_key,
    count_names,
    parse_record,
    parse_time,
)
from autoship.errors import InvalidInput
from autoship_samples import record
from hypothesis import given
from hypothesis import strategies as st

GOOD: dict[str, Any] = {
    "customer_id": "acme",
    "order_id": "1001",
    "ordered_at": "2026-01-05T10:00:00Z",
    "order": {"total": 41.5, "items": [{"sku": "A1", "quantity": 2}], "gift": False, "note": None},
    "shipped_at": "2026-01-06T16:00:00+01:00",
    "decided_by": "auto",
    "shipment": {"carrier": "USPS", "boxes": 1},
    "shipped": {"cost": 7.95},
}


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


def test_a_good_record_is_taken_as_it_is_with_times_in_utc() -> None:
    parsed = parse_record(GOOD)
    assert parsed.order == GOOD["order"]
    assert parsed.shipped_at == datetime(2026, 1, 6, 15, tzinfo=UTC)
    assert parsed.decided_by == "auto"


def test_only_what_says_nothing_may_be_left_out() -> None:
    short = {name: GOOD[name] for name in ("customer_id", "order_id", "ordered_at", "order", "shipment")}
    parsed = parse_record(short)
    assert (parsed.shipped_at, parsed.decided_by, parsed.shipped) == (None, "person", {})
    for name in short:
        with pytest.raises(InvalidInput) as caught:
            parse_record({key: value for key, value in short.items() if key != name})
        assert (caught.value.field, caught.value.problem) == (name, "is missing")


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("customer_id", "", "customer_id"),
        ("customer_id", "a/b", "customer_id"),
        ("customer_id", "..", "customer_id"),
        ("customer_id", "x" * 129, "customer_id"),
        ("customer_id", "a\nb", "customer_id"),
        ("customer_id", 7, "customer_id"),
        ("order_id", "x" * 201, "order_id"),
        ("order_id", "\ud800", "order_id"),
        ("ordered_at", "2026-01-05T10:00:00", "ordered_at"),
        ("ordered_at", "yesterday", "ordered_at"),
        ("ordered_at", 1767607200, "ordered_at"),
        ("ordered_at", "9999-12-31T23:59:59Z", "ordered_at"),
        ("ordered_at", "1969-12-31T23:59:59-12:00", "ordered_at"),
        ("ordered_at", "0001-01-01T00:00:00+23:59", "ordered_at"),
        ("shipped_at", "2026-02-30T10:00:00Z", "shipped_at"),
        ("order", [], "order"),
        ("order", {"a": {"b": [1, float("nan")]}}, "order.a.b[1]"),
        ("order", {"a": float("inf")}, "order.a"),
        ("order", {"a": 2**63}, "order.a"),
        ("order", {"a": -(2.0**63)}, "order.a"),
        ("order", {"a": ["\udfff"]}, "order.a[0]"),
        ("order", {"a": {"\udfff": 1}}, "order.a"),
        ("order", nested(MAX_DEPTH + 1), "order"),
        ("order", nested(200), "order"),
        ("order", {"items": [1] * 100_000}, "order"),
        ("shipment", {}, "shipment"),
        ("shipment", "USPS", "shipment"),
        ("shipment", {str(n): 1 for n in range(9)}, "shipment"),
        ("shipment", {"carrier": None}, "shipment.carrier"),
        ("shipment", {"carrier": ["USPS"]}, "shipment.carrier"),
        ("shipment", {"carrier": "x" * 201}, "shipment.carrier"),
        ("shipment", {"cost": float("nan")}, "shipment.cost"),
        ("shipment", {"": 1}, "shipment"),
        ("shipment", {"\ud800": 1}, "shipment"),
        ("decided_by", "robot", "decided_by"),
        ("decided_by", ["person"], "decided_by"),
        ("shipped", [], "shipped"),
        ("shipped", False, "shipped"),
        ("shiped_at", None, "shiped_at"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(field: str, value: object, named: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_record({**GOOD, field: value})
    assert caught.value.field == named
    assert caught.value.problem


def test_a_misspelt_field_is_told_with_the_right_name() -> None:
    with pytest.raises(InvalidInput, match="did you mean shipped_at"):
        parse_record({**GOOD, "shiped_at": None})


@pytest.mark.parametrize("value", [None, [], 1, "{}", True])
def test_what_is_no_object_is_no_record(value: object) -> None:
    with pytest.raises(InvalidInput, match="a record is a JSON object"):
        parse_record(value)


def test_a_long_name_costs_no_more_than_its_length_to_refuse() -> None:
    long = "n" * 500_000
    with pytest.raises(InvalidInput) as caught:
        parse_record({**GOOD, "order": {long: {str(n): float("nan") for n in range(MAX_NODES - 10)}}})
    assert caught.value.field is not None


def test_the_bounds_themselves_are_taken() -> None:
    assert check_customer_id("ü" * 128)
    assert check_object(nested(MAX_DEPTH), "order")
    assert check_object({"items": [1] * (MAX_NODES - 2)}, "order")
    assert check_object({"least": -MAX_NUMBER, "most": MAX_NUMBER}, "order")
    assert parse_time("1970-01-01T00:00:00+14:00", "at")
    assert parse_time("2199-12-31T23:59:59-12:00", "at")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(), max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text(st.characters(), max_size=3), json_values, max_size=5))
def test_the_quick_check_accepts_only_what_the_careful_one_does(value: dict[str, Any]) -> None:
    names = count_names(value)
    if names is not None:
        assert check_object(value, "order") is value
        assert json.loads(json.dumps(value, allow_nan=False).encode().decode()) == value


def test_choices_are_the_same_whatever_the_order_of_their_fields_and_the_kind_of_their_numbers() -> None:
    assert choice_key({"a": 1, "b": "x"}) == choice_key({"b": "x", "a": 1.0})
    assert choice_key({"a": 1}) != choice_key({"a": True})
    assert choice_key({"a": 1}) != choice_key({"a": "1"})


def test_an_order_that_never_shipped_is_known_a_day_later() -> None:
    assert (record(took=None).known_at - record().ordered_at).days == 1
