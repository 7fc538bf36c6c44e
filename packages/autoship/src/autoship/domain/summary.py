"""What was learned of a customer, for people. Plain values."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Numbers(msgspec.Struct, frozen=True):
    """What a list of customers tells of each one's model; the counts are those of `Summary`."""

    predicted: int = 0
    right: int = 0
    approved: int = 0
    approved_wrong: int = 0
    approving: bool = False


class Recent(msgspec.Struct, frozen=True):
    """Counts over the newest 1,000 predictions whose outcome somebody saw."""

    predicted: int
    right: int
    approved: int
    approved_wrong: int


class Summary(msgspec.Struct, frozen=True):
    """One customer's model in numbers.

    ``orders`` learned, ``choices`` known; ``predicted``, ``right``, ``approved``, ``approved_wrong`` count
    predictions whose outcome somebody saw, over all; ``recent`` over the newest 1,000. ``approving_from`` is the
    score (not the calibrated confidence) from which orders are approved, None while nothing is; ``alarms`` counts how
    often approving was stopped; of ``outcomes_needed`` outcomes since the last alarm ``outcomes_seen`` have come in.
    ``warnings`` are sentences.
    """

    orders: int
    choices: int
    learned_until: datetime | None
    predicted: int
    right: int
    approved: int
    approved_wrong: int
    recent: Recent
    approving: bool
    approving_from: float | None
    alarms: int
    outcomes_needed: int
    outcomes_seen: int
    warnings: list[str]

    def numbers(self) -> Numbers:
        """The part of this that a list shows."""
        return Numbers(self.predicted, self.right, self.approved, self.approved_wrong, self.approving)
