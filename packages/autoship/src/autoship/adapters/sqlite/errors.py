"""What each of SQLite's result codes means for a history. One table; knows of no statement and no file.

The codes and their meanings: https://www.sqlite.org/rescode.html
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from autoship.errors import HistoryError, HistoryUnavailable, HistoryUnusable

Meaning: TypeAlias = tuple[type[HistoryError], str]

MEANINGS: dict[int, Meaning] = {
    sqlite3.SQLITE_BUSY: (HistoryUnavailable, "another process has locked the file"),
    sqlite3.SQLITE_LOCKED: (HistoryUnavailable, "another connection has locked a table"),
    sqlite3.SQLITE_PROTOCOL: (HistoryUnavailable, "the locks of the file could not be had"),
    sqlite3.SQLITE_FULL: (HistoryUnavailable, "the disk is full"),
    sqlite3.SQLITE_READONLY: (HistoryUnavailable, "the file cannot be written"),
    sqlite3.SQLITE_IOERR: (HistoryUnavailable, "the disk reported an error"),
    sqlite3.SQLITE_NOMEM: (HistoryUnavailable, "there is not enough memory"),
    sqlite3.SQLITE_INTERRUPT: (HistoryUnavailable, "the call was interrupted"),
    sqlite3.SQLITE_ABORT: (HistoryUnavailable, "the call was rolled back"),
    sqlite3.SQLITE_CANTOPEN: (HistoryUnusable, "the file cannot be opened"),
    sqlite3.SQLITE_PERM: (HistoryUnusable, "the file's permissions forbid it"),
    sqlite3.SQLITE_AUTH: (HistoryUnusable, "the file's permissions forbid it"),
    sqlite3.SQLITE_CORRUPT: (HistoryUnusable, "the file is damaged: put a backup in its place"),
    sqlite3.SQLITE_NOTADB: (HistoryUnusable, "the file is no SQLite database"),
    sqlite3.SQLITE_FORMAT: (HistoryUnusable, "the file is no SQLite database"),
    sqlite3.SQLITE_EMPTY: (HistoryUnusable, "the file is empty where it should not be"),
    sqlite3.SQLITE_SCHEMA: (HistoryUnusable, "the file's tables were changed"),
    sqlite3.SQLITE_ERROR: (HistoryUnusable, "the file's tables are not the expected ones"),
    sqlite3.SQLITE_CONSTRAINT: (HistoryUnusable, "the file's contents contradict each other"),
    sqlite3.SQLITE_MISMATCH: (HistoryUnusable, "the file's contents are of an unexpected type"),
    sqlite3.SQLITE_NOTFOUND: (HistoryUnusable, "this SQLite lacks something"),
    sqlite3.SQLITE_NOLFS: (HistoryUnusable, "this system cannot hold a file as large"),
    sqlite3.SQLITE_TOOBIG: (HistoryUnusable, "a value is larger than SQLite holds"),
    sqlite3.SQLITE_RANGE: (HistoryUnusable, "a statement is wrong"),
    sqlite3.SQLITE_MISUSE: (HistoryUnusable, "the connection was misused or is closed"),
    sqlite3.SQLITE_INTERNAL: (HistoryUnusable, "SQLite found a fault in itself"),
}
"""By primary code: the low byte of what SQLite gives."""

UNKNOWN: Meaning = (HistoryUnusable, "SQLite failed")


CONTRADICTED = (ValueError, TypeError, LookupError, ArithmeticError)
"""What comes of contents that are not what was written, where SQLite itself sees no fault in them."""


def translate(error: Exception, path: str) -> HistoryError:
    """The named error for one of the driver's, or for one that the file's contents led to."""
    if isinstance(error, CONTRADICTED):
        return HistoryUnusable(f"{path}: the file is damaged: put a backup in its place ({error!r})")
    code = getattr(error, "sqlite_errorcode", None)
    kind, meaning = UNKNOWN if code is None else MEANINGS.get(code & 0xFF, UNKNOWN)
    return kind(f"{path}: {meaning} ({error})")


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Raises the named error for each of the driver's, and for what the file's contents lead to."""
    try:
        yield
    except (sqlite3.Error, *CONTRADICTED) as error:
        raise translate(error, path) from error
