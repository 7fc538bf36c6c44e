"""A history in one SQLite file. One thread writes and another one reads, so that a long read delays no writing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from autoship.adapters.sqlite import statements
from autoship.adapters.sqlite.errors import translated
from autoship.adapters.sqlite.lock import FileLock
from autoship.adapters.sqlite.schema import check_place, connect, prepare
from autoship.adapters.sqlite.writer import Writer
from autoship.domain.record import Record
from autoship.domain.served import Served
from autoship.errors import HistoryError
from autoship.ports import Appended, Retention, Snapshot, Tail

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
        self._writer = Writer(connection, path)
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="autoship-history-read")

    @property
    def trouble(self) -> str | None:
        return self._writer.trouble or self._read_trouble

    async def append(self, customer_id: str, records: Sequence[Record]) -> Appended:
        return await self._write(lambda connection: statements.append(connection, customer_id, records))

    async def read(self, customer_id: str, after: int = 0) -> Tail:
        return await self._read(lambda connection: statements.read(connection, customer_id, after))

    async def load_snapshot(self, customer_id: str) -> Snapshot | None:
        return await self._read(lambda connection: statements.load_snapshot(connection, customer_id))

    async def save_snapshot(self, customer_id: str, snapshot: Snapshot) -> bool:
        return await self._write(lambda connection: statements.save_snapshot(connection, customer_id, snapshot))

    async def keep_predictions(self, served: Sequence[Served]) -> None:
        await self._write(lambda connection: statements.keep_predictions(connection, served, self._retention))

    async def find_predictions(self, customer_id: str, order_id: str) -> Sequence[Served]:
        return await self._read(lambda connection: statements.find_predictions(connection, customer_id, order_id))

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

    async def _write(self, job: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.wrap_future(self._writer.submit(job))

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
        with translated(self._path):
            self._reader.execute("BEGIN")
            try:
                return job(self._reader)
            finally:
                if self._reader.in_transaction:
                    self._reader.execute("COMMIT")
