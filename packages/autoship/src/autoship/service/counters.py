"""What the service counts from its start on, over all customers. Plain numbers: whoever reads them decides what they
mean. Nothing here is kept by customer: there may be tens of thousands."""

from __future__ import annotations

from collections.abc import Iterable

from autoship.domain.outcome import Outcome
from autoship.domain.prediction import Reason


class Counters:
    """Numbers that only rise, and cost nothing to raise.

    ``predictions`` are by the reason why they were not approved, None where they were. ``outcomes`` count those that
    somebody saw, by (approved, right). A model asked for is a ``hit`` where it was in memory, else a ``miss``; of the
    misses those are ``loads`` that made a model.
    """

    __slots__ = (
        "alarms",
        "evictions",
        "hits",
        "last_learned",
        "loads",
        "misses",
        "outcomes",
        "predictions",
        "predictions_lost",
        "rebuilds",
        "records",
        "snapshots",
        "snapshots_refused",
    )

    def __init__(self) -> None:
        self.predictions: dict[Reason | None, int] = dict.fromkeys((None, *Reason), 0)
        self.predictions_lost = 0
        """Given out, and given up before they could be kept."""
        self.records = {"accepted": 0, "unchanged": 0, "replaced": 0, "rejected": 0}
        self.last_learned: float | None = None
        """When a record was last taken in, in seconds since 1970."""
        self.outcomes = {(approved, right): 0 for approved in (True, False) for right in (True, False)}
        self.alarms = 0
        """How often approving was stopped for a customer, because its ways had changed."""
        self.hits = self.misses = self.loads = self.evictions = self.rebuilds = 0
        self.snapshots = self.snapshots_refused = 0
        """Saved; and read, but of no use."""

    def observe(self, outcomes: Iterable[Outcome]) -> None:
        """Counts what came of predictions, each once in its life: not again when a model is made again."""
        for outcome in outcomes:
            if outcome.decided_by == "person":
                self.outcomes[outcome.approved, outcome.right] += 1
