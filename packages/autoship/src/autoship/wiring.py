"""The composition root: makes the parts that the configuration names, and takes them apart in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from autoship.adapters.memory import MemoryHistory
from autoship.adapters.sqlite import SqliteHistory
from autoship.configuration import HistoryPlace, SqliteFile
from autoship.ports import History
from autoship.service import Autoship, Settings


def open_history(place: HistoryPlace) -> History:
    """The history that is configured; raises `HistoryError` where it cannot be had."""
    if isinstance(place, SqliteFile):
        return SqliteHistory(place.path)
    return MemoryHistory()


@asynccontextmanager
async def running(
    place: HistoryPlace, settings: Settings | None = None, *, memory_mb: int = 1024
) -> AsyncIterator[Autoship]:
    """The service over its history, until the end of the block: then what is in memory alone is kept."""
    history = open_history(place)
    try:
        service = Autoship(
            history,
            settings=settings or Settings(),
            clock=lambda: datetime.now(UTC),
            memory_bytes=memory_mb * 2**20,
        )
        try:
            yield service
        finally:
            await service.close()
    finally:
        await history.close()
