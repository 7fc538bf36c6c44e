"""Whatever JSON is accepted becomes a bounded number of short values, the same ones for the same order."""

from __future__ import annotations

import json
import math
import random
import string
from datetime import timedelta
from typing import Any

import pytest
from autoship.domain.record import MAX_DEPTH, MAX_NODES, check_object
from autoship.errors import InvalidInput
from autoship.learning.flatten import (
    MAX_ELEMENTS,
    MAX_LEAVES,
    MAX_TEXT,
    MAX_WORDS,
    OCTAVE,
    PREFIX,
    QUARTER,
    WEEKDAY,
    Flat,
    bin_range,
    bins,
    flatten,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from learning_logs import PLAIN_NAMES, START, orders

MOST_VALUES = MAX_LEAVES + 3
"""The last leaf may be a number, which has two bins as well."""
LONGEST_PATH = MAX_DEPTH * (MAX_TEXT + 4) + 20


def well_formed(flat: Flat) -> None:
    """Fails unless all is within the stated bounds."""
    assert len(flat.values) <= MOST_VALUES
    assert len(flat.bags) <= 2 * MOST_VALUES * MAX_ELEMENTS * MAX_WORDS
    assert len(set(flat.bags)) == len(flat.bags)
    for path, value in [*flat.values.items(), *flat.bags]:
        assert len(path) <= LONGEST_PATH
        assert value is None or type(value) in (str, int, float)
        assert not isinstance(value, str) or len(value) <= MAX_TEXT + 1


def is_accepted(order: dict[str, Any]) -> bool:
    try:
        check_object(order, "order")
    except InvalidInput:
        return False
    return True


@settings(max_examples=300, deadline=None)
@given(orders().filter(is_accepted))
def test_every_order_that_is_accepted_is_flattened_alike_each_time(order: dict[str, Any]) -> None:
    flat = flatten(order, START)
    well_formed(flat)
    assert flatten(json.loads(json.dumps(order)), START) == flat
    assert flat.values[WEEKDAY] == START.weekday()


@settings(max_examples=200, deadline=None)
@given(orders(PLAIN_NAMES), st.integers(0, 2**32))
def test_the_order_of_an_objects_fields_makes_no_other_values(order: dict[str, Any], seed: int) -> None:
    items = list(order.items())
    random.Random(seed).shuffle(items)
    one, other = flatten(order, START), flatten(dict(items), START)
    assert one.values == other.values
    assert set(one.bags) == set(other.bags)


NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63) + 1, 2**63 - 1)


@settings(max_examples=1000)
@given(NUMBERS | st.floats(-1e-300, 1e-300, allow_subnormal=True))
def test_a_bin_contains_its_number_and_the_quarter_lies_in_the_octave(number: float) -> None:
    octave, quarter = bins(number)
    spans = bin_range(f"x{OCTAVE}", octave), bin_range(f"x{QUARTER}", quarter)
    if number == 0:
        assert spans == (None, None)
        return
    for span in spans:
        assert span is not None
        nearest, farthest = sorted(map(abs, span))
        assert nearest * (1 - 1e-12) <= abs(number) <= farthest * (1 + 1e-12) + 5e-324
        assert (span[0] < 0) == (number < 0)
    assert abs(quarter) // 4 == abs(octave)


@given(NUMBERS, NUMBERS)
def test_bins_are_in_the_order_of_their_numbers(one: float, other: float) -> None:
    low, high = sorted([one, other])
    assert bins(low)[0] <= bins(high)[0]
    assert bins(low)[1] <= bins(high)[1]


@given(st.integers(-1000, 1000), st.integers(0, 3))
def test_a_bin_holds_numbers_within_its_factor_and_no_others(exponent: int, quarter: int) -> None:
    low = math.ldexp(2 ** (quarter / 4), exponent)
    inside = bins(low * (1 + 1e-9))
    assert inside == bins(low * 2**0.25 * (1 - 1e-9))
    assert inside[1] != bins(low * 2**0.25 * (1 + 1e-9))[1]
    assert bins(-low * (1 + 1e-9)) == (-inside[0], -inside[1])


def wide(leaves: int) -> dict[str, Any]:
    return {f"field{n}": n * 1.5 for n in range(leaves)}


def deep() -> dict[str, Any]:
    """As deep as it may be, with long names."""
    node: Any = {"x": 1}
    for _ in range(MAX_DEPTH - 1):
        node = {"n" * 5000: node}
    return {"o": 1, **node}


def text(words: int) -> str:
    return " ".join("".join(random.Random(n).choices(string.ascii_lowercase, k=3)) for n in range(words))


LARGE: dict[str, dict[str, Any]] = {
    "many fields": wide(MAX_NODES - 10),
    "many lists": {f"l{n}": [n, n + 1, text(40)] for n in range(4000)},
    "one long list": {"l": list(range(MAX_NODES - 10))},
    "one list of long texts": {"l": [text(200) for _ in range(2000)]},
    "lists in lists": {"l": [[[n, [n]] for n in range(40)] for _ in range(60)]},
    "objects in lists": {"l": [{f"f{n % 50}": n, "items": [n]} for n in range(4000)]},
    "depth": deep(),
    "long names above many leaves": {"k" * 200_000: {str(n): n for n in range(3000)}},
    "a long text": {"t": text(100_000), "u": "x" * 1_000_000},
    "empty things": {"a": {}, "b": [], "c": [[], {}], "d": "", "": None},
}


@pytest.mark.parametrize("name", LARGE)
def test_the_largest_orders_are_flattened_to_a_bounded_number_of_short_values(name: str) -> None:
    order = LARGE[name]
    check_object(order, "order")
    well_formed(flatten(order, START))


@pytest.mark.parametrize("day", range(7))
def test_the_day_of_the_week_is_the_orders_own_whatever_its_fields_are_called(day: int) -> None:
    assert flatten({WEEKDAY: 55, "a": 1}, START + timedelta(days=day)).values[WEEKDAY] == day


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"a": True, "b": 1}, {"a": "\x00true", "b": 1}),
        ({"a": {"b": "x"}}, {"a.b": "x"}),
        ({"zip": "78701"}, {"zip": "78701", "zip" + PREFIX: "787"}),
        ({"items": [{"sku": "B"}, {"sku": "A"}]}, {"items[].sku": "A|B", "items\x1fcount": 2}),
        ({"items": [{"sku": "B"}]}, {"items[].sku": "B", "items\x1fcount": 1}),
        ({"n": None}, {"n": None}),
        ({"t": "x " * 500}, {"t": "x " * (MAX_TEXT // 2) + "…"}),
    ],
)
def test_what_an_order_says_as_values(order: dict[str, Any], expected: dict[str, Any]) -> None:
    values = flatten(order, START).values
    del values[WEEKDAY]
    assert {path: value for path, value in values.items() if not path.endswith((OCTAVE, QUARTER))} == expected
