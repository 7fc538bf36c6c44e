"""The promise of `approved`: the rule's own laws, and a sample of ``benchmarks/promise.py``'s simulated customers."""

from __future__ import annotations

import importlib.util
import math
import sys
from fractions import Fraction
from math import comb
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from autoship.domain.prediction import Judged, Reason
from autoship.errors import InvalidInput
from autoship.learning.approval import (
    CALM,
    MOST_NEEDED,
    NEWEST,
    THRESHOLDS,
    Approval,
    binomial_cdf,
    fast_reference,
    held_back,
    level_of,
    orders_needed,
)
from hypothesis import given, settings
from hypothesis import strategies as st

CHOICE = {"carrier": "UPS"}
ROOT = Path(__file__).parents[3]


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


promise: Any = _load("promise")


# the binomial


def exact_cdf(successes: int, trials: int, percent: int) -> Fraction:
    """P(Bin(trials, percent / 100) ≤ successes), in whole numbers."""
    p = Fraction(percent, 100)
    return sum(
        (comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(min(successes, trials) + 1)), Fraction(0)
    )


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(1, 1000), st.sampled_from([1, 2, 5, 10, 50]))
def test_the_binomial_tail_is_exact(successes: int, trials: int, percent: int) -> None:
    expected = float(exact_cdf(successes, trials, percent))
    assert binomial_cdf(successes, trials, percent / 100) == pytest.approx(expected, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("percent", [1, 2, 5, 10])
@pytest.mark.parametrize("wrong", [0, 1, 2, 3, 7, 20])
def test_the_orders_needed_are_the_fewest_that_prove_it(wrong: int, percent: int) -> None:
    needed = orders_needed(wrong, percent / 100)
    assert exact_cdf(wrong, needed, percent) <= Fraction(1, 100) < exact_cdf(wrong, needed - 1, percent)


def test_at_five_per_cent_none_to_five_wrong_want_these_orders() -> None:
    assert [orders_needed(wrong, 0.05) for wrong in range(6)] == [90, 130, 165, 198, 229, 259]


@pytest.mark.parametrize("max_error", [0, 0.0, -0.1, 0.51, 1.0, math.nan, math.inf])
def test_an_error_that_cannot_be_promised_is_refused(max_error: float) -> None:
    with pytest.raises(InvalidInput, match="max_error"):
        Approval(max_error, 0.1)


@pytest.mark.parametrize("max_error", [0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 0.5])
def test_for_every_promise_enough_right_ones_lead_to_approving(max_error: float) -> None:
    rule = Approval(max_error, 0.1)
    for seq in range(1, NEWEST + 1):
        rule.learn(Judged(CHOICE, 0.9, False, seq - 1), True, True, seq)
    assert rule.decide(0.9, "1") is None


# the guard


@settings(max_examples=300, deadline=None)
@given(st.lists(st.booleans(), max_size=900), st.sampled_from([0.01, 0.05, 0.1]))
def test_in_no_stretch_of_any_outcomes_more_is_wrong_than_the_guard_allows(wrong: list[bool], max_error: float) -> None:
    run = promise.Run(0, max_error=max_error)
    run.rule.last_cut = 0.0
    for is_wrong in wrong:
        run.order(0.9, is_wrong)
    assert run.worst_excess() <= 1e-9
    reference = fast_reference(max_error)
    for part in run.watched:
        for n in range(len(part) + 1):
            assert sum(part[:n]) <= min(max_error * n + 11 - max_error, reference * n + 5.43 - reference) + 1e-9


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 300), st.sampled_from([0.0, 0.02, 0.08, 0.2, 0.5, 1.0])), max_size=8), st.data()
)
def test_the_guard_holds_while_ways_change_and_outcomes_come_late(
    ways: list[tuple[int, float]], data: st.DataObject
) -> None:
    run = promise.Run(
        data.draw(st.integers(0, 1000)), delay=data.draw(st.sampled_from([0, 3, 60])), unseen=data.draw(st.booleans())
    )
    run.go(300, promise.CALIBRATED)
    for orders, error in ways:
        run.go(orders, promise.flat(error))
    assert run.worst_excess() <= 1e-9


