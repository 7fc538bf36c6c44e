"""Builds one customer's model from what the history keeps: a snapshot and the log's tail, or the log alone."""

from __future__ import annotations

import asyncio
import logging

import msgspec

from autoship.domain.outcome import Outcome
from autoship.domain.settings import Chosen, Settings
from autoship.errors import SnapshotError
from autoship.learning import CustomerModel
from autoship.ports import History, Snapshot, Tail
from autoship.service.counters import Counters
from autoship.service.turns import Teacher

logger = logging.getLogger(__name__)


class Built(msgspec.Struct, frozen=True):
    """A model, the log's revision that it is of, how many entries it learned beyond its snapshot, and what came of
    their predictions; ``since``, where it is not None, is the seq from which on there are no others."""

    model: CustomerModel
    revision: int
    learned: int
    outcomes: list[Outcome]
    since: int | None


class Builder:
    """Reads and learns; keeps nothing."""

    def __init__(self, history: History, teacher: Teacher, defaults: Settings, counters: Counters) -> None:
        self._history = history
        self._teacher = teacher
        self._defaults = defaults
        self._counters = counters

    def settings(self, chosen: Chosen) -> Settings:
        """What a customer is held to for which this was chosen."""
        return chosen.over(self._defaults)

    def blank(self, chosen: Chosen | None = None) -> CustomerModel:
        """A model that has learned nothing."""
        settings = self.settings(chosen or Chosen())
        return CustomerModel(max_error=settings.max_error, audit=settings.audit)

    async def from_snapshot(self, customer_id: str) -> Built:
        """The snapshot and what came after it; the log alone where there is none, or one that is of no use."""
        snapshot = await self._history.load_snapshot(customer_id)
        if snapshot is None:
            return await self.from_log(customer_id)
        tail = await self._history.read(customer_id, snapshot.seq)
        if tail.revision != snapshot.revision or tail.cut or tail.chosen is None:
            return await self.from_log(customer_id)
        model = await self._restored(customer_id, snapshot, self.settings(tail.chosen))
        if model is None:
            return await self.from_log(customer_id)
        return await self._learned(model, tail, None)

    async def from_log(self, customer_id: str) -> Built:
        """The log alone."""
        tail = await self._history.read(customer_id)
        return await self._learned(self.blank(tail.chosen), tail, tail.entries[0].seq if tail.cut else 0)

    async def _learned(self, model: CustomerModel, tail: Tail, since: int | None) -> Built:
        outcomes = await self._teacher.teach(model, tail.entries)
        return Built(model, tail.revision, len(tail.entries), outcomes, since)

    async def _restored(self, customer_id: str, snapshot: Snapshot, settings: Settings) -> CustomerModel | None:
        try:
            model = await asyncio.to_thread(
                CustomerModel.from_bytes, snapshot.data, max_error=settings.max_error, audit=settings.audit
            )
        except SnapshotError as error:
            self._counters.snapshots_refused += 1
            logger.warning("the snapshot of customer %r is dropped, its model is rebuilt: %s", customer_id, error)
            return None
        if model.seq != snapshot.seq:
            self._counters.snapshots_refused += 1
            logger.warning("the snapshot of customer %r is dropped: it is of another place in the log", customer_id)
            return None
        return model
