"""Makes a confidence mean what it says, by what came of the confidences said before.

A logistic line over the score's logit (Platt 1999), fitted step by step by Newton's method with forgetting on the
outcomes that somebody saw. Its slope stays positive: a surer prediction is never called less sure. Approving does not
look at it: the cut is on the score itself, which does not move when this line does.
"""

from __future__ import annotations

import math

KEPT = 0.998
"""What an outcome's weight keeps at each later one: a memory of 500."""
PRIOR = 40.0
"""How firmly the line starts, and stays, at the score itself: in outcomes of a logit of 1."""
MOST_LOGIT = 7.0
LEAST_SLOPE = 0.05


class Calibration:
    """The line: its intercept and slope, and the curvature of what it was fitted to."""

    def __init__(self) -> None:
        self.intercept = 0.0
        self.slope = 1.0
        self.curvature = [0.0, 0.0, 0.0]

    def confidence(self, score: float) -> float:
        """The probability that a prediction of this score (0 to 1) is right."""
        return _sigmoid(self.intercept + self.slope * _logit(score))

    def learn(self, score: float, right: bool) -> None:
        """Learns what came of a prediction of this score."""
        x = _logit(score)
        p = _sigmoid(self.intercept + self.slope * x)
        gradient = p - right
        weight = max(p * (1 - p), 1e-3)
        a, b, c = (KEPT * each for each in self.curvature)
        a, b, c = a + weight, b + weight * x, c + weight * x * x
        self.curvature = [a, b, c]
        pull = PRIOR * (1 - KEPT)
        gradient_0 = gradient + pull * self.intercept
        gradient_1 = gradient * x + pull * (self.slope - 1)
        a, c = a + PRIOR, c + PRIOR
        determinant = a * c - b * b
        self.intercept -= (c * gradient_0 - b * gradient_1) / determinant
        self.slope = max(LEAST_SLOPE, self.slope - (a * gradient_1 - b * gradient_0) / determinant)


def _logit(score: float) -> float:
    if score <= 0.0 or score >= 1.0:
        return -MOST_LOGIT if score <= 0.0 else MOST_LOGIT
    return max(-MOST_LOGIT, min(MOST_LOGIT, math.log(score / (1 - score))))


def _sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))
