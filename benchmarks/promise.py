"""What `approved` promises, on simulated customers with known error rates.

Thousands of runs of the approval rule alone, and some of the whole model. Each line states what is promised beside what
was measured; any line that fails makes the exit status 1. Seeds are fixed: the same code gives the same numbers.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
from autoship.domain.prediction import Judged, Shipment
from autoship.domain.record import Record
from autoship.learning import CustomerModel
from autoship.learning.approval import FAST_ALARM, SLOW_ALARM, THRESHOLDS, Approval, fast_reference
from autoship.replay.outcome import Outcome
from autoship.replay.walk import walk
from numpy.typing import NDArray

MAX_ERROR = 0.05
BROKEN = 0.10
"""At any fixed moment, the chance that the cut in use has a risk over `MAX_ERROR` is at most this."""
LEVELS = len(THRESHOLDS)
SCORES = tuple((low + high) / 2 for low, high in zip(THRESHOLDS, (*THRESHOLDS[1:], 1.0), strict=True))
"""A score of each level: only the thresholds that a score reaches matter."""
CHOICE: Shipment = {"carrier": "UPS"}


class Way(msgspec.Struct, frozen=True):
    """How scores fall, and how often they are wrong: for each level, the share of the orders and the error."""

    name: str
    shares: tuple[float, ...]
    errors: tuple[float, ...]

    def risk(self, cut: float) -> float:
        """The true error of all that is at or above a cut."""
        level = THRESHOLDS.index(cut)
        share = sum(self.shares[level:])
        wrong = sum(s * e for s, e in zip(self.shares[level:], self.errors[level:], strict=True))
        return wrong / share if share else 0.0

    def draw(self, orders: int, luck: np.random.Generator) -> tuple[list[int], list[bool]]:
        """Levels and whether each is wrong, for so many orders."""
        levels = luck.choice(LEVELS, size=orders, p=np.array(self.shares) / sum(self.shares))
        wrong = luck.random(orders) < np.array(self.errors)[levels]
        return levels.tolist(), wrong.tolist()


EVEN = (0.1,) * LEVELS
HUMP = (0.05, 0.05, 0.1, 0.1, 0.15, 0.15, 0.15, 0.1, 0.1, 0.05)
HONEST = tuple(0.6 if level == 0 else 0.75 * 2.0**-level for level in range(LEVELS))


def flat(error: float) -> Way:
    """Scores that say nothing: all are wrong as often."""
    return Way(f"flat {error:.1%} wrong", EVEN, (error,) * LEVELS)


def one_score(error: float) -> Way:
    """A single score for all orders."""
    return Way(f"one score, {error:.1%} wrong", tuple(float(level == 7) for level in range(LEVELS)), (error,) * LEVELS)


CALIBRATED = Way("calibrated scores", HUMP, HONEST)
OVERSURE = Way("oversure scores", HUMP, tuple(min(0.9, 4 * error) for error in HONEST))
STEP = Way("a third unpredictable", HUMP, (0.3,) * 4 + (0.01,) * (LEVELS - 4))
UPSIDE_DOWN = Way("surer is worse", EVEN, tuple(0.03 + 0.006 * level for level in range(LEVELS)))
BORDER = Way("each cut just over 5%", EVEN, (0.055,) * (LEVELS - 1) + (0.052,))
STABLE = (flat(0.06), flat(0.052), one_score(0.055), CALIBRATED, OVERSURE, STEP, UPSIDE_DOWN, BORDER, flat(0.12))
MOMENTS = (100, 150, 200, 300, 450, 700, 1000, 1500, 2200, 3000)


class Run:
    """One simulated customer, driving the rule as the service does: decide, and later, ``delay`` orders on, learn.

    Where ``unseen``, nobody looks at what is approved: it comes back as decided by nobody, and only the audit's share
    is evidence. The counts are of approved orders.
    """

    def __init__(
        self, seed: int, *, delay: int = 0, unseen: bool = False, max_error: float = MAX_ERROR, audit: float = 0.1
    ) -> None:
        self.rule = Approval(max_error, audit)
        self.luck = np.random.default_rng(seed)
        self.delay = delay
        self.unseen = unseen
        self.number = self.seq = 0
        self.approved = self.approved_wrong = self.revealed_wrong = 0
        self.watched: list[list[bool]] = [[]]
        """Outcomes at or above the last cut, wrong or not, as they came in; a list of its own until each alarm."""
        self._open: deque[tuple[Judged, bool, bool]] = deque()

    def go(self, orders: int, way: Way, *, until: Callable[[Run], bool] | None = None) -> int:
        """Lets so many orders come, or fewer, until something holds. Returns how many came."""
        levels, wrong = way.draw(orders, self.luck)
        for done, (level, is_wrong) in enumerate(zip(levels, wrong, strict=True), 1):
            self.order(SCORES[level], is_wrong)
            if until is not None and until(self):
                return done
        return orders

    def order(self, score: float, wrong: bool) -> bool:
        """One order comes, and one outcome comes in. Says whether the order was approved."""
        self.number += 1
        reason = self.rule.decide(score, str(self.number))
        approved = reason is None
        self.approved += approved
        self.approved_wrong += approved and wrong
        self._open.append((Judged(CHOICE, score, approved, self.seq), wrong, not (self.unseen and approved)))
        if len(self._open) > self.delay:
            self.reveal()
        return approved

    def reveal(self) -> None:
        """The oldest outcome comes in."""
        judged, wrong, looked_at = self._open.popleft()
        rule, alarms = self.rule, self.rule.alarms
        self.seq += 1
        self.revealed_wrong += judged.approved and wrong
        above = judged.approved or (rule.last_cut is not None and judged.score >= rule.last_cut)
        if looked_at and above and judged.through >= rule.alarm_at:
            self.watched[-1].append(wrong)
        rule.learn(judged, not wrong, looked_at, self.seq)
        if rule.alarms > alarms:
            self.watched.append([])

    @property
    def approving(self) -> bool:
        """Whether anything may be approved now."""
        return self.rule.cut is not None

    def breaks(self, way: Way) -> bool:
        """Whether the cut in use has a true risk above what is promised."""
        return self.rule.cut is not None and way.risk(self.rule.cut) > self.rule.max_error

    def worst_excess(self) -> float:
        """Over all stretches of watched outcomes between two alarms, the most that the wrong ones came above the
        smaller of the two bounds; not above 0 where the guard keeps its word."""
        return max((excess(part, self.rule.max_error) for part in self.watched if part), default=-1.0)


def _is_approving(run: Run) -> bool:
    return run.approving


def _had_alarm(run: Run) -> bool:
    return bool(run.rule.alarms)


def excess(wrong: Sequence[bool], max_error: float) -> float:
    """By how many wrong ones the worst stretch of outcomes is above the smaller of its bounds; at most 0 if none is."""
    reference = fast_reference(max_error)
    outcomes = np.array(wrong, float)
    return max(
        _worst_stretch(outcomes - reference) - (FAST_ALARM + 1 - reference),
        _worst_stretch(outcomes - max_error) - (SLOW_ALARM + 1 - max_error),
    )


def _worst_stretch(steps: NDArray[np.float64]) -> float:
    """The largest sum of a stretch: the sum up to its end less the smallest sum before it."""
    sums = np.concatenate([[0.0], np.cumsum(steps)])
    return float((sums - np.minimum.accumulate(sums)).max())


class Line(msgspec.Struct, frozen=True):
    """What was measured, what is promised, and whether that was kept."""

    name: str
    measured: str
    promised: str
    kept: bool


def share_broken(
    way: Way,
    runs: int,
    *,
    delay: int = 0,
    unseen: bool = False,
    max_error: float = MAX_ERROR,
    moments: Sequence[int] = MOMENTS,
) -> list[float]:
    """At each moment, the share of runs whose cut in use has a true risk above ``max_error``."""
    broken = [0] * len(moments)
    for seed in range(runs):
        run = Run(seed, delay=delay, unseen=unseen, max_error=max_error)
        for place, moment in enumerate(moments):
            run.go(moment - run.number, way)
            broken[place] += run.breaks(way)
    return [count / runs for count in broken]


def stable(runs: int) -> Iterable[Line]:
    """While ways are stable, at any fixed moment."""
    for way in STABLE:
        shares = share_broken(way, runs)
        yield _broken(way.name, shares)
    for way in (flat(0.06), OVERSURE, UPSIDE_DOWN):
        yield _broken(f"{way.name}, outcomes 140 orders late", share_broken(way, runs // 2, delay=140))
        yield _broken(f"{way.name}, approved ones unseen", share_broken(way, runs // 2, unseen=True))
    for max_error in (0.01, 0.02, 0.1):
        way = flat(1.15 * max_error)
        yield _broken(f"{way.name}, promised {max_error:.0%}", share_broken(way, runs // 2, max_error=max_error))


def _broken(name: str, shares: Sequence[float]) -> Line:
    worst = max(shares)
    return Line(
        f"stable: {name}", f"{worst:.1%} of runs at the worst moment", f"<= {BROKEN:.0%}", worst <= BROKEN + 1e-9
    )


def unpredictable(runs: int) -> Line:
    """Forty of a hundred wrong, whatever the score."""
    approved = 0
    for seed in range(runs):
        run = Run(seed)
        run.go(3000, flat(0.4))
        approved += run.approved
    return Line("40% wrong, 3,000 orders", f"{approved} approved", "none", approved == 0)


def first_approval(way: Way, runs: int, most: int = 3000, **how: Any) -> list[int]:
    """After how many orders each run approves for the first time; ``most`` where it never does."""
    found = []
    for seed in range(runs):
        run = Run(seed, **how)
        found.append(run.go(most, way, until=_is_approving))
    return found


def quick(runs: int) -> Iterable[Line]:
    """How soon a steady customer is approved, and how much of the time."""
    for error, most in ((0.005, 150), (0.01, 200), (0.02, 300), (0.03, 1000)):
        waits = first_approval(flat(error), runs)
        median, late = float(np.median(waits)), float(np.quantile(waits, 0.9))
        yield Line(
            f"first approval, {error:.1%} wrong",
            f"after {median:.0f} orders (nine of ten: {late:.0f})",
            f"median <= {most}",
            median <= most,
        )
    for error, least in ((0.01, 0.9), (0.02, 0.85), (0.03, 0.5)):
        approved = [0, 0]
        for seed in range(runs // 4):
            run = Run(seed)
            run.go(1000, flat(error))
            before = run.approved
            run.go(2000, flat(error))
            approved[0] += run.approved - before
            approved[1] += 2000
        rate = approved[0] / approved[1]
        yield Line(f"approved later on, {error:.0%} wrong", f"{rate:.1%}", f">= {least:.0%}", rate >= least)


class Switch(msgspec.Struct, frozen=True):
    """What a sudden switch cost in one run: the wrong approvals that came in until approving stopped, all that had
    been made by then, and how many orders that took."""

    revealed: int
    total: int
    orders: int


def switch(seed: int, error: float, *, before: int = 1500, **how: Any) -> Switch | None:
    """A customer with 1 % wrong, of whose orders suddenly ``error`` go wrong; None where nothing was being approved."""
    run = Run(seed, **how)
    run.go(before, flat(0.01))
    if not run.approving:
        return None
    under_way = sum(judged.approved and wrong for judged, wrong, _ in run._open)
    revealed, total = run.revealed_wrong + under_way, run.approved_wrong
    orders = run.go(20_000, flat(error), until=lambda run: not run.approving)
    return Switch(max(0, run.revealed_wrong - revealed), run.approved_wrong - total, orders)


def even_switch(seed: int, one_in: float) -> int:
    """Of the outcomes above the cut exactly one in so many goes wrong: how many come in wrong until the alarm."""
    run = Run(seed)
    run.go(1500, flat(0.005))
    wrong, due = 0, 0.0
    alarms = run.rule.alarms
    while run.rule.alarms == alarms:
        due += 1 / one_in
        is_wrong = due >= 1 - 1e-9
        due -= is_wrong
        run.order(SCORES[-1], is_wrong)
        wrong += is_wrong
    return wrong


def changes(runs: int) -> Iterable[Line]:
    """Sudden switches."""
    for one_in, most in ((2.5, 7), (9.0, 20)):
        worst = max(even_switch(seed, one_in) for seed in range(runs // 4))
        yield Line(
            f"exactly one in {one_in:g} wrong from now on",
            f"stops after {worst} revealed wrong at the latest",
            f"<= {most}",
            worst <= most,
        )
    for error in (0.4, 1 / 9, 1.0):
        for how, note in (({}, ""), ({"delay": 140}, ", outcomes 140 late"), ({"unseen": True}, ", approved unseen")):
            found = [each for seed in range(runs // 2) if (each := switch(seed, error, **how))]
            revealed = [each.revealed for each in found]
            total = float(np.mean([each.total for each in found]))
            orders = float(np.mean([each.orders for each in found]))
            yield Line(
                f"switch from 1% to {error:.0%} wrong by chance{note}",
                f"{np.mean(revealed):.1f} wrong ones came in until it stopped ({np.quantile(revealed, 0.95):.0f} in 19"
                f" of 20 runs), {total:.0f} were made, in {orders:.0f} orders",
                "told",
                True,
            )


def drifting(runs: int) -> Iterable[Line]:
    """A slow drift from 1 % to 30 % wrong, and any other sequence: the bound holds over every stretch."""
    worst, approved, wrong = -1.0, 0, 0
    for seed in range(runs // 2):
        run = Run(seed, delay=seed % 3 * 60)
        for step in range(30):
            run.go(150, flat(0.01 * (step + 1)))
        worst = max(worst, run.worst_excess())
        approved += run.approved
        wrong += run.approved_wrong
    yield Line(
        "drift from 1% to 30% wrong in 4,500 orders",
        f"worst stretch {worst:+.2f} above the bound; of {approved} approved {wrong / approved:.1%} wrong",
        "<= 0",
        worst <= 1e-6,
    )
    worst = -1.0
    for seed in range(runs // 2):
        luck = random.Random(seed)
        run = Run(seed, delay=luck.choice([0, 5, 80]), unseen=luck.random() < 0.3)
        for _ in range(20):
            run.go(luck.choice([20, 100, 400]), flat(luck.choice([0.0, 0.01, 0.05, 0.11, 0.4, 1.0])))
        worst = max(worst, run.worst_excess())
    yield Line("ways that change at random", f"worst stretch {worst:+.2f} above the bound", "<= 0", worst <= 1e-6)


def restarts(runs: int) -> Iterable[Line]:
    """After an alarm: how long until approving starts again."""
    waits = []
    for seed in range(runs // 4):
        run = Run(seed)
        run.go(1000, flat(0.005))
        run.go(300, flat(0.4), until=_had_alarm)
        waits.append(run.go(5000, flat(0.01), until=_is_approving))
    median = float(np.median(waits))
    yield Line(
        "starts again after a switch, 1% wrong", f"after {median:.0f} orders in the median", "<= 400", median <= 400
    )


# the whole model

START = datetime(2026, 1, 1, tzinfo=UTC)
Rule = Callable[[int, dict[str, Any], random.Random], str]


def customer(seed: int, orders: int, rule: Rule, *, noise: float = 0.02) -> list[Record]:
    """Orders an hour apart, shipped by a rule with some exceptions, known ten hours later."""
    luck = random.Random(seed)
    records = []
    for number in range(orders):
        order = {
            "weight": luck.randrange(1, 900),
            "tier": luck.choice(["Standard", "Standard", "Expedited"]),
            "ship_to": {"country": luck.choice(["US", "US", "US", "DE"]), "state": luck.choice(["TX", "CA", "NY"])},
            "items": [{"sku": f"A{luck.randrange(40)}"}],
        }
        strayed = luck.random() < noise
        ordered_at = START + timedelta(hours=number)
        records.append(
            Record(
                customer_id=str(seed),
                order_id=str(number),
                ordered_at=ordered_at,
                order=order,
                shipment={"carrier": luck.choice(["UPS", "DHL"]) if strayed else rule(number, order, luck)},
                shipped_at=ordered_at + timedelta(hours=10),
            )
        )
    return records


def by_rule(number: int, order: dict[str, Any], luck: random.Random) -> str:
    """Country, tier and weight decide."""
    if order["ship_to"]["country"] != "US":
        return "DHL"
    return "FedEx" if order["tier"] == "Expedited" else "UPS" if order["weight"] > 256 else "USPS"


def switching(at: int) -> Rule:
    """The rule above; from some order on, its choices change places."""
    other = {"DHL": "USPS", "USPS": "UPS", "UPS": "FedEx", "FedEx": "DHL"}

    def rule(number: int, order: dict[str, Any], luck: random.Random) -> str:
        choice = by_rule(number, order, luck)
        return choice if number < at else other[choice]

    return rule


def by_chance(number: int, order: dict[str, Any], luck: random.Random) -> str:
    """Nothing in the order says anything."""
    return luck.choice(["UPS", "USPS", "USPS", "DHL"])


def replayed(records: Sequence[Record]) -> list[Outcome]:
    """The outcomes of a walk through one customer's records, by the order in which they were placed."""
    return sorted(walk(records, CustomerModel, clock=lambda: 0.0), key=lambda outcome: outcome.place)