def test_at_five_per_cent_the_bounds_are_the_documented_ones() -> None:
    assert fast_reference(0.05) == pytest.approx(0.11, abs=0.001)
    assert fast_reference(0.05) < 1 / 9
    assert 4.43 + 1 - fast_reference(0.05) == pytest.approx(5.32, abs=0.005)


@pytest.mark.parametrize(("one_in", "most"), [(2.5, 7), (5.0, 12), (9.0, 20)])
def test_if_so_many_go_wrong_approving_stops_in_time_from_wherever_the_sums_stood(one_in: float, most: int) -> None:
    assert max(promise.even_switch(seed, one_in) for seed in range(12)) <= most


def right_until_approved(rule: Approval, seq: int = 0) -> int:
    """Lets right ones come in until something is approved; returns the last place in the log."""
    while rule.cut is None:
        seq += 1
        rule.learn(Judged(CHOICE, 0.999, False, seq - 1), True, True, seq)
    return seq


def wrong_until_alarm(rule: Approval, seq: int) -> int:
    """Lets wrong approvals come in until the alarm; returns its place in the log."""
    alarms = rule.alarms
    while rule.alarms == alarms:
        seq += 1
        rule.learn(Judged(CHOICE, 0.999, True, seq - 1), False, True, seq)
    return seq


def test_an_alarm_forgets_the_evidence_and_all_that_was_predicted_before_it() -> None:
    rule = Approval(0.05, 0.1)
    at = wrong_until_alarm(rule, right_until_approved(rule))
    assert (rule.cut, len(rule.evidence), rule.fast, rule.slow) == (None, 0, 0.0, 0.0)
    for through in range(at - 60, at):
        rule.learn(Judged(CHOICE, 0.999, True, through), True, True, at + 1)
    assert not rule.evidence
    rule.learn(Judged(CHOICE, 0.999, False, at), True, True, at + 2)
    assert len(rule.evidence) == 1


def test_after_an_alarm_the_reason_says_so_until_there_is_new_evidence() -> None:
    rule = Approval(0.05, 0.1)
    assert rule.decide(1.0, "1") is Reason.LITTLE_EVIDENCE
    seq = wrong_until_alarm(rule, right_until_approved(rule))
    assert rule.decide(1.0, "1") is Reason.WAYS_CHANGED
    needed = rule.needed
    for place in range(1, needed + 1):
        assert rule.decide(1.0, "1") is Reason.WAYS_CHANGED
        rule.learn(Judged(CHOICE, 0.999, False, seq), True, True, seq + place)
    assert rule.decide(1.0, "1") is None
    assert rule.decide(0.0, "1") in (None, Reason.UNSURE)


def test_each_start_that_fails_doubles_the_evidence_needed_up_to_a_bound() -> None:
    rule = Approval(0.05, 0.1)
    seq, needed = 0, [rule.needed]
    for _ in range(6):
        seq = wrong_until_alarm(rule, right_until_approved(rule, seq))
        needed.append(rule.needed)
    assert needed == [90, 180, 360, 720, MOST_NEEDED, MOST_NEEDED, MOST_NEEDED]


def test_an_alarm_before_anything_was_approved_is_no_failed_start() -> None:
    rule = Approval(0.05, 0.1)
    seq = right_until_approved(rule)
    while not rule.alarms:
        seq += 1
        rule.learn(Judged(CHOICE, 0.999, False, seq - 1), False, True, seq)
    assert rule.needed == 90


