"""Builds one customer's model from what the history keeps: a snapshot and the log's tail, or the log alone."""

from __future__ import annotations

import asyncio
import logging

import msgspec

from autoship.domain.settings import Settings
from autoship.errors import SnapshotError
from autoship.learning import CustomerModel
from autoship.ports import History, Snapshot, Tail
from autoship.service.turns import Teacher

logger = logging.getLogger(__name__)


class Built(msgspec.Struct, frozen=True):
    """A model, the log's revision that it is of, and how many entries it learned beyond its snapshot."""

    model: CustomerModel
    revision: int
    learned: int


class Builder:
    """Reads and learns; keeps nothing."""

    def __init__(self, history: History, teacher: Teacher, settings: Settings) -> None:
        self._history = history
        self._teacher = teacher
        self._settings = settings

    def blank(self) -> CustomerModel:
        """A model that has learned nothing."""
        return CustomerModel(max_error=self._settings.max_error, audit=self._settings.audit)

    async def from_snapshot(self, customer_id: str) -> Built:
        """The snapshot and what came after it; the log alone where there is none, or one that is of no use."""
        snapshot = await self._history.load_snapshot(customer_id)
        model = await self._restored(customer_id, snapshot)
        if snapshot is None or model is None:
            return await self.from_log(customer_id)
        tail = await self._history.read(customer_id, snapshot.seq)
        if tail.revision != snapshot.revision or tail.cut:
            return await self.from_log(customer_id)
        return await self._learned(model, tail)

    async def from_log(self, customer_id: str) -> Built:
        """The log alone."""
        return await self._learned(self.blank(), await self._history.read(customer_id))

    async def _learned(self, model: CustomerModel, tail: Tail) -> Built:
        await self._teacher.teach(model, tail.entries)
        return Built(model, tail.revision, len(tail.entries))

    async def _restored(self, customer_id: str, snapshot: Snapshot | None) -> CustomerModel | None:
        if snapshot is None:
            return None
        try:
            model = await asyncio.to_thread(
                CustomerModel.from_bytes,
                snapshot.data,
                max_error=self._settings.max_error,
                audit=self._settings.audit,
            )
        except SnapshotError as error:
            logger.warning("the snapshot of customer %r is dropped, its model is rebuilt: %s", customer_id, error)
            return None
        if model.seq != snapshot.seq:
            logger.warning("the snapshot of customer %r is dropped: it is of another place in the log", customer_id)
            return None
        return model
