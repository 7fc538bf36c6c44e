"""How old an order was when it was learned, in orders of its customer: what weighs a history that is sent late.

Orders are learned in the order of the log, mostly the order in which they became known. A history that comes after
newer orders would otherwise be taken for the newest of all.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from datetime import datetime

EVERY = 32
"""A mark is set each time so many orders have been learned in time."""
MOST_MARKS = 640
LATE = 256
"""Orders overtake each other by a little: up to this age, an order counts as new."""
OLDEST = 8_000
"""Ages beyond are not told apart: they are extrapolated, and nothing is to be forgotten because of a rate."""


class Ages:
    """Marks in time: when, in seconds since 1970, each 32nd order had become known, ascending."""

    def __init__(self) -> None:
        self.marks: deque[float] = deque(maxlen=MOST_MARKS)
        self.since = 0

    def of(self, known_at: datetime) -> int:
        """How many of the customer's orders became known after this time, to the nearest mark; 0 for what is new.

        Before the first mark, orders are taken to have come at the pace that they came at since.
        """
        marks = self.marks
        known = known_at.timestamp()
        if not marks or known >= marks[-1]:
            return 0
        age = EVERY * (len(marks) - bisect_right(marks, known))
        if known < marks[0] and marks[-1] > marks[0]:
            age += round(age * min(OLDEST, (marks[0] - known) / (marks[-1] - marks[0])))
        return min(age, OLDEST) if age > LATE else 0

    def learn(self, known_at: datetime) -> None:
        """Takes in an order that is new."""
        self.since += 1
        if self.since == EVERY:
            self.since = 0
            known = known_at.timestamp()
            self.marks.append(max(known, self.marks[-1]) if self.marks else known)
