"""What a replay found, as one value: the document that ``autoship replay --json`` writes, and the table and page show.

Fields are added to it, never renamed or removed, while `VERSION` stays. Shares and accuracies are 0 to 1, and null
where there was nothing to divide by. Only orders whose choice somebody looked at are measured (``decided_by: person``):
what nobody looked at proves nothing.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from autoship.domain.prediction import Shipment
from autoship.domain.record import choice_key
from autoship.replay.binomial import holm, upper_tail
from autoship.replay.calibration import Bin, bins, expected_calibration_error
from autoship.replay.curves import CoveragePoint, Stretch, coverage_curve, stretches
from autoship.replay.outcome import Outcome

VERSION = 1
AUTOSHIP = "autoship"
MAX_ERROR = 0.05
TREND_POINTS = 24


class Times(msgspec.Struct, frozen=True):
    """Microseconds of one call, over many: median, 99th percentile (nearest rank) and mean."""

    p50_us: float
    p99_us: float
    mean_us: float


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Measures over some of the orders: the last fifth of each customer's, or all.

    ``accuracy`` and, for each field of the choice, ``fields`` hold a share for autoship and for each baseline; an order
    without a prediction counts as wrong. ``approved_wrong`` of ``approved`` were wrong; ``error_approved`` is their
    ratio. ``not_approved`` counts the reasons. ``customers_over`` names the customers whose approvals were wrong more
    often than ``max_error`` beyond chance: one-sided exact binomial test at 5 %, Holm's correction over the customers
    that had approvals. ``ece`` is the expected calibration error of the predictions, ``reliability`` its bins.
    ``orders_per_s`` is how many can be learned and predicted one after the other.
    """

    orders: int
    predicted: int
    accuracy: dict[str, float | None]
    fields: dict[str, dict[str, float | None]]
    approved: int
    approved_wrong: int
    share_approved: float | None
    error_approved: float | None
    not_approved: dict[str, int]
    customers_approved: int
    customers_over: list[str]
    ece: float | None
    reliability: list[Bin]
    predict: Times | None
    learn: Times | None
    orders_per_s: float | None


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """One customer in one window. ``p_value``: how probable as many wrong approvals are where the promise is kept."""

    orders: int
    accuracy: dict[str, float | None]
    approved: int
    approved_wrong: int
    share_approved: float | None
    error_approved: float | None
    p_value: float | None
    over: bool


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """One customer: all its orders, how many different choices were made, and the accuracy in consecutive stretches."""

    customer_id: str
    orders: int
    choices: int
    last_fifth: Score
    all: Score
    trend: list[float]


class BadLine(msgspec.Struct, frozen=True):
    """A line that is no record: where it is, which field is wrong (null: the whole line), and what would be right."""

    file: str
    line: int
    field: str | None
    problem: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field + ': ' if self.field else ''}{self.problem}"


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What was read before the walk. ``replaced`` records gave way to a later one of the same customer and order.

    ``bad_lines`` holds the first ones of ``bad``.
    """

    files: list[str]
    records: int
    replaced: int = 0
    bad: int = 0
    bad_lines: list[BadLine] = []


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The whole document. ``unseen`` of ``orders`` were decided by nobody: learned, and left out of every measure.

    ``over_time`` and ``coverage`` are the points of two curves, the first over all orders in the order of time, the
    second over the last fifth by falling confidence.
    """

    format: str = "autoship-replay"
    version: int = VERSION
    reading: Reading | None
    orders: int
    unseen: int
    customers: int
    first_ordered_at: datetime | None
    last_ordered_at: datetime | None
    baselines: list[str]
    baseline_key: list[str]
    max_error: float
    last_fifth: Window
    all: Window
    over_time: list[Stretch]
    coverage: list[CoveragePoint]
    by_customer: list[Customer]


def summarise(
    outcomes: Iterable[Outcome],
    rivals: Sequence[str],
    *,
    baseline_key: Sequence[str] = (),
    max_error: float = MAX_ERROR,
    reading: Reading | None = None,
) -> Summary:
    """Measures a walk's outcomes, in whatever order they come; ``rivals`` names the baselines that walked along."""
    every = sorted(outcomes, key=lambda outcome: (outcome.ordered_at, outcome.customer_id, outcome.place))
    seen = [outcome for outcome in every if outcome.seen]
    newest = [outcome for outcome in seen if outcome.in_last_fifth]
    customers = _customers(every, rivals, max_error)
    return Summary(
        reading=reading,
        orders=len(every),
        unseen=len(every) - len(seen),
        customers=len(customers),
        first_ordered_at=every[0].ordered_at if every else None,
        last_ordered_at=every[-1].ordered_at if every else None,
        baselines=list(rivals),
        baseline_key=list(baseline_key),
        max_error=max_error,
        last_fifth=_window(newest, rivals, [(each.customer_id, each.last_fifth) for each in customers]),
        all=_window(seen, rivals, [(each.customer_id, each.all) for each in customers]),
        over_time=stretches(seen, [AUTOSHIP, *rivals]),
        coverage=coverage_curve(newest),
        by_customer=customers,
    )


