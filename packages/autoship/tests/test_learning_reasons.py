"""Reasons are true: each sentence is read as a stranger would read it, and recounted on the raw orders it speaks of."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from autoship.domain.log import LogEntry
from autoship.domain.prediction import Because, Prediction, Shipment
from autoship.domain.record import Record, choice_key
from autoship.learning import CustomerModel
from autoship.learning.contexts import Key
from autoship.learning.flatten import OCTAVE, PREFIX, QUARTER, bin_range, bins, flatten
from autoship.learning.reasons import _shared
from hypothesis import given, settings
from hypothesis import strategies as st
from learning_logs import START, entries_of, learn, record

WINDOW = 2048
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
SENTENCE = re.compile(
    r"(?:all (?P<all>[\d,]+) orders|the (?P<only>only) order|(?P<some>[\d,]+) of (?P<of>[\d,]+) orders"
    r"|(?P<went>[\d,]+) of the last (?P<last>[\d,]+) orders)"
    r"(?P<alike> just like this one)?(?: of a (?P<day>[A-Z]\w+day))?(?: with (?P<shared>.+?))?"
    r"(?: among the last (?P<window>[\d,]+))? went this way"
)


class Reader:
    """Reads reasons about a customer whose names and words hold no blanks, and recounts them."""

    def __init__(self, history: Sequence[Record]) -> None:
        self.window = history[-WINDOW:]
        self.read = 0

    def check(self, asked: Record, prediction: Prediction) -> None:
        """Fails where a reason of this prediction is not true of the orders in the window."""
        assert prediction.shipment is not None
        went = choice_key(prediction.shipment)
        for because in prediction.because:
            said = SENTENCE.fullmatch(because.text)
            assert said is not None, because.text
            self._check_numbers(because, said)
            facts = re.split(r", | and ", said["shared"]) if said["shared"] else []
            same = [each for each in self.window if _shares(said, facts, asked, each)]
            agreeing = [each for each in same if choice_key(each.shipment) == went]
            assert (because.orders, because.agreeing) == (len(same), len(agreeing)), because.text
            self.read += 1

    def _check_numbers(self, because: Because, said: re.Match[str]) -> None:
        some, of = (said["some"] or said["went"], said["of"] or said["last"]) if not said["all"] else (said["all"],) * 2
        counts = (1, 1) if said["only"] else (int(some.replace(",", "")), int(of.replace(",", "")))
        assert counts == (because.agreeing, because.orders), because.text
        if said["last"] is None:
            assert (said["window"] is not None) == (len(self.window) == WINDOW), because.text


def _shares(said: re.Match[str], facts: Sequence[str], asked: Record, past: Record) -> bool:
    """Whether a past order is one of those that a sentence speaks of."""
    if said["alike"]:
        return json.dumps(past.order, sort_keys=True) == json.dumps(asked.order, sort_keys=True)
    if said["day"] and DAYS[past.ordered_at.weekday()] != said["day"]:
        return False
    return all(_holds(fact, asked.order, past.order) for fact in facts)


def _holds(fact: str, asked: dict[str, Any], past: dict[str, Any]) -> bool:
    """Whether a past order has what a reason says that it shares with the one that is asked for."""
    fact, one_word = fact.removeprefix("one-word "), fact.startswith("one-word ")
    fact = fact.removeprefix("only ")
    if fact[0].isdigit():
        number, field = fact.split(" ", 1)
        return isinstance(past.get(field), list) and len(past[field]) == int(number)
    field, said = fact.split(" ", 1)
    values = _values(past, field.split("."))
    if values is None:
        return False
    if said.startswith("from "):
        return len(values) == 1 and _in_bin(said, *(_values(asked, field.split(".")) or ()), *values)
    if said.endswith("…"):
        assert one_word
        beginning = said[:-1]
        return (
            len(values) == 1
            and isinstance(values[0], str)
            and values[0].startswith(beginning)
            and len(values[0]) > len(beginning)
            and " " not in values[0]
        )
    if len(values) == 1 and type(values[0]) in (int, float):
        return re.fullmatch(r"-?\d+(\.\d+)?", said) is not None and float(said) == values[0]
    words = sorted({str(value).lower() if isinstance(value, bool) else str(value) for value in values})
    return "|".join(words) == said


def _values(node: Any, path: Sequence[str]) -> list[Any] | None:
    """The values of a field, several where it is within a list; None where it is not there."""
    if isinstance(node, list):
        found = [value for child in node for value in _values(child, path) or ()]
        return found or None
    if not path:
        return [node]
    return _values(node[path[0]], path[1:]) if isinstance(node, dict) and path[0] in node else None


def _in_bin(said: str, asked: object, past: object) -> bool:
    """Whether two numbers share the bin that is meant: of the two of the asked number, the one that reads so."""
    if not (isinstance(asked, int | float) and isinstance(past, int | float)):
        return False
    low, high = (float(number.replace(",", "")) for number in said.removeprefix("from ").split(" to under "))
    for suffix, mine, theirs in zip((OCTAVE, QUARTER), bins(asked), bins(past), strict=True):
        span = bin_range(suffix, mine)
        if span is not None and span == pytest.approx((low, high), rel=0.006):
            return mine == theirs
    raise AssertionError(f"{asked} has no bin that reads {said!r}")


class Shipper:
    """A customer that ships by rules over several kinds of fields, now and then otherwise, and whose fields change."""

    def __init__(self, seed: int) -> None:
        self.luck = random.Random(seed)
        self.error = self.luck.choice([0.0, 0.05, 0.4])
        self.changes_at = self.luck.choice([0, 150, 2500])

    def record(self, number: int) -> Record:
        luck = self.luck
        weight = luck.choice([luck.randrange(1, 3000), luck.choice([500, 1000]), round(luck.uniform(0.5, 40), 1)])
        skus = [f"A{luck.randrange(6)}" for _ in range(luck.choice([1, 1, 2, 3]))]
        order: dict[str, Any] = {
            "weight": weight,
            "ship_to": {
                "zip": f"{luck.choice([10, 78, 94]) * 1000 + luck.randrange(30):05}",
                "state": luck.choice("TNC"),
            },
            "items": [{"sku": sku} for sku in skus],
            "gift": luck.random() < 0.3,
            "discount": luck.choice([0, -1, -luck.randrange(1, 900)]),
            "tier": luck.choice(["eco", "std", "exp", None]),
        }
        if number < self.changes_at:
            order["channel"] = luck.choice(["web", "phone"])
        elif luck.random() < 0.7:
            order["route"] = luck.choice([1, 2, 3, 12])
        return record(number, order, {"carrier": self._carrier(order), "insured": luck.random() < 0.02})

    def _carrier(self, order: dict[str, Any]) -> str:
        if self.luck.random() < self.error:
            return self.luck.choice(["UPS", "DHL", "USPS"])
        if order["tier"] == "exp":
            return "FedEx" if order["ship_to"]["state"] == "T" else "UPS"
        if order.get("route") == 12 or order.get("channel") == "phone":
            return "DHL"
        return "USPS" if order["weight"] < 400 and not order["gift"] else "UPS"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 700))
def test_every_reason_is_true_of_the_raw_orders(seed: int, length: int) -> None:
    shipper = Shipper(seed)
    history = [shipper.record(number) for number in range(length)]
    model = learn(CustomerModel(), entries_of(history))
    reader = Reader(history)
    for number in range(length, length + 12):
        asked = shipper.record(number)
        reader.check(asked, model.predict(asked.order, asked.ordered_at))
    for asked in history[-4:]:
        reader.check(asked, model.predict(asked.order, asked.ordered_at))
    assert reader.read >= 12


@pytest.mark.parametrize("seed", [1, 2])
def test_reasons_speak_of_the_last_2048_orders_and_stay_true_when_older_ones_leave(seed: int) -> None:
    shipper = Shipper(seed)
    history: list[Record] = []
    model = CustomerModel()
    for _ in range(3):
        more = [shipper.record(number) for number in range(len(history), len(history) + 1300)]
        learn(model, entries_of(more, after=len(history)))
        model = CustomerModel.from_bytes(model.to_bytes())
        history += more
        reader = Reader(history)
        for number in range(len(history), len(history) + 20):
            asked = shipper.record(number)
            reader.check(asked, model.predict(asked.order, asked.ordered_at))


def test_orders_alike_in_all_fields_are_counted_on_whatever_day_and_no_others() -> None:
    """The same values at other fields are another order."""
    choices: list[tuple[dict[str, Any], Shipment]] = [
        ({"from": "X", "to": "Y"}, {"c": "A"}),
        ({"from": "Y", "to": "X"}, {"c": "B"}),
        ({"from": "X", "to": "X"}, {"c": "C"}),
        ({"from": "Y", "to": "Y"}, {"c": "D"}),
    ]
    history = [record(13 * n, *choices[n % 4]) for n in range(50)]
    model = learn(CustomerModel(), entries_of(history))
    reader = Reader(history)
    said = []
    for asked in history[:4]:
        prediction = model.predict(asked.order, asked.ordered_at)
        assert prediction.shipment == asked.shipment
        reader.check(asked, prediction)
        said += [because.text for because in prediction.because]
    assert any("just like this one" in text for text in said)


def test_a_word_that_is_spelled_like_an_absent_field_is_not_taken_for_one() -> None:
    orders: list[dict[str, Any]] = [{"a": "\x00missing"}, {}, {"a": "k"}]
    history = [record(n, {**orders[n % 3], "b": n % 2}, {"c": "X" if n % 3 == 0 else "Y"}) for n in range(60)]
    model = learn(CustomerModel(), entries_of(history))
    because = model.predict({"a": "\x00missing", "b": 1}, history[0].ordered_at).because
    counts = [(each.orders, each.agreeing) for each in because if each.text.endswith("with a missing went this way")]
    assert counts == [(20, 20)]


@pytest.mark.parametrize("asked", [1.7e308, 1.0e308, -1.7e308, 5e-324, 0.0])
def test_a_number_at_the_edge_of_what_a_number_can_be_is_given_a_reason(asked: float) -> None:
    luck = random.Random(2)
    history = [
        record(n, {"n": asked * luck.uniform(0.6, 1) if n % 2 else 3.0 + luck.random()}, {"c": f"C{n % 2}"})
        for n in range(400)
    ]
    model = learn(CustomerModel(), entries_of(history))
    assert model.predict({"n": asked}, history[0].ordered_at).because


def test_a_beginning_that_plain_words_share_is_no_reason() -> None:
    model = CustomerModel()
    cities = ["Zürich", "Zürich", "Zürich<b>", "Genf", "Basel"]
    log = [
        LogEntry(
            n + 1,
            Record(
                customer_id="acme",
                order_id=str(n),
                ordered_at=START + timedelta(hours=n),
                order={"city": cities[n % 5], "n": n % 7},
                shipment={"carrier": "Post" if n % 5 == 2 else "DHL"},
            ),
            n,
        )
        for n in range(400)
    ]
    for _ in model.learn(log):
        pass
    for city in ("Zürich<b>", "Zürich<i>"):
        for because in model.predict({"city": city, "n": 3}, START).because:
            assert "Zür…" not in because.text


def test_a_beginning_with_a_digit_is_told_of_one_word() -> None:
    flat = flatten({"zip": "78701"}, START)
    key = Key(("zip" + PREFIX,), 0)
    assert _shared(flat, key) == "with one-word zip 787…"
