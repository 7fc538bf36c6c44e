"""The scoreboard: which outcomes are counted together, and what their counts say. Tables of outcomes in, counts out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from autoship.domain.outcome import Match, Outcome, choice_text
from autoship.domain.scoreboard import MOST_STRETCHES, Mistake, scoreboard
from autoship_samples import outcome


def outcomes(*changes: dict[str, Any]) -> list[Outcome]:
    return [outcome(seq, **each) for seq, each in enumerate(changes, 1)]


RIGHT: dict[str, Any] = {"predicted": {"a": "x"}, "shipment": {"a": "x"}, "commonest": False}
WRONG: dict[str, Any] = {"predicted": {"a": "x"}, "shipment": {"a": "y"}, "commonest": False}


@pytest.mark.parametrize(
    ("rows", "accuracy", "baseline", "coverage", "risk"),
    [
        ([], None, None, None, None),
        ([RIGHT], 1.0, 0.0, 0.0, None),
        ([RIGHT, WRONG | {"commonest": True}], 0.5, 0.5, 0.0, None),
        ([RIGHT | {"approved": True}, WRONG], 0.5, 0.0, 0.5, 0.0),
        ([RIGHT | {"approved": True}, WRONG | {"approved": True}], 0.5, 0.0, 1.0, 0.5),
        ([RIGHT, WRONG | {"decided_by": "auto"}], 1.0, 0.0, 0.0, None),
        ([WRONG, RIGHT | {"decided_by": "auto", "approved": True}], 0.0, 0.0, 0.5, None),
    ],
)
def test_what_nobody_looked_at_proves_nothing_and_counts_as_approved_or_not(
    rows: list[dict[str, Any]],
    accuracy: float | None,
    baseline: float | None,
    coverage: float | None,
    risk: float | None,
) -> None:
    tally = scoreboard(outcomes(*rows)).all
    assert (tally.accuracy, tally.baseline, tally.coverage, tally.risk) == (accuracy, baseline, coverage, risk)


@pytest.mark.parametrize(
    ("orders", "stretches"),
    [(0, 0), (1, 1), (7, 1), (8, 2), (200, 10), (2_048, MOST_STRETCHES), (20_000, MOST_STRETCHES)],
)
def test_the_more_outcomes_there_are_the_more_stretches_of_more_outcomes(orders: int, stretches: int) -> None:
    found = scoreboard(outcomes(*[RIGHT] * orders)).stretches
    assert len(found) == stretches
    assert sum(stretch.tally.orders for stretch in found) == orders


def test_a_stretch_is_what_its_two_times_match() -> None:
    rows = [RIGHT | {"known_at": outcome(1).known_at + timedelta(hours=n // 7)} for n in range(300)]
    all_of = outcomes(*reversed(rows))
    stretches = scoreboard(all_of).stretches
    assert len(stretches) > 1
    for stretch in stretches:
        match = Match(since=stretch.since, until=stretch.until)
        assert sum(match.fits(each) for each in all_of) == stretch.tally.orders
        assert stretch.since <= stretch.middle <= stretch.last


def test_outcomes_of_one_moment_are_one_stretch() -> None:
    (only,) = scoreboard(outcomes(*[RIGHT | {"known_at": outcome(1).known_at}] * 500)).stretches
    assert (only.since, only.until, only.tally.orders) == (only.last, None, 500)


def test_each_part_of_the_choice_counts_its_own_mistakes_the_most_frequent_first() -> None:
    rows = [
        {"shipment": {"carrier": "UPS", "box": "S"}, "predicted": {"carrier": "UPS", "box": "M"}},
        {"shipment": {"carrier": "UPS", "box": "S"}, "predicted": {"carrier": "UPS", "box": "M"}},
        {"shipment": {"carrier": "DHL", "box": "S"}, "predicted": {"carrier": "UPS", "box": "S"}},
        {"shipment": {"carrier": "DHL", "box": "S"}, "predicted": {"carrier": "DHL", "box": "S"}},
    ]
    whole, box, carrier = scoreboard(outcomes(*rows)).parts
    assert (whole.field, whole.orders, whole.wrong) == (None, 4, 3)
    assert whole.mistakes == [Mistake("S · UPS", "M · UPS", 2), Mistake("S · DHL", "S · UPS", 1)]
    assert (box.field, box.orders, box.wrong, box.mistakes) == ("box", 4, 2, [Mistake("S", "M", 2)])
    assert (carrier.field, carrier.wrong, carrier.mistakes) == ("carrier", 1, [Mistake("DHL", "UPS", 1)])


def test_a_field_that_one_side_lacks_is_a_mistake_and_says_so() -> None:
    rows = [{"shipment": {"a": 1, "b": True}, "predicted": {"a": 1.0}}, {"shipment": {"a": 2}, "predicted": {"a": 2}}]
    _, a, b = scoreboard(outcomes(*rows)).parts
    assert (a.orders, a.wrong) == (2, 0)
    assert (b.orders, b.wrong, b.mistakes) == (1, 1, [Mistake("true", None, 1)])


def test_every_mistake_is_found_again_by_what_it_says() -> None:
    rows = [
        {"shipment": {"carrier": f"c{n % 3}", "box": n % 5}, "predicted": {"carrier": f"c{n % 2}", "box": n % 4}}
        for n in range(60)
    ]
    all_of = outcomes(*rows)
    for part in scoreboard(all_of).parts:
        assert sum(mistake.times for mistake in part.mistakes) == part.wrong
        for mistake in part.mistakes:
            match = Match(field=part.field, shipped=mistake.shipped, predicted=mistake.predicted, right=False)
            assert sum(match.fits(each) for each in all_of) == mistake.times


def test_a_choice_is_written_by_the_names_of_its_fields() -> None:
    assert choice_text({"service": "Ground", "carrier": "UPS", "signed": True}) == "UPS · Ground · true"