def test_calm_takes_one_failed_start_back_at_a_time() -> None:
    rule = Approval(0.05, 0.1)
    seq = 0
    for _ in range(2):
        seq = wrong_until_alarm(rule, right_until_approved(rule, seq))
    seq = right_until_approved(rule, seq)
    expected = {CALM - 1: 360, CALM: 180, 2 * CALM - 1: 180, 2 * CALM: 90}
    for place in range(1, 2 * CALM + 1):
        rule.learn(Judged(CHOICE, 0.999, True, seq), True, True, seq + place)
        assert rule.needed == expected.get(place, rule.needed)


# what counts as evidence


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.booleans()), max_size=200))
def test_what_nobody_looked_at_leaves_evidence_and_guard_as_they_are(outcomes: list[tuple[float, bool, bool]]) -> None:
    rule = Approval(0.05, 0.1)
    seq = right_until_approved(rule)
    before = (list(rule.evidence), rule.cut, rule.fast, rule.slow, rule.calm, rule.needed)
    assert not rule.auditing
    for score, approved, right in outcomes:
        rule.learn(Judged(CHOICE, score, approved, seq), right, False, seq + 1)
    assert (list(rule.evidence), rule.cut, rule.fast, rule.slow, rule.calm, rule.needed) == before
    assert rule.auditing == bool(outcomes)


@pytest.mark.parametrize("audit", [0.0, 0.02, 0.1, 0.5, 1.0])
def test_the_audit_holds_back_its_share_by_the_orders_id_and_always_the_same(audit: float) -> None:
    ids = [f"order {n}" for n in range(8000)]
    held = [held_back(order_id, audit) for order_id in ids]
    assert held == [held_back(order_id, audit) for order_id in ids]
    assert sum(held) / len(ids) == pytest.approx(audit, abs=0.015)
    assert all(held_back(order_id, min(1.0, 2 * audit)) for order_id, was in zip(ids, held, strict=True) if was)


def test_only_what_could_be_approved_is_audited_and_only_once_somebody_trusts_it_unseen() -> None:
    rule = Approval(0.05, 1.0)
    seq = right_until_approved(rule)
    assert rule.decide(1.0, "1") is None
    rule.learn(Judged(CHOICE, 1.0, True, seq), True, False, seq + 1)
    assert rule.decide(1.0, "1") is Reason.AUDIT
    rule.cut = 0.5
    assert rule.decide(0.4, "1") is Reason.UNSURE
    rule.cut = None
    assert rule.decide(1.0, "1") in (Reason.LITTLE_EVIDENCE, Reason.NOT_RIGHT_ENOUGH)


@given(st.floats(0, 1))
def test_a_level_is_the_highest_threshold_that_a_score_reaches(score: float) -> None:
    level = level_of(score)
    assert THRESHOLDS[level] <= score
    assert level == len(THRESHOLDS) - 1 or score < THRESHOLDS[level + 1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=400), st.integers(0, 2))
def test_the_cut_is_the_lowest_threshold_that_the_newest_outcomes_prove(
    outcomes: list[tuple[int, bool]], repeats: int
) -> None:
    """Recounted from a plain list of the newest 1,000."""
    rule = Approval(0.05, 0.1)
    seen: list[tuple[float, bool]] = []
    for seq, (level, right) in enumerate(outcomes * (1 + 2 * repeats), 1):
        score = promise.SCORES[level]
        alarms = rule.alarms
        rule.learn(Judged(CHOICE, score, False, seq - 1), right, True, seq)
        seen = [] if rule.alarms > alarms else [*seen[-(NEWEST - 1) :], (score, right)]
        if seq % 7 == 0:
            assert rule.cut == _proved(seen, rule.needed)


def _proved(seen: list[tuple[float, bool]], needed: int) -> float | None:
    for threshold in THRESHOLDS:
        above = [right for score, right in seen if score >= threshold]
        if len(above) >= needed and binomial_cdf(above.count(False), len(above), 0.05) <= 0.01:
            return threshold
    return None


