"""Whether more went wrong than was promised, beyond chance: exact binomial tail, Holm's correction. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence


def upper_tail(wrong: int, orders: int, rate: float) -> float:
    """P(X ≥ wrong) for X ~ Binomial(orders, rate), 0 < rate < 1: the p-value of the one-sided exact binomial test.

    Terms are summed by their logarithms (Clopper and Pearson 1934 use the same sum), at a relative error below 1e-8 for
    up to a million orders.
    """
    if wrong <= 0:
        return 1.0
    if wrong > orders:
        return 0.0
    if wrong <= orders * rate:
        return 1.0 - _sum(range(wrong - 1, -1, -1), orders, rate)
    return _sum(range(wrong, orders + 1), orders, rate)


def _sum(counts: range, orders: int, rate: float) -> float:
    """The probability of these counts, which run away from the mean: what follows a vanishing term vanishes too."""
    total = 0.0
    for count in counts:
        term = math.exp(
            math.lgamma(orders + 1)
            - math.lgamma(count + 1)
            - math.lgamma(orders - count + 1)
            + count * math.log(rate)
            + (orders - count) * math.log1p(-rate)
        )
        total += term
        if term < total * 1e-17:
            break
    return min(1.0, total)


def holm(p_values: Sequence[float], level: float = 0.05) -> list[bool]:
    """Which of several hypotheses are rejected, the chance of one false rejection being at most ``level``.

    Holm 1979, "A simple sequentially rejective multiple test procedure": the k-th smallest of m p-values (k from 0) is
    compared with level / (m - k), until one is larger.
    """
    rejected = [False] * len(p_values)
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if p_values[index] > level / (len(p_values) - rank):
            break
        rejected[index] = True
    return rejected
