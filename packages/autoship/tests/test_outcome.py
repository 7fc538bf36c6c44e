"""What came of predictions: which outcomes are asked for, and what a model says of each entry that it learns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from autoship.domain.log import LogEntry
from autoship.domain.outcome import Match, Outcome
from autoship.domain.prediction import Judged
from autoship.domain.record import Record
from autoship.learning import CustomerModel

START = datetime(2026, 1, 5, tzinfo=UTC)


def outcome(**changes: Any) -> Outcome:
    plain: dict[str, Any] = {
        "seq": 7,
        "order_id": "7",
        "ordered_at": START,
        "known_at": START + timedelta(days=1),
        "predicted": {"carrier": "UPS", "packaging": "Box", "signed": True},
        "shipment": {"carrier": "UPS", "packaging": "Bag", "signed": True},
        "confidence": 0.9,
        "score": 0.9,
        "approved": True,
        "served": True,
        "decided_by": "person",
        "commonest": False,
    }
    return Outcome(**{**plain, **changes})


def test_an_outcome_names_the_fields_that_were_wrong() -> None:
    assert outcome().wrong_fields == ["packaging"]
    assert not outcome().right
    assert outcome(shipment={"carrier": "UPS"}).wrong_fields == ["packaging", "signed"]
    assert outcome(predicted={"n": 1}, shipment={"n": True}).wrong_fields == ["n"]
    assert outcome(predicted={"n": 1}, shipment={"n": 1.0}).right


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        (Match(), True),
        (Match(right=False), True),
        (Match(right=True), False),
        (Match(field="carrier", right=True), True),
        (Match(field="packaging", right=False), True),
        (Match(field="packaging", shipped="Bag", predicted="Box"), True),
        (Match(field="packaging", shipped="Box"), False),
        (Match(shipped="Bag"), True),
        (Match(predicted="Bag"), False),
        (Match(field="signed", shipped="true"), True),
        (Match(field="unheard", shipped="x"), False),
        (Match(approved=False), False),
        (Match(since=START + timedelta(days=1)), True),
        (Match(until=START + timedelta(days=1)), False),
    ],
)
def test_only_what_is_asked_for_fits(match: Match, fits: bool) -> None:
    assert match.fits(outcome()) is fits


def test_a_model_tells_what_came_of_each_prediction() -> None:
    def record(n: int, carrier: str) -> Record:
        at = START + timedelta(days=n)
        return Record(customer_id="acme", order_id=str(n), ordered_at=at, order={"n": n}, shipment={"carrier": carrier})

    served = Judged({"carrier": "UPS"}, 0.8, True, 1, 0.75)
    log = [
        LogEntry(1, record(1, "UPS"), 0),
        LogEntry(2, record(2, "UPS"), 1),
        LogEntry(3, record(3, "DHL"), 1, served),
    ]
    first, second, third = CustomerModel().learn(log)
    assert first is None
    assert second is not None
    assert (second.predicted, second.right, second.served, second.commonest) == ({"carrier": "UPS"}, True, False, True)
    assert third is not None
    assert (third.seq, third.order_id, third.served, third.commonest) == (3, "3", True, False)
    assert (third.predicted, third.confidence, third.approved) == ({"carrier": "UPS"}, 0.75, True)


def test_a_prediction_served_before_a_cut_history_begins_has_an_outcome_too() -> None:
    record = Record(customer_id="acme", order_id="9", ordered_at=START, order={}, shipment={"carrier": "UPS"})
    (only,) = CustomerModel().learn([LogEntry(9, record, 8, Judged({"carrier": "UPS"}, 0.8, True, 8, 0.75))])
    assert only is not None
    assert only.right
    assert not only.commonest