def approved_share(outcomes: Sequence[Outcome]) -> float:
    """The share of orders that were approved."""
    return sum(outcome.approved for outcome in outcomes) / len(outcomes)


def wrong_share(outcomes: Sequence[Outcome]) -> float:
    """The share of the approved that was wrong."""
    approved = [outcome for outcome in outcomes if outcome.approved]
    return sum(not outcome.right for outcome in approved) / max(1, len(approved))


def whole_model(runs: int) -> Iterable[Line]:
    """The model and the rule together."""
    steady = [replayed(customer(seed, 2000, by_rule))[1000:] for seed in range(runs)]
    share = float(np.mean([approved_share(each) for each in steady]))
    over = float(np.mean([wrong_share(each) > MAX_ERROR for each in steady]))
    yield Line("model, rules with 2% noise: approved", f"{share:.1%}", ">= 60%", share >= 0.6)
    yield Line("model, rules with 2% noise: runs over 5% wrong", f"{over:.1%}", f"<= {BROKEN:.0%}", over <= BROKEN)
    switched = [replayed(customer(seed, 3600, switching(1500))) for seed in range(runs)]
    stretches = ((1200, 1500), (1540, 1640), (3000, 3600))
    before, after, again = (float(np.mean([approved_share(each[a:b]) for each in switched])) for a, b in stretches)
    wrong = [sum(outcome.approved and not outcome.right for outcome in each[1500:1700]) for each in switched]
    yield Line(
        "model, rules that switch: approved before / just after / later",
        f"{before:.0%} / {after:.0%} / {again:.0%}; {np.mean(wrong):.1f} wrong on average, {max(wrong)} at most",
        ">= 60% / <= 5% / >= 60%",
        before >= 0.6 and after <= 0.05 and again >= 0.6,
    )
    none = sum(sum(outcome.approved for outcome in replayed(customer(seed, 2000, by_chance))) for seed in range(runs))
    yield Line("model, choices by chance", f"{none} approved", "none", none == 0)


def measure(runs: int, models: int) -> Iterable[Line]:
    """All lines; ``runs`` of the rule alone for the stable ways, ``models`` customers for the whole model."""
    yield from stable(runs)
    yield unpredictable(runs // 10)
    yield from quick(runs // 4)
    yield from changes(runs // 2)
    yield from drifting(runs // 4)
    yield from restarts(runs // 2)
    yield from whole_model(models)


def main() -> int:
    """Prints the table; 1 where a promise was not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000, help="of the rule alone, for each stable way")
    parser.add_argument("--models", type=int, default=30, help="customers of each kind for the whole model")
    arguments = parser.parse_args()
    start = time.perf_counter()
    kept = True
    for line in measure(arguments.runs, arguments.models):
        kept = kept and line.kept
        print(f"{'ok   ' if line.kept else 'SHORT'}  {line.name:<58}  {line.measured}  [{line.promised}]", flush=True)
    print(f"{time.perf_counter() - start:.0f} s")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
