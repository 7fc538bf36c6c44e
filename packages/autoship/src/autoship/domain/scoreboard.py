"""How right a customer's predictions were, counted: over time, field by field, and what was taken for what. Decides
which outcomes are counted together; reads nothing and draws nothing."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import TypeAlias

import msgspec

from autoship.domain.outcome import Outcome, choice_text, word_text

MOST_STRETCHES = 32


class Tally(msgspec.Struct, frozen=True):
    """Counts over outcomes. Of the ``orders``, somebody looked at ``seen``: only these say how right predictions are.

    ``right`` and ``commonest`` (the baseline: the customer's commonest choice would have been right) are of the seen,
    ``approved`` of all, ``proved`` of the approved that somebody saw, ``approved_wrong`` of the proved.
    """

    orders: int
    seen: int
    right: int
    commonest: int
    approved: int
    proved: int
    approved_wrong: int

    @property
    def accuracy(self) -> float | None:
        """The share right, 0 to 1; None where nobody looked."""
        return _share(self.right, self.seen)

    @property
    def baseline(self) -> float | None:
        """The share that always naming the commonest choice would have had right."""
        return _share(self.commonest, self.seen)

    @property
    def coverage(self) -> float | None:
        """The share approved, of all orders."""
        return _share(self.approved, self.orders)

    @property
    def risk(self) -> float | None:
        """The share wrong, of the approved orders that somebody saw."""
        return _share(self.approved_wrong, self.proved)


class Stretch(msgspec.Struct, frozen=True):
    """Consecutive outcomes by `Outcome.known_at`: at or after ``since``, before ``until`` (None: no end), half of them
    by ``middle``, the newest at ``last``."""

    since: datetime
    middle: datetime
    last: datetime
    until: datetime | None
    tally: Tally


class Mistake(msgspec.Struct, frozen=True):
    """``shipped`` was predicted as ``predicted``, so many ``times``; None where that side has no such field."""

    shipped: str | None
    predicted: str | None
    times: int


class Part(msgspec.Struct, frozen=True):
    """One field of the choice, or the whole choice where ``field`` is None.

    ``orders`` have it in their shipment or in their prediction; ``wrong`` of them differ in it. ``mistakes`` are all
    there were, the most frequent first.
    """

    field: str | None
    orders: int
    wrong: int
    mistakes: list[Mistake]


class Scoreboard(msgspec.Struct, frozen=True):
    """All counts over some outcomes: in sum, in stretches of time, oldest first, and by ``parts``: the whole choice,
    then each of its fields by name. ``said`` is, for each prediction whose outcome somebody saw, its confidence and
    whether it was right."""

    all: Tally
    stretches: list[Stretch]
    parts: list[Part]
    said: list[tuple[float, bool]]


_Confused: TypeAlias = Counter[tuple[str | None, str | None]]
"""How often something was shipped and something else predicted."""

_Judged: TypeAlias = Sequence[tuple[Outcome, bool]]
"""Outcomes, and whether each was right: asked once."""


def scoreboard(outcomes: Sequence[Outcome]) -> Scoreboard:
    """Counts outcomes, which may come in any order."""
    judged = [(outcome, outcome.right) for outcome in sorted(outcomes, key=attrgetter("known_at", "seq"))]
    stretches = _stretches(judged)
    said = [(outcome.confidence, right) for outcome, right in judged if outcome.decided_by == "person"]
    return Scoreboard(_sum([stretch.tally for stretch in stretches]), stretches, _parts(judged), said)


def _sum(tallies: Sequence[Tally]) -> Tally:
    return Tally(*(sum(getattr(tally, name) for tally in tallies) for name in Tally.__struct_fields__))


def _tally(judged: _Judged) -> Tally:
    seen = rights = commonest = approved = proved = approved_wrong = 0
    for outcome, right in judged:
        approved += outcome.approved
        if outcome.decided_by == "person":
            seen += 1
            rights += right
            commonest += outcome.commonest
            proved += outcome.approved
            approved_wrong += outcome.approved and not right
    return Tally(len(judged), seen, rights, commonest, approved, proved, approved_wrong)


def _stretches(judged: _Judged) -> list[Stretch]:
    """Twice as many outcomes in a stretch as there are stretches, and of these at most 32; outcomes of one moment stay
    together, and what is left at the end is no stretch of its own where it is little."""
    times = [outcome.known_at for outcome, _ in judged]
    size = math.ceil(len(times) / min(MOST_STRETCHES, max(1, math.isqrt(len(times) // 2))))
    edges = [0] if times else []
    while edges and edges[-1] + size < len(times):
        edge = bisect_right(times, times[edges[-1] + size - 1])
        if len(times) - edge < size / 2:
            break
        edges.append(edge)
    return [
        Stretch(
            since=times[edge],
            middle=times[(edge + end - 1) // 2],
            last=times[end - 1],
            until=times[end] if end < len(times) else None,
            tally=_tally(judged[edge:end]),
        )
        for edge, end in itertools.pairwise([*edges, len(times)])
    ]


def _parts(judged: _Judged) -> list[Part]:
    """Right orders are only counted, however many; each wrong one is looked at field by field."""
    shapes = Counter((tuple(outcome.shipment), tuple(outcome.predicted)) for outcome, _ in judged)
    having: Counter[str] = Counter()
    for (shipped_names, predicted_names), orders in shapes.items():
        for name in {*shipped_names, *predicted_names}:
            having[name] += orders
    whole: _Confused = Counter()
    fields: dict[str, _Confused] = {name: Counter() for name in having}
    for outcome in (outcome for outcome, right in judged if not right):
        shipment, predicted = outcome.shipment, outcome.predicted
        whole[choice_text(shipment), choice_text(predicted)] += 1
        for name in outcome.wrong_fields:
            there = word_text(shipment[name]) if name in shipment else None
            said = word_text(predicted[name]) if name in predicted else None
            fields[name][there, said] += 1
    return [_part(None, len(judged), whole), *(_part(name, having[name], fields[name]) for name in sorted(having))]


def _part(field: str | None, orders: int, wrong: _Confused) -> Part:
    ranked = sorted(wrong.items(), key=lambda item: (-item[1], item[0][0] or "", item[0][1] or ""))
    mistakes = [Mistake(shipped, predicted, times) for (shipped, predicted), times in ranked]
    return Part(field, orders, wrong.total(), mistakes)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
