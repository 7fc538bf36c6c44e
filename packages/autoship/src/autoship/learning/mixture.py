"""Weighs the model against the customer's plain rates, by how well each did lately.

The share of an expert follows its Brier loss, and no share ever dies out, so that it can come back (fixed share:
Herbster and Warmuth 1998, "Tracking the best expert", section 5). Orders that cannot be predicted end with the plain
rates: the commonest choice, and an honest probability for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

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

    def learn(self, gains: Sequence[float]) -> None:
        """Learns what each expert's probabilities were worth: less the Brier loss, but for what is the same for all."""
        weighed = [share * math.exp(RATE * gain) for share, gain in zip(self.shares, gains, strict=True)]
        kept = (1 - SWITCH) / sum(weighed)
        self.shares = [weight * kept + SWITCH / EXPERTS for weight in weighed]
