"""Whether a confidence means what it says: orders in bins of confidence, beside how many were right."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

BINS = 15
"""As in Guo et al. 2017, "On Calibration of Modern Neural Networks"."""


class Bin(msgspec.Struct, frozen=True):
    """The orders predicted with a confidence above ``low`` and up to ``high``: how many, the mean of what was said, and
    the share that was right."""

    low: float
    high: float
    orders: int
    confidence: float
    accuracy: float


def bins(predictions: Iterable[tuple[float, bool]], count: int = BINS) -> list[Bin]:
    """The bins of equal width that hold at least one of the (confidence, right) pairs, lowest first."""
    sums: dict[int, tuple[int, float, int]] = {}
    for confidence, right in predictions:
        place = min(count - 1, max(0, math.ceil(confidence * count) - 1))
        orders, total, rights = sums.get(place, (0, 0.0, 0))
        sums[place] = (orders + 1, total + confidence, rights + right)
    return [
        Bin(place / count, (place + 1) / count, orders, total / orders, rights / orders)
        for place, (orders, total, rights) in sorted(sums.items())
    ]


def expected_calibration_error(filled: Iterable[Bin]) -> float | None:
    """The mean distance of confidence from accuracy, 0 to 1, each bin weighing as much as it has orders; None without.

    Naeini, Cooper and Hauskrecht 2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning"; equation 3 of
    Guo et al. 2017.
    """
    filled = list(filled)
    orders = sum(each.orders for each in filled)
    return sum(each.orders * abs(each.accuracy - each.confidence) for each in filled) / orders if orders else None
