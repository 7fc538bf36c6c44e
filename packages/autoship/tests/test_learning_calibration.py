"""The confidence: a probability that means what it says, and that never turns the scores around."""

from __future__ import annotations

import math
import random

import pytest
from autoship.learning.calibration import Calibration
from hypothesis import given, settings
from hypothesis import strategies as st

SCORES = st.floats(0, 1) | st.sampled_from([0.0, 1.0, 1e-300, 1 - 1e-16, 0.5])
LADDER = [0.0, 1e-9, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(SCORES, st.booleans()), max_size=60), st.integers(1, 40))
def test_whatever_came_in_confidence_is_a_probability_that_rises_with_the_score(
    outcomes: list[tuple[float, bool]], repeats: int
) -> None:
    calibration = Calibration()
    for score, right in outcomes * repeats:
        calibration.learn(score, right)
    confidences = [calibration.confidence(score) for score in LADDER]
    assert all(0 < confidence < 1 for confidence in confidences)
    assert confidences == sorted(confidences)


@pytest.mark.parametrize("slope", [0.3, 0.7, 1.0, 1.3])
@pytest.mark.parametrize("intercept", [-0.7, 0.0, 0.5])
def test_scores_that_say_too_much_or_too_little_are_mended(slope: float, intercept: float) -> None:
    """How often a prediction of a score is right lies on a line over the score's logit: it is found, but for the prior
    that holds it near the score itself."""

    def truth(score: float) -> float:
        return 1 / (1 + math.exp(-(intercept + slope * math.log(score / (1 - score)))))

    luck = random.Random(1)
    calibration = Calibration()
    off, unmended = [], []
    for n in range(4000):
        score = 1 - luck.random() ** 3 * 0.9 - 1e-4
        if n >= 2000:
            off.append(abs(calibration.confidence(score) - truth(score)))
            unmended.append(abs(score - truth(score)))
        calibration.learn(score, luck.random() < truth(score))
    assert sum(off) / len(off) < max(0.02, 0.65 * sum(unmended) / len(unmended))


def test_of_ways_that_changed_a_thousand_outcomes_ago_nothing_is_left() -> None:
    luck = random.Random(2)
    calibration = Calibration()
    for n in range(4000):
        calibration.learn(0.9, luck.random() < (0.99 if n < 2500 else 0.6))
    assert calibration.confidence(0.9) == pytest.approx(0.6, abs=0.06)
