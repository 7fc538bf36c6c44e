"""Long work in slices, so that one event loop serves everybody meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import msgspec

from autoship.domain.log import LogEntry
from autoship.domain.outcome import Outcome
from autoship.learning import CustomerModel

SLICE_S = 0.005
"""How long a slice lasts, give or take one step."""


class Turns:
    """Gives the loop back whenever a slice of time is used up. One for each piece of work."""

    def __init__(self) -> None:
        self._end = time.perf_counter() + SLICE_S

    @property
    def over(self) -> bool:
        """Whether it is others' turn."""
        return time.perf_counter() >= self._end

    async def give(self) -> None:
        """Lets the others have theirs."""
        await asyncio.sleep(0)
        self._end = time.perf_counter() + SLICE_S


class Teacher:
    """Has models learn, one slice of one model at a time however many there are to learn, in turn."""

    def __init__(self, slice_s: float = SLICE_S) -> None:
        self._slice_s = slice_s
        self._turn = asyncio.Lock()

    async def teach(self, model: CustomerModel, entries: Sequence[LogEntry]) -> list[Outcome]:
        """Has ``model`` learn whole batches, and returns what came of their predictions. Left before its end, the model
        is not to be used any more.

        The turn is held while others are served: of many models that learn a little, one learns in each round.
        """
        outcomes: list[Outcome] = []
        if not entries:
            return outcomes
        steps = zip(model.learn(entries), entries, strict=True)
        learning = True
        while learning:
            async with self._turn:
                end = time.perf_counter() + self._slice_s
                learning = False
                for outcome, entry in steps:
                    if outcome is not None:
                        outcomes.append(_with_id(outcome, entry))
                    if time.perf_counter() >= end:
                        learning = True
                        break
                await asyncio.sleep(0)
        return outcomes


def _with_id(outcome: Outcome, entry: LogEntry) -> Outcome:
    """An outcome with the id of the answer that it is about, where one was given out."""
    if entry.judged is None or entry.judged.prediction_id is None:
        return outcome
    return msgspec.structs.replace(outcome, prediction_id=entry.judged.prediction_id)