# simulated customers: the rule alone


@pytest.mark.parametrize("way", promise.STABLE, ids=lambda way: way.name)
def test_while_ways_are_stable_at_each_moment_nine_runs_of_ten_keep_the_promise(way: Any) -> None:
    shares = promise.share_broken(way, 250, moments=(100, 150, 250, 450, 900))
    assert max(shares) <= 0.10


def test_outcomes_that_come_late_or_that_only_the_audit_sees_change_nothing_about_that() -> None:
    way = promise.flat(0.06)
    assert max(promise.share_broken(way, 150, delay=140, moments=(150, 300, 900))) <= 0.10
    assert max(promise.share_broken(way, 150, unseen=True, moments=(150, 300, 900))) <= 0.10
    assert max(promise.share_broken(promise.flat(0.023), 150, max_error=0.02, moments=(260, 600))) <= 0.10


def test_orders_that_cannot_be_predicted_are_never_approved() -> None:
    assert promise.unpredictable(40).kept


def test_a_steady_customer_is_approved_soon_and_most_of_the_time() -> None:
    waits = sorted(promise.first_approval(promise.flat(0.02), 60))
    assert waits[30] <= 300
    assert waits[54] <= 1000
    run = promise.Run(1)
    run.go(1000, promise.flat(0.02))
    before = run.approved
    run.go(2000, promise.flat(0.02))
    assert run.approved - before >= 1700


@pytest.mark.parametrize(("error", "most"), [(0.4, 9), (1 / 9, 22), (1.0, 6)])
def test_after_a_sudden_switch_few_wrong_ones_come_in_on_average(error: float, most: int) -> None:
    """By chance a run of luck makes it a few more; how many at most, where the share is exact, the tests above say."""
    found = [each for seed in range(40) if (each := promise.switch(seed, error))]
    assert len(found) >= 35
    assert sum(each.revealed for each in found) / len(found) <= most


def test_what_is_under_way_at_a_switch_is_all_that_late_outcomes_add() -> None:
    for seed in range(15):
        found = promise.switch(seed, 0.4, delay=60)
        assert found is not None
        assert found.total - found.revealed <= 60


def test_a_slow_drift_keeps_every_stretch_within_the_bound() -> None:
    lines = list(promise.drifting(24))
    assert [line.kept for line in lines] == [True, True]


def test_approving_starts_again_by_evidence() -> None:
    [line] = promise.restarts(60)
    assert line.kept


# simulated customers: the whole model


def test_a_customer_with_rules_is_approved_and_hardly_ever_wrongly() -> None:
    outcomes = [promise.replayed(promise.customer(seed, 1600, promise.by_rule))[800:] for seed in range(3)]
    assert min(promise.approved_share(each) for each in outcomes) >= 0.6
    assert max(promise.wrong_share(each) for each in outcomes) <= 0.05


def test_when_a_customers_rules_switch_approving_stops_and_starts_again() -> None:
    for seed in range(2):
        outcomes = promise.replayed(promise.customer(seed, 2800, promise.switching(1000)))
        before, just_after, later = outcomes[800:1000], outcomes[1040:1140], outcomes[2300:]
        assert promise.approved_share(before) >= 0.6
        assert promise.approved_share(just_after) <= 0.05
        assert promise.approved_share(later) >= 0.6
        assert promise.wrong_share(later) <= 0.05


def test_a_customer_that_chooses_by_chance_is_never_approved() -> None:
    for seed in range(2):
        outcomes = promise.replayed(promise.customer(seed, 1500, promise.by_chance))
        assert not any(outcome.approved for outcome in outcomes)
        assert {outcome.reason for outcome in outcomes[200:]} == {Reason.NOT_RIGHT_ENOUGH}


def test_each_line_of_the_benchmark_has_a_name_of_its_own() -> None:
    names = [line.name for line in promise.changes(8)]
    assert len(set(names)) == len(names)