def _window(outcomes: Sequence[Outcome], rivals: Sequence[str], scores: Sequence[tuple[str, Score]]) -> Window:
    predicted = [outcome for outcome in outcomes if outcome.predicted is not None]
    approved = [outcome for outcome in outcomes if outcome.approved]
    wrong = sum(not outcome.right for outcome in approved)
    reliability = bins((outcome.confidence, outcome.right) for outcome in predicted)
    predict, learn = _times(o.predict_s for o in outcomes), _times(o.learn_s for o in outcomes)
    busy_s = sum(outcome.predict_s + outcome.learn_s for outcome in outcomes)
    return Window(
        orders=len(outcomes),
        predicted=len(predicted),
        accuracy=_accuracy(outcomes, rivals),
        fields=_fields(outcomes, rivals),
        approved=len(approved),
        approved_wrong=wrong,
        share_approved=_ratio(len(approved), len(outcomes)),
        error_approved=_ratio(wrong, len(approved)),
        not_approved=dict(Counter(str(o.reason) for o in outcomes if not o.approved and o.reason).most_common()),
        customers_approved=sum(score.approved > 0 for _, score in scores),
        customers_over=[customer_id for customer_id, score in scores if score.over],
        ece=expected_calibration_error(reliability),
        reliability=reliability,
        predict=predict,
        learn=learn,
        orders_per_s=_ratio(len(outcomes), busy_s),
    )


def _accuracy(outcomes: Sequence[Outcome], rivals: Sequence[str]) -> dict[str, float | None]:
    rights = {AUTOSHIP: sum(outcome.right for outcome in outcomes)}
    for place, name in enumerate(rivals):
        rights[name] = sum(outcome.rivals_right[place] for outcome in outcomes)
    return {name: _ratio(right, len(outcomes)) for name, right in rights.items()}


def _fields(outcomes: Sequence[Outcome], rivals: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """The accuracy of each field, over the orders that have it in their shipment, commonest field first."""
    orders: Counter[str] = Counter()
    rights: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        for name, choice in ((AUTOSHIP, outcome.predicted), *zip(rivals, outcome.rivals, strict=True)):
            for field in outcome.truth:
                rights.setdefault(field, Counter())[name] += _agree(choice, outcome.truth, field)
        orders.update(outcome.truth.keys())
    return {
        field: {name: _ratio(rights[field][name], count) for name in (AUTOSHIP, *rivals)}
        for field, count in orders.most_common()
    }


def _agree(choice: Shipment | None, truth: Shipment, field: str) -> bool:
    if choice is None or field not in choice:
        return False
    return choice_key({field: choice[field]}) == choice_key({field: truth[field]})


def _customers(outcomes: Sequence[Outcome], rivals: Sequence[str], max_error: float) -> list[Customer]:
    """The customers, most orders first."""
    own: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        own.setdefault(outcome.customer_id, []).append(outcome)
    names = sorted(own, key=lambda name: (-len(own[name]), name))
    seen = [[outcome for outcome in own[name] if outcome.seen] for name in names]
    last_fifth = _scores([[outcome for outcome in each if outcome.in_last_fifth] for each in seen], rivals, max_error)
    over_all = _scores(seen, rivals, max_error)
    return [
        Customer(
            customer_id=name,
            orders=len(own[name]),
            choices=len({choice_key(outcome.truth) for outcome in own[name]}),
            last_fifth=newest,
            all=every,
            trend=_trend(each),
        )
        for name, each, newest, every in zip(names, seen, last_fifth, over_all, strict=True)
    ]


def _scores(customers: Sequence[Sequence[Outcome]], rivals: Sequence[str], max_error: float) -> list[Score]:
    """Each customer's score; the promise is judged among all that had approvals."""
    counts = [
        (sum(o.approved for o in outcomes), sum(o.approved and not o.right for o in outcomes)) for outcomes in customers
    ]
    p_values = [upper_tail(wrong, approved, max_error) for approved, wrong in counts if approved]
    verdicts = iter(zip(p_values, holm(p_values), strict=True))
    scores = []
    for outcomes, (approved, wrong) in zip(customers, counts, strict=True):
        p_value, over = next(verdicts) if approved else (None, False)
        scores.append(
            Score(
                orders=len(outcomes),
                accuracy=_accuracy(outcomes, rivals),
                approved=approved,
                approved_wrong=wrong,
                share_approved=_ratio(approved, len(outcomes)),
                error_approved=_ratio(wrong, approved),
                p_value=p_value,
                over=over,
            )
        )
    return scores


def _trend(outcomes: Sequence[Outcome]) -> list[float]:
    parts = min(TREND_POINTS, max(1, len(outcomes) // 10)) if outcomes else 0
    edges = [len(outcomes) * part // parts for part in range(parts + 1)] if parts else []
    return [
        sum(outcome.right for outcome in outcomes[start:end]) / (end - start)
        for start, end in itertools.pairwise(edges)
    ]


def _times(seconds: Iterable[float]) -> Times | None:
    ordered = sorted(seconds)
    if not ordered:
        return None

    def took(share: float) -> float:
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)] * 1e6

    return Times(took(0.5), took(0.99), sum(ordered) / len(ordered) * 1e6)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
