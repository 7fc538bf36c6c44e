"""The promise: what is proved of the cut and of the guard, and what thousands of simulated customers show."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from math import comb

import pytest
from autoship.domain.prediction import Judged, Reason
from autoship.learning.approval import (
    THRESHOLDS,
    Approval,
    binomial_cdf,
    fast_reference,
    held_back,
    orders_needed,
)
from hypothesis import given, settings
from hypothesis import strategies as st

CHOICE = {"carrier": "USPS"}


@pytest.mark.parametrize(("wrong", "orders"), [(0, 90), (1, 130), (2, 165), (3, 198)])
def test_the_evidence_needed_at_five_per_cent(wrong: int, orders: int) -> None:
    assert orders_needed(wrong, 0.05) == orders


@given(st.integers(0, 30), st.integers(1, 120))
def test_the_binomial_is_exact(successes: int, trials: int) -> None:
    p = Fraction(1, 20)
    exact = sum(comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(min(successes, trials) + 1))
    assert binomial_cdf(successes, trials, 0.05) == pytest.approx(float(exact), rel=1e-9)


class Customer:
    """Drives an approval rule with scores and outcomes, each revealed ``delay`` orders after it was predicted."""

    def __init__(self, seed: int, delay: int = 0) -> None:
        self.approval = Approval(0.05, 0.1)
        self.luck = random.Random(seed)
        self.delay = delay
        self.open: deque[tuple[Judged, bool]] = deque()
        self.seq = 0
        self.approved_wrong = 0

    def order(self, risk: Callable[[float], float]) -> bool:
        """One order; ``risk`` gives the probability that a score is wrong. Says whether it was approved."""
        score = 1 - self.luck.random() ** 2 * 0.5
        approved = self.approval.decide(score, "x") is None
        self.open.append((Judged(CHOICE, score, approved, self.seq), self.luck.random() >= risk(score)))
        if len(self.open) > self.delay:
            judged, right = self.open.popleft()
            self.seq += 1
            self.approved_wrong += judged.approved and not right
            self.approval.learn(judged, right, True, self.seq)
        return approved

    def risk_at_cut(self, risk: Callable[[float], float]) -> float | None:
        """The true risk of what is approved now, over the scores at or above the cut."""
        if self.approval.cut is None:
            return None
        scores = [score for i in range(400) if (score := 1 - (i / 400) ** 2 * 0.5) >= self.approval.cut]
        return sum(risk(score) for score in scores) / len(scores)


def test_at_any_moment_the_cut_keeps_the_promise_in_nine_runs_of_ten() -> None:
    def risk(score: float) -> float:
        return 0.02 + 0.3 * (1 - score)

    runs = [Customer(seed) for seed in range(600)]
    for length in (150, 300, 600):
        broken = 0
        for run in runs:
            for _ in range(length):
                run.order(risk)
            found = run.risk_at_cut(risk)
            broken += found is not None and found > 0.05
        assert broken <= 0.10 * len(runs)


def test_a_flat_error_of_six_per_cent_is_hardly_ever_approved() -> None:
    approving = 0
    for seed in range(600):
        run = Customer(seed)
        for _ in range(800):
            run.order(lambda _: 0.06)
        approving += run.approval.cut is not None
    assert approving <= 60


def test_orders_that_cannot_be_predicted_are_never_approved() -> None:
    for seed in range(150):
        run = Customer(seed)
        assert not any(run.order(lambda _: 0.4) for _ in range(1000))


def test_a_steady_customer_is_approved_soon() -> None:
    for seed in range(100):
        run = Customer(seed)
        approved = [run.order(lambda _: 0.01) for _ in range(600)]
        assert sum(approved[300:]) >= 200


@pytest.mark.parametrize(("share", "most"), [(0.4, 7), (1 / 9, 20)])
def test_when_the_ways_change_approving_stops_within_the_promised_wrong_ones(share: float, most: int) -> None:
    """The bound is on outcomes that come in at exactly the share or worse; chance may make a run of luck longer, so the
    outcomes are laid evenly."""
    for seed in range(100):
        run = Customer(seed)
        while run.approval.cut is None:
            run.order(lambda _: 0.0)
        wrong = 0
        due = 0.0
        for _ in range(2000):
            due += share
            is_wrong = due >= 1
            due -= is_wrong
            approved = run.approval.cut is not None
            run.seq += 1
            run.approval.learn(Judged(CHOICE, 1.0, approved, run.seq - 1), not is_wrong, True, run.seq)
            wrong += is_wrong
            if run.approval.alarms:
                break
        assert run.approval.cut is None
        assert wrong <= most


@settings(max_examples=200, deadline=None)
@given(st.lists(st.booleans(), max_size=400))
def test_without_an_alarm_no_more_than_the_bound_is_wrong(outcomes: list[bool]) -> None:
    approval = Approval(0.05, 0.1)
    approval.last_cut = 0.0
    reference = fast_reference(0.05)
    for n, right in enumerate(outcomes, 1):
        approval.learn(Judged(CHOICE, 0.9, True, n), right, True, n)
        wrong = outcomes[:n].count(False)
        if approval.alarms:
            break
        assert wrong <= min(0.05 * n + 10.95, reference * n + 5.33)


def test_an_alarm_forgets_all_evidence_that_under_way_included() -> None:
    run = Customer(1)
    while run.approval.cut is None:
        run.order(lambda _: 0.0)
    under_way = Judged(CHOICE, 0.99, True, run.seq)
    while not run.approval.alarms:
        run.seq += 1
        run.approval.learn(Judged(CHOICE, 1.0, True, run.seq - 1), False, True, run.seq)
    assert not run.approval.evidence
    assert run.approval.decide(1.0, "x") is Reason.WAYS_CHANGED
    run.approval.learn(under_way, True, True, run.seq + 1)
    assert not run.approval.evidence


def test_after_a_failed_start_twice_the_evidence_is_wanted_and_calm_takes_that_back() -> None:
    run = Customer(1)
    for _ in range(400):
        run.order(lambda _: 0.0)
    while not run.approval.alarms:
        run.order(lambda _: 1.0)
    assert run.approval.needed == 180
    for _ in range(1500):
        run.order(lambda _: 0.0)
    assert run.approval.needed == 90


def test_what_nobody_looked_at_is_no_evidence_and_starts_the_audit() -> None:
    run = Customer(1)
    while run.approval.cut is None:
        run.order(lambda _: 0.0)
    before = list(run.approval.evidence)
    run.approval.learn(Judged(CHOICE, 1.0, True, run.seq), False, False, run.seq + 1)
    assert list(run.approval.evidence) == before
    reasons = [run.approval.decide(1.0, str(i)) for i in range(5000)]
    assert 0.08 < reasons.count(Reason.AUDIT) / len(reasons) < 0.12
    assert set(reasons) == {None, Reason.AUDIT}
    assert held_back("17", 0.1) == held_back("17", 0.1)
    assert held_back(None, 0.1)


def test_with_outcomes_that_come_late_no_stretch_is_worse_than_the_bound_and_what_was_under_way() -> None:
    for seed in range(60):
        delay = 40
        run = Customer(seed, delay)
        for i in range(3000):
            run.order(lambda _, i=i: 0.01 if i < 1500 else 0.4)
        assert run.approved_wrong <= 0.05 * 1500 + 10.95 + 7 + delay
        assert run.approval.cut is None


def test_thresholds_are_fixed_before_any_evidence() -> None:
    assert len(THRESHOLDS) == 10
    assert THRESHOLDS[:3] == (0.0, 0.5, 0.75)
