"""Two curves of a replay: accuracy over time beside the baselines, and risk against coverage. Points, no drawing."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime

import msgspec

from autoship.replay.outcome import Outcome

MAX_STRETCHES = 32
FEWEST_ORDERS = 25
MAX_COVERAGE_POINTS = 100


class Stretch(msgspec.Struct, frozen=True):
    """Consecutive orders, and what share of them each method had right."""

    first_ordered_at: datetime
    last_ordered_at: datetime
    orders: int
    accuracy: dict[str, float]


class CoveragePoint(msgspec.Struct, frozen=True):
    """Were every order of at least this ``confidence`` approved: the share approved (``coverage``) and how much of that
    would have been wrong (``risk``)."""

    confidence: float
    coverage: float
    risk: float


def stretches(outcomes: Sequence[Outcome], names: Sequence[str]) -> list[Stretch]:
    """The outcomes, which come in order of time, cut into at most 32 parts of equal count."""
    parts = min(MAX_STRETCHES, max(1, len(outcomes) // FEWEST_ORDERS))
    edges = [len(outcomes) * part // parts for part in range(parts + 1)]
    found = []
    for start, end in itertools.pairwise(edges):
        part = outcomes[start:end]
        if part:
            rights = zip(*((outcome.right, *outcome.rivals_right) for outcome in part), strict=True)
            shares = {name: sum(right) / len(part) for name, right in zip(names, rights, strict=True)}
            found.append(Stretch(part[0].ordered_at, part[-1].ordered_at, len(part), shares))
    return found


def coverage_curve(outcomes: Sequence[Outcome]) -> list[CoveragePoint]:
    """The points of the risk-coverage curve (El-Yaniv and Wiener 2010, "On the Foundations of Noise-free Selective
    Classification"), thinned to about 100; orders of equal confidence are approved together."""
    ranked = sorted((o for o in outcomes if o.predicted is not None), key=lambda outcome: -outcome.confidence)
    points: list[CoveragePoint] = []
    wrong = 0
    step = len(outcomes) / MAX_COVERAGE_POINTS
    for rank, outcome in enumerate(ranked, 1):
        wrong += not outcome.right
        if rank < len(ranked) and ranked[rank].confidence == outcome.confidence:
            continue
        due = points[-1].coverage * len(outcomes) + step if points else 0.0
        if rank >= due or rank == len(ranked):
            points.append(CoveragePoint(outcome.confidence, rank / len(outcomes), wrong / rank))
    return points
