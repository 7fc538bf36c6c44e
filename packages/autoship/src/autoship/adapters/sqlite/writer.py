"""The one thread that writes. Calls that come while it syncs are written in one transaction, with one sync for all."""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeAlias, TypeVar

from autoship.adapters.sqlite.errors import translate
from autoship.errors import HistoryUnavailable

T = TypeVar("T")
Job: TypeAlias = "tuple[Callable[[sqlite3.Connection], Any], Future[Any], bool]"

LARGEST_GROUP = 256

logger = logging.getLogger(__name__)


class Writer:
    """Runs jobs on a connection in the order of their submitting, each wholly or not at all.

    A job's result is given only once it is on the disk. A job that raises takes none of its neighbours with it; where
    the file fails, all that were to be written at once fail.
    """

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self.trouble: str | None = None
        self._connection = connection
        self._path = path
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="autoship-history", daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[sqlite3.Connection], T], *, wipe: bool = False) -> Future[T]:
        """Runs ``job`` within a transaction; its future raises `HistoryError` for each of the driver's errors.

        With ``wipe``, the write-ahead log is emptied afterwards: what was deleted is still in there.
        """
        future: Future[T] = Future()
        if self._closed:
            future.set_exception(HistoryUnavailable(f"{self._path}: is closed"))
        else:
            self._jobs.put((job, future, wipe))
        return future

    def close(self) -> None:
        """Ends after the jobs submitted before."""
        self._closed = True
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        ended = False
        while not ended:
            group: list[Job] = []
            job = self._jobs.get()
            while job is not None:
                group.append(job)
                if len(group) == LARGEST_GROUP or self._jobs.empty():
                    break
                job = self._jobs.get()
            ended = job is None
            group = [one for one in group if one[1].set_running_or_notify_cancel()]
            if group:
                self._commit(group)

    def _commit(self, group: list[Job]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._outcome(job) for job, _, _ in group]
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            failure = translate(error, self._path)
            failure.__cause__ = error
            self.trouble = str(failure)
            for _, future, _ in group:
                future.set_exception(failure)
            return
        self.trouble = None
        if any(wipe for _, _, wipe in group):
            self._wipe()
        for (_, future, _), (result, fault) in zip(group, outcomes, strict=True):
            if fault is None:
                future.set_result(result)
            else:
                future.set_exception(fault)

    def _wipe(self) -> None:
        """Empties the write-ahead log. Where that fails, the next time does it: what was committed stands."""
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            logger.warning("%s: deleted, but not yet written over: %s", self._path, error)

    def _outcome(self, job: Callable[[sqlite3.Connection], Any]) -> tuple[Any, Exception | None]:
        """A job's result, or what is wrong with the job itself. What is wrong with the file fails the whole group."""
        self._connection.execute("SAVEPOINT job")
        try:
            result = job(self._connection)
        except sqlite3.Error:
            raise
        except Exception as fault:
            self._connection.execute("ROLLBACK TO job")
            self._connection.execute("RELEASE job")
            return None, fault
        self._connection.execute("RELEASE job")
        return result, None

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                self.trouble = str(error)
