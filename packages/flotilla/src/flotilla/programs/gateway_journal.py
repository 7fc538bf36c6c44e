"""What a gateway did lately and why, what troubles it now, and what it counted: for its log, its page and its metrics.

A trouble that lasts is said when it begins and when it ends, not in every round.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping

import msgspec

from flotilla.domain.status import Done

KEPT = 100
LONGEST = 2_000


class _Trouble(msgspec.Struct, frozen=True):
    words: str
    since_s: float
    said: str | None


class Journal:
    """``clock`` tells unix seconds, ``log`` is told of each thing as it is done."""

    def __init__(self, clock: Callable[[], float], log: Callable[[Done], None]) -> None:
        self._clock = clock
        self._log = log
        self._done: deque[Done] = deque(maxlen=KEPT)
        self._troubles: dict[str, _Trouble] = {}
        self.counts: Counter[str] = Counter()

    def did(self, kind: str, what: str, why: str = "") -> None:
        """Something was done."""
        done = Done(at_s=self._clock(), kind=kind, what=what[:LONGEST], why=why[:LONGEST])
        self._done.appendleft(done)
        self._log(done)

    def trouble(self, about: str, words: str | None, patience_s: float = 0.0) -> None:
        """What is wrong with something now, None where all is well. It is said once it lasts longer than
        ``patience_s``, and again where the words change."""
        now_s, before = self._clock(), self._troubles.get(about)
        if words is None:
            if before is not None:
                del self._troubles[about]
                if before.said is not None:
                    self.did(about, f"{about} is well again", f"after {now_s - before.since_s:.1f} s")
            return
        since_s, said = (before.since_s, before.said) if before else (now_s, None)
        if said != words and now_s - since_s >= patience_s:
            self.did(about, f"{about}: {words}")
            said = words
        self._troubles[about] = _Trouble(words[:LONGEST], since_s, said)

    @property
    def troubles(self) -> Mapping[str, str]:
        """What is wrong now, by what it is about."""
        return {about: trouble.words for about, trouble in self._troubles.items()}

    @property
    def done(self) -> tuple[Done, ...]:
        """The last first."""
        return tuple(self._done)
