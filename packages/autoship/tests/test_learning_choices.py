"""Choices: which fields are no choice, what a choice's identity is, and which one makes room for a new one."""

from __future__ import annotations

import random
from typing import Any

import pytest
from autoship import Predictor
from autoship.domain.prediction import Shipment
from autoship.domain.record import Record
from autoship.learning import CustomerModel
from autoship.learning.choices import MAX_CHOICES
from learning_logs import START, entries_of, learn, record


def model_of(shipments: list[Shipment]) -> CustomerModel:
    return learn(CustomerModel(), entries_of(record(n, {"k": n % 3}, each) for n, each in enumerate(shipments)))


def warnings_of(shipments: list[Shipment]) -> list[str]:
    """The fields that a customer with these shipments is warned of."""
    return [warning.split(" ")[0].removeprefix("shipment.") for warning in model_of(shipments).summary().warnings]


MISTAKES = {
    "words": lambda n: f"9400 1118 9922 {n:08}",
    "numbers": lambda n: 9400_0000 + n,
    "labels, now and then printed together": lambda n: f"L{n - n % 10 // 8}",
}


@pytest.mark.parametrize("kind", MISTAKES)
@pytest.mark.parametrize("orders", [25, 300, 1500])
def test_a_field_that_is_different_for_nearly_every_order_is_named(kind: str, orders: int) -> None:
    luck = random.Random(1)
    shipments: list[Shipment] = [
        {"carrier": luck.choice(["UPS", "DHL"]), "tracking_number": MISTAKES[kind](n), "insured": n % 2 == 0}
        for n in range(orders)
    ]
    assert warnings_of(shipments) == ["tracking_number"]


@pytest.mark.parametrize("orders", [3, 25, 300, 1500])
def test_an_ordinary_choice_is_not(orders: int) -> None:
    luck = random.Random(2)
    services = [f"Service {n}" for n in range(min(40, orders // 3 + 1))]
    shipments: list[Shipment] = [
        {
            "carrier": luck.choice(["UPS", "DHL", "USPS"]),
            "service": luck.choice(services[: 1 + n // 3]),
            "boxes": luck.randrange(6),
            "insured": luck.random() < 0.5,
        }
        for n in range(orders)
    ]
    assert warnings_of(shipments) == []


def test_even_many_different_choices_are_choices_as_long_as_they_come_again() -> None:
    luck = random.Random(3)
    assert warnings_of([{"lane": f"lane {luck.randrange(400)}"} for _ in range(3000)]) == []


def test_a_choice_is_the_same_whatever_the_order_of_its_fields_and_however_its_numbers_are_written() -> None:
    same: list[Shipment] = [
        {"carrier": "UPS", "boxes": 1},
        {"boxes": 1, "carrier": "UPS"},
        {"boxes": 1.0, "carrier": "UPS"},
    ]
    other: list[Shipment] = [{"carrier": "UPS", "boxes": True}, {"carrier": "UPS", "boxes": "1"}, {"carrier": "UPS"}]
    assert len(model_of(same * 3).classes()) == 1
    assert len(model_of([*same, *other]).classes()) == 4


def test_the_rarest_choice_makes_room_and_the_common_ones_stay() -> None:
    luck = random.Random(4)
    shipments: list[Shipment] = [
        {"carrier": luck.choice(["UPS", "DHL"]) if luck.random() < 0.5 else f"rare {n}"} for n in range(1800)
    ]
    model = model_of(shipments)
    assert len(model.classes()) == MAX_CHOICES
    assert {"carrier": "UPS"} in model.classes()
    assert {"carrier": "DHL"} in model.classes()
    assert shipments[-1] in model.classes()
    predicted = model.predict({"k": 1}, START)
    assert predicted.shipment in ({"carrier": "UPS"}, {"carrier": "DHL"})
    again = CustomerModel.from_bytes(model.to_bytes())
    assert again.classes() == model.classes()
    assert again.predict({"k": 1}, START) == predicted


def test_in_a_library_as_in_the_service_pieces_and_the_whole_end_in_the_same_classes_and_probabilities() -> None:
    luck = random.Random(5)

    def one(number: int) -> Record:
        order: dict[str, Any] = {"weight": luck.randrange(900), "tier": luck.choice("SE")}
        carrier = "UPS" if order["weight"] > 300 else "DHL"
        known = record(number, order, {"carrier": carrier, "fast": order["tier"] == "E"})
        return Record(
            customer_id="acme",
            order_id=known.order_id,
            ordered_at=known.ordered_at,
            order=order,
            shipment=known.shipment,
            shipped_at=known.ordered_at,
        )

    records = [one(number) for number in range(700)]
    whole, pieces = Predictor().fit(records[:600]), Predictor()
    at = 0
    while at < 600:
        size = luck.choice([1, 2, 30, 100])
        pieces.partial_fit(records[at : min(600, at + size)])
        at += size
    assert whole.classes_ == pieces.classes_
    assert (whole.predict_proba(records[600:]) == pieces.predict_proba(records[600:])).all()
    assert whole.predict(records[600:]) == pieces.predict(records[600:])
    assert pieces.fit(records[:600]).predict(records[600:]) == whole.predict(records[600:])
