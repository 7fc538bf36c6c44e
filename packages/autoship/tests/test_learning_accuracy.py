"""On real orders, accuracy and what is approved stay what they were when these numbers were written down."""

from __future__ import annotations

import gzip
from pathlib import Path

import msgspec
import pytest
from autoship.domain.ndjson import parse_line
from autoship.domain.record import Record, choice_key
from autoship.learning import CustomerModel
from autoship.replay.outcome import Outcome
from autoship.replay.walk import walk

DATA = Path(__file__).parents[3] / "data"
CLEARLY = 0.015
"""What is lost by more than this is lost for a reason."""


def walked(file: str, last: int) -> list[Outcome]:
    """The outcomes of the last orders of a file, each revealed a day after it was placed."""
    with gzip.open(DATA / file) as lines:
        records = [record for line in lines if (record := parse_line(line))][-last:]
    return list(walk(records, CustomerModel, clock=lambda: 0.0))


@pytest.fixture(scope="module")
def shop() -> list[Outcome]:
    return walked("indonesia-shop.ndjson.gz", 3000)


def share(hits: list[bool]) -> float:
    return sum(hits) / len(hits)


def test_the_shops_last_orders_are_predicted_as_well_as_ever(shop: list[Outcome]) -> None:
    assert share([outcome.right for outcome in shop]) > 0.913 - CLEARLY
    assert share([outcome.right for outcome in shop if outcome.place >= 2000]) > 0.928 - CLEARLY


def test_e_manifests_last_orders_are_predicted_as_well_as_ever() -> None:
    outcomes = walked("e-manifest.ndjson.gz", 4000)
    assert share([outcome.right for outcome in outcomes]) > 0.711 - CLEARLY
    assert share([outcome.right for outcome in outcomes if outcome.in_last_fifth]) > 0.765 - CLEARLY


def test_the_shops_last_orders_are_approved_often_and_hardly_ever_wrongly(shop: list[Outcome]) -> None:
    approved = [outcome for outcome in shop if outcome.approved]
    assert len(approved) > 0.65 * len(shop)
    assert share([not outcome.right for outcome in approved]) < 0.05


def test_confidence_means_what_it_says(shop: list[Outcome]) -> None:
    settled = [outcome for outcome in shop if outcome.place >= 500]
    for low, high in ((0.5, 0.8), (0.8, 0.95), (0.95, 1.0)):
        some = [outcome for outcome in settled if low <= outcome.confidence < high]
        said = sum(outcome.confidence for outcome in some) / len(some)
        assert share([outcome.right for outcome in some]) == pytest.approx(said, abs=0.08)


def test_what_cannot_be_predicted_ends_with_the_commonest_choice(shop: list[Outcome]) -> None:
    """The shop's orders, each with the shipment of another one: nothing in the order says anything any more."""
    with gzip.open(DATA / "indonesia-shop.ndjson.gz") as lines:
        records = [record for line in lines if (record := parse_line(line))][-3000:]
    shuffled = [
        msgspec.structs.replace(record, shipment=records[(n * 1231 + 7) % len(records)].shipment)
        for n, record in enumerate(records)
    ]
    outcomes = list(walk(shuffled, CustomerModel, clock=lambda: 0.0))
    commonest = max(_counts(shuffled).values()) / len(shuffled)
    assert share([outcome.right for outcome in outcomes]) > commonest - 0.05
    assert not any(outcome.approved for outcome in outcomes)


def _counts(records: list[Record]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for record in records:
        key = choice_key(record.shipment)
        counts[key] = counts.get(key, 0) + 1
    return counts
