"""What a gateway did lately and why, what troubles it now, and what it counted: for its log, its page and its metrics.

A trouble that lasts is said when it begins and when it ends, not in every round.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping

from flotilla.domain.status import Done

KEPT = 100
LONGEST = 2_000


class Journal:
    """``clock`` tells unix seconds, ``log`` takes a line."""

    def __init__(self, clock: Callable[[], float], log: Callable[[str], None]) -> None:
        self._clock = clock
        self._log = log
        self._done: deque[Done] = deque(maxlen=KEPT)
        self._troubles: dict[str, tuple[str, float]] = {}
        self.counts: Counter[str] = Counter()

    def did(self, kind: str, what: str, why: str = "") -> None:
        """Something was done."""
        self._done.appendleft(Done(at_s=self._clock(), kind=kind, what=what[:LONGEST], why=why[:LONGEST]))
        self._log(f"{what}: {why}" if why else what)

    def trouble(self, about: str, words: str | None) -> None:
        """What is wrong with something now, None where all is well. Said where it differs from what was said last."""
        before = self._troubles.get(about)
        if words is None:
            if before is not None:
                del self._troubles[about]
                self.did(about, f"{about} is well again", f"after {self._clock() - before[1]:.1f} s")
        elif before is None or before[0] != words:
            self._troubles[about] = (words[:LONGEST], before[1] if before else self._clock())
            self.did(about, f"{about}: {words}")

    @property
    def troubles(self) -> Mapping[str, tuple[str, float]]:
        """What is wrong now, and since when, by what it is about."""
        return self._troubles

    @property
    def done(self) -> tuple[Done, ...]:
        """The last first."""
        return tuple(self._done)
