"""The measures of a replay, each against a slow or independent way of saying the same."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import msgspec
import pytest
from autoship.domain.prediction import Reason, Shipment
from autoship.replay import Outcome, Summary, summarise
from autoship.replay.binomial import holm, upper_tail
from autoship.replay.calibration import bins, expected_calibration_error
from autoship.replay.curves import coverage_curve, stretches
from hypothesis import given
from hypothesis import strategies as st

START = datetime(2025, 1, 1, tzinfo=UTC)
USPS: Shipment = {"carrier": "USPS", "service": "Priority"}
UPS: Shipment = {"carrier": "UPS", "service": "Priority"}


def outcome(place: int, **changes: object) -> Outcome:
    """A right, approved prediction, unless the changes say otherwise."""
    usual: dict[str, object] = {
        "customer_id": "acme",
        "order_id": str(place),
        "ordered_at": START + timedelta(hours=place),
        "place": place,
        "of": 10,
        "seen": True,
        "truth": USPS,
        "predicted": USPS,
        "right": True,
        "confidence": 0.9,
        "approved": True,
        "reason": None,
        "rivals": (UPS,),
        "rivals_right": (False,),
        "predict_s": 1e-6,
        "learn_s": 2e-6,
    }
    return Outcome(**{**usual, **changes})  # type: ignore[arg-type]


def wrong(place: int, **changes: object) -> Outcome:
    return outcome(place, **{"predicted": UPS, "right": False, **changes})


def exact_tail(wrong: int, orders: int, rate: Fraction) -> Fraction:
    return sum(
        (math.comb(orders, k) * rate**k * (1 - rate) ** (orders - k) for k in range(max(0, wrong), orders + 1)),
        Fraction(0),
    )


@given(st.integers(0, 300), st.data())
def test_the_binomial_tail_is_what_exact_fractions_say(orders: int, data: st.DataObject) -> None:
    wrong_ones = data.draw(st.integers(0, orders + 1))
    rate = data.draw(st.sampled_from([Fraction(1, 20), Fraction(1, 50), Fraction(1, 2)]))
    exact = float(exact_tail(wrong_ones, orders, rate))
    assert upper_tail(wrong_ones, orders, float(rate)) == pytest.approx(exact, rel=1e-9, abs=1e-300)


def test_the_binomial_tail_holds_for_many_orders() -> None:
    assert upper_tail(50_001, 1_000_000, 0.05) == pytest.approx(0.4978, abs=2e-3)
    assert upper_tail(60_000, 1_000_000, 0.05) < 1e-300


def holm_by_definition(p_values: list[float], level: float) -> list[bool]:
    """A hypothesis falls when, for every p-value up to its own, that one is small enough for those not below it."""
    return [all(q <= level / sum(other >= q for other in p_values) for q in p_values if q <= p) for p in p_values]


@given(st.lists(st.floats(0, 0.2), max_size=8, unique=True))
def test_holms_correction_is_what_its_definition_says(p_values: list[float]) -> None:
    assert holm(p_values, 0.05) == holm_by_definition(p_values, 0.05)


def test_holms_correction_follows_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == [True, False, False, True]


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_the_calibration_error_is_the_weighted_gap_of_all_bins(predictions: list[tuple[float, bool]]) -> None:
    gaps = 0.0
    for place in range(15):
        low, high = place / 15, (place + 1) / 15
        own = [(c, r) for c, r in predictions if low < c <= high or (place == 0 and c == 0)]
        gaps += abs(sum(r for _, r in own) - sum(c for c, _ in own))
    found = expected_calibration_error(bins(predictions))
    assert found == pytest.approx(gaps / len(predictions), abs=1e-6)


def test_without_predictions_there_is_no_calibration_error() -> None:
    assert expected_calibration_error(bins([])) is None


@given(st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.8, 0.99]), st.booleans()), min_size=1, max_size=60))
def test_the_coverage_curve_says_what_each_threshold_would_approve(predictions: list[tuple[float, bool]]) -> None:
    outcomes = [outcome(n, confidence=c, right=r) for n, (c, r) in enumerate(predictions)]
    for point in coverage_curve(outcomes):
        approved = [right for confidence, right in predictions if confidence >= point.confidence]
        assert point.coverage == pytest.approx(len(approved) / len(predictions))
        assert point.risk == pytest.approx(approved.count(False) / len(approved))


def test_the_coverage_curve_of_many_orders_has_few_points_and_reaches_the_end() -> None:
    points = coverage_curve([outcome(n, confidence=n / 5_000) for n in range(5_000)])
    assert 90 <= len(points) <= 102
    assert points[-1].coverage == 1.0


def test_stretches_hold_every_order_once_and_agree_with_the_whole() -> None:
    outcomes = [outcome(n, right=n % 3 == 0, rivals_right=(n % 2 == 0,)) for n in range(1_000)]
    parts = stretches(outcomes, ["autoship", "other"])
    assert sum(part.orders for part in parts) == 1_000
    assert sum(part.orders * part.accuracy["autoship"] for part in parts) == pytest.approx(334)
    assert sum(part.orders * part.accuracy["other"] for part in parts) == pytest.approx(500)


def test_accuracy_counts_the_whole_choice_and_each_field_by_itself() -> None:
    window = summarise([outcome(0), wrong(1)], ["other"]).all
    assert window.accuracy == {"autoship": 0.5, "other": 0.0}
    assert window.fields == {"carrier": {"autoship": 0.5, "other": 0.0}, "service": {"autoship": 1.0, "other": 1.0}}


def test_an_order_without_a_prediction_counts_as_wrong() -> None:
    none = outcome(0, predicted=None, right=False, approved=False, reason=Reason.NO_HISTORY, confidence=0.0)
    window = summarise([none, outcome(1)], ["other"]).all
    assert (window.predicted, window.accuracy["autoship"], window.fields["carrier"]["autoship"]) == (1, 0.5, 0.5)
    assert window.not_approved == {"no_history": 1}


def test_fields_are_equal_as_json_has_it() -> None:
    pair = outcome(0, truth={"n": 1, "b": True}, predicted={"n": 1.0, "b": 1}, right=False, rivals=(None,))
    assert summarise([pair], ["other"]).all.fields == {
        "n": {"autoship": 1.0, "other": 0.0},
        "b": {"autoship": 0.0, "other": 0.0},
    }


def test_the_last_fifth_is_the_newest_by_count() -> None:
    summary = summarise([wrong(n) if n < 8 else outcome(n) for n in range(10)], ["other"])
    assert (summary.last_fifth.orders, summary.last_fifth.accuracy["autoship"]) == (2, 1.0)
    assert (summary.all.orders, summary.all.accuracy["autoship"]) == (10, 0.2)


def test_the_error_among_the_approved_leaves_out_what_was_not() -> None:
    window = summarise([outcome(0), wrong(1), wrong(2, approved=False, reason=Reason.UNSURE)], ["other"]).all
    assert (window.approved, window.approved_wrong, window.error_approved) == (2, 1, 0.5)
    assert window.share_approved == pytest.approx(2 / 3)


def test_nothing_approved_has_no_error() -> None:
    window = summarise([outcome(0, approved=False)], ["other"]).all
    assert (window.share_approved, window.error_approved, window.customers_approved) == (0.0, None, 0)


def test_a_customer_is_over_the_promise_beyond_chance_only() -> None:
    unlucky = [
        wrong(n, customer_id="unlucky", of=40) if n < 4 else outcome(n, customer_id="unlucky", of=40) for n in range(40)
    ]
    over = [wrong(n, customer_id="over", of=40) if n < 9 else outcome(n, customer_id="over", of=40) for n in range(40)]
    assert summarise(unlucky + over, ["other"]).all.customers_over == ["over"]


def test_among_many_customers_more_is_put_down_to_chance() -> None:
    odd = [wrong(n, customer_id="odd", of=40) if n < 6 else outcome(n, customer_id="odd", of=40) for n in range(40)]
    fine = [outcome(n, customer_id=f"fine {c}", of=40) for c in range(20) for n in range(40)]
    assert upper_tail(6, 40, 0.05) < 0.05
    assert summarise(odd, ["other"]).all.customers_over == ["odd"]
    assert summarise(odd + fine, ["other"]).all.customers_over == []


def test_what_nobody_looked_at_is_counted_and_not_measured() -> None:
    summary = summarise([outcome(0, seen=False), wrong(1)], ["other"])
    assert (summary.orders, summary.unseen, summary.all.orders, summary.all.accuracy["autoship"]) == (2, 1, 1, 0.0)


def test_times_are_nearest_rank_percentiles_in_microseconds() -> None:
    window = summarise([outcome(n, of=100, predict_s=(n + 1) * 1e-6) for n in range(100)], ["other"]).all
    assert window.predict is not None
    assert (window.predict.p50_us, window.predict.p99_us) == (pytest.approx(50), pytest.approx(99))
    assert window.orders_per_s == pytest.approx(100 / (5_050e-6 + 200e-6))


def test_the_order_in_which_outcomes_come_changes_nothing() -> None:
    outcomes = [outcome(n, right=n % 3 > 0) for n in range(10)]
    assert summarise(outcomes[::-1], ["other"]) == summarise(outcomes, ["other"])


def test_nothing_at_all_is_summarised_too() -> None:
    summary = summarise([], ["other"])
    assert (summary.orders, summary.all.accuracy, summary.all.predict) == (0, {"autoship": None, "other": None}, None)


def test_the_document_can_be_written_and_read_again() -> None:
    summary = summarise([outcome(n, right=n % 4 > 0) for n in range(10)], ["other"])
    assert msgspec.json.decode(msgspec.json.encode(summary), type=Summary) == summary
