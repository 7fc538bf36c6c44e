"""A history in one SQLite file. One thread writes and another one reads, so that a long read delays no writing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from autoship.adapters.sqlite import customers, log, predictions
from autoship.adapters.sqlite import outcomes as came_of
from autoship.adapters.sqlite.errors import translate, translated
from autoship.adapters.sqlite.lock import FileLock
from autoship.adapters.sqlite.schema import check_place, connect, prepare, try_reading, try_writing
from autoship.adapters.sqlite.writer import Writer
from autoship.domain.log import LogEntry
from autoship.domain.outcome import Match, Outcome
from autoship.domain.record import Record
from autoship.domain.served import Served
from autoship.domain.settings import Chosen
from autoship.errors import HistoryError
from autoship.ports import Appended, Listed, Retention, Snapshot, Tail

T = TypeVar("T")

BUSY_TIMEOUT_S = 5.0
"""How long a call waits for another process that has locked the file, before it says so."""


class SqliteHistory:
    """A `History` in the file at ``path``, which is made where it is not there; its folder is not.

    Raises `HistoryInUse` where another process has it open, `HistoryUnusable` where it is not such a file.
    """

    def __init__(
        self, path: Path, *, retention: Retention | None = None, busy_timeout_s: float = BUSY_TIMEOUT_S
    ) -> None:
        check_place(path)
        self._path = str(path)
        self._retention = retention or Retention()
        self._read_trouble: str | None = None
        self._lock = FileLock(path)
        try:
            with translated(self._path):
                connection = connect(path, busy_timeout_s=busy_timeout_s)
                try:
                    prepare(connection, path)
                    self._reader = connect(path, busy_timeout_s=busy_timeout_s)
                except BaseException:
                    connection.close()
                    raise
        except BaseException:
            self._lock.release()
            raise
        self._reader.execute("PRAGMA query_only = ON")
        self._connection = connection
        self._writer = Writer(connection, self._path)
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="autoship-history-read")

    @property
    def trouble(self) -> str | None:
        return self._writer.trouble or self._read_trouble

    async def append(self, customer_id: str, records: Sequence[Record]) -> Appended:
        return await self._write(lambda connection: log.append(connection, customer_id, records))

    async def read(self, customer_id: str, after: int = 0) -> Tail:
        return await self._read(lambda connection: log.read(connection, customer_id, after))

    async def find_record(self, customer_id: str, order_id: str) -> LogEntry | None:
        return await self._read(lambda connection: log.find_record(connection, customer_id, order_id))

    async def list_customers(self, after: str | None, limit: int) -> Sequence[Listed]:
        return await self._read(lambda connection: customers.list_customers(connection, after, limit))

    async def load_snapshot(self, customer_id: str) -> Snapshot | None:
        return await self._read(lambda connection: customers.load_snapshot(connection, customer_id))

    async def save_snapshot(self, customer_id: str, snapshot: Snapshot) -> bool:
        return await self._write(lambda connection: customers.save_snapshot(connection, customer_id, snapshot))

    async def keep_outcomes(
        self, customer_id: str, outcomes: Sequence[Outcome], *, revision: int, since: int | None = None
    ) -> bool:
        return await self._write(
            lambda connection: came_of.keep_outcomes(connection, customer_id, outcomes, revision, since)
        )

    async def read_outcomes(
        self, customer_id: str, match: Match, *, before: int | None = None, limit: int
    ) -> Sequence[Outcome]:
        found: list[Outcome] = []
        ended = False
        while not ended:
            wanted = limit - len(found)
            job = partial(came_of.read_outcomes, customer_id=customer_id, match=match, before=before, limit=wanted)
            part, before = await self._read(job)
            found += part
            ended = before is None
        return found

    async def keep_predictions(self, served: Sequence[Served]) -> None:
        await self._write(lambda connection: predictions.keep_predictions(connection, served, self._retention))

    async def find_answer(self, customer_id: str, order_id: str) -> Served | None:
        return await self._read(lambda connection: predictions.find_answer(connection, customer_id, order_id))

    async def load_settings(self, customer_id: str) -> Chosen | None:
        return await self._read(lambda connection: customers.load_settings(connection, customer_id))

    async def save_settings(self, customer_id: str, chosen: Chosen) -> int | None:
        return await self._write(lambda connection: customers.save_settings(connection, customer_id, chosen))

    async def delete_customer(self, customer_id: str) -> bool:
        return await self._write(lambda connection: customers.delete_customer(connection, customer_id), wipe=True)

    async def delete_record(self, customer_id: str, order_id: str) -> int | None:
        return await self._write(lambda connection: log.delete_record(connection, customer_id, order_id), wipe=True)

    async def probe(self) -> None:
        await self._read(try_reading)
        await self._write(try_writing)

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.close()
        self._reading.shutdown()
        try:
            with translated(self._path):
                self._reader.close()
                self._connection.close()
        finally:
            self._lock.release()

    async def _write(self, job: Callable[[sqlite3.Connection], T], *, wipe: bool = False) -> T:
        return await asyncio.wrap_future(self._writer.submit(job, wipe=wipe))

    async def _read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        try:
            result = await asyncio.get_running_loop().run_in_executor(self._reading, self._run, job)
        except HistoryError as error:
            self._read_trouble = str(error)
            raise
        self._read_trouble = None
        return result

    def _run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Runs a job that reads, on one state of the file."""
        try:
            self._reader.execute("BEGIN")
            try:
                return job(self._reader)
            finally:
                if self._reader.in_transaction:
                    self._reader.execute("COMMIT")
        except sqlite3.Error as error:
            raise translate(error, self._path) from error
