"""When a copy is ready, from what it answered: a state machine without sockets and clocks.

One good answer makes a copy ready. Nobody listening twice in a row makes it not ready, a wrong answer three times, no
answer within the deadline three times: a gateway's own checks are fast, so this one can be sure. The first answer of
all counts at once, but for a slow one, which leaves what was known before: a slow health path takes nothing out.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

DEADLINE_S = 10.0
SOON_S = 1.0


class Kind(StrEnum):
    """What came of asking a copy for its health."""

    GOOD = "good"
    WRONG = "wrong"  # it answered, but not with 200 to 399, or not in HTTP
    REFUSED = "refused"  # nobody listens
    SLOW = "slow"  # no answer within the deadline


_PATIENCE = {Kind.WRONG: 3, Kind.REFUSED: 2, Kind.SLOW: 3}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of asking once; ``words`` are for people."""

    kind: Kind
    words: str
    took_s: float


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one copy. ``bad`` counts bad answers in a row; ``last`` is None until it was asked."""

    ready: bool = False
    bad: int = 0
    last: Answer | None = None


def after(copy: Copy, answer: Answer) -> Copy:
    """What is known once this answer came."""
    if answer.kind is Kind.GOOD:
        return Copy(ready=True, last=answer)
    bad = copy.bad + 1
    patience = 1 if copy.last is None and answer.kind is not Kind.SLOW else _PATIENCE[answer.kind]
    return Copy(ready=copy.ready and bad < patience, bad=bad, last=answer)


def pause_s(copy: Copy, interval_s: float) -> float:
    """How long to wait before it is asked again: not longer than a second while something is wrong."""
    return interval_s if copy.ready and not copy.bad else min(interval_s, SOON_S)
