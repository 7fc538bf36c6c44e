"""How right the predictions were that records are judged by: over all, and over the last 1,000. What nobody looked at
is not counted: that it was let go proves nothing."""

from __future__ import annotations

from collections import deque

from autoship.domain.summary import Recent

NEWEST = 1000


class Scores:
    """Counts of predictions whose outcome somebody saw."""

    def __init__(self) -> None:
        self.predicted = 0
        self.right = 0
        self.approved = 0
        self.approved_wrong = 0
        self.newest: deque[tuple[bool, bool]] = deque(maxlen=NEWEST)

    def learn(self, approved: bool, right: bool) -> None:
        """Counts one outcome."""
        self.predicted += 1
        self.right += right
        self.approved += approved
        self.approved_wrong += approved and not right
        self.newest.append((right, approved))

    def recent(self) -> Recent:
        """The same counts over the newest 1,000."""
        approved = [right for right, approved in self.newest if approved]
        return Recent(
            predicted=len(self.newest),
            right=sum(right for right, _ in self.newest),
            approved=len(approved),
            approved_wrong=len(approved) - sum(approved),
        )
