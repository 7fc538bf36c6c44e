"""Weighs the model against the customer's plain rates, by how well each did lately.

The share of an expert follows its Brier loss, and no share ever dies out, so that it can come back (fixed share:
Herbster and Warmuth 1998, "Tracking the best expert", section 5). Orders that cannot be predicted end with the plain
rates: the commonest choice, and an honest probability for it.
"""

from __future__ import annotations

import math

import numpy as np

from autoship.learning.table import Floats

EXPERTS = 3
FIRST_SHARES = (0.9, 0.05, 0.05)
RATE = 1.0
"""How quickly shares follow the losses."""
SWITCH = 0.002
"""What every expert gives up to be shared among all, at each order."""


class Mixture:
    """The shares of the three experts: the model, the slow and the fast plain rates."""

    def __init__(self) -> None:
        self.shares: list[float] = list(FIRST_SHARES)

    def mix(self, probabilities: Floats, plain: Floats) -> Floats:
        """The probabilities of the choices, all experts together: the model's, and the two ``plain`` rates."""
        mixed: Floats = probabilities * np.float32(self.shares[0])
        mixed += np.array(self.shares[1:], np.float32) @ plain
        return mixed

    def learn(self, probabilities: Floats, plain: Floats, choice: int) -> None:
        """Learns what each expert's probabilities were worth."""
        said = (probabilities, plain[0], plain[1])
        weighed = [
            share * math.exp(2 * RATE * float(p[choice]) - RATE * float(p @ p))
            for share, p in zip(self.shares, said, strict=True)
        ]
        kept = (1 - SWITCH) / sum(weighed)
        self.shares = [weight * kept + SWITCH / EXPERTS for weight in weighed]
