"""The one thread that writes. Calls that come while it syncs are written in one transaction, with one sync for all."""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from autoship.adapters.sqlite.errors import CONTRADICTED, translate
from autoship.adapters.sqlite.whereabouts import Whereabouts
from autoship.errors import HistoryError, HistoryUnavailable

T = TypeVar("T")
Job: TypeAlias = "tuple[Callable[[sqlite3.Connection], Any], Future[Any], bool]"

LARGEST_GROUP = 256
WIPE_TIMEOUT_MS = 250
"""How long what is to be written waits for those who read what was deleted."""

logger = logging.getLogger(__name__)


class Writer:
    """Runs jobs on a connection in the order of their submitting, each wholly or not at all.

    A job's result is given only once it is on the disk. A job that raises takes none of its neighbours with it; where
    the file fails, all that were to be written at once fail.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.trouble: str | None = None
        self._connection = connection
        self._path = str(path)
        self._whereabouts = Whereabouts(path)
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closed = False
        self._wipe_due = False
        self._busy_timeout_ms = connection.execute("PRAGMA busy_timeout").fetchone()[0]
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
            self._whereabouts.check()
        except (sqlite3.Error, HistoryError) as error:
            self._roll_back()
            failure = error if isinstance(error, HistoryError) else translate(error, self._path)
            failure.__cause__ = None if failure is error else error
            self.trouble = str(failure)
            for _, future, _ in group:
                future.set_exception(failure)
            return
        self.trouble = None
        self._wipe_due = self._wipe_due or any(wipe for _, _, wipe in group)
        if self._wipe_due:
            self._wipe()
        for (_, future, _), (result, fault) in zip(group, outcomes, strict=True):
            if fault is None:
                future.set_result(result)
            else:
                future.set_exception(fault)

    def _wipe(self) -> None:
        """Empties the write-ahead log. Where that fails, as while somebody reads the file for long, it is tried again
        after each later commit: what was committed stands."""
        try:
            self._connection.execute(f"PRAGMA busy_timeout = {WIPE_TIMEOUT_MS}")
            busy = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            problem: object = "somebody reads the file" if busy else None
        except sqlite3.Error as error:
            problem = error
        finally:
            self._connection.execute(f"PRAGMA busy_timeout = {self._busy_timeout_ms}")
        self._wipe_due = problem is not None
        if self._wipe_due:
            logger.warning("%s: deleted, but not yet written over: %s", self._path, problem)

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
            return None, self._named(fault)
        self._connection.execute("RELEASE job")
        return result, None

    def _named(self, fault: Exception) -> Exception:
        return translate(fault, self._path) if isinstance(fault, CONTRADICTED) else fault

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                self.trouble = str(error)
