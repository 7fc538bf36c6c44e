"""The tables of the embedded history, and how a connection to them is opened. Decides nothing about what is in them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from autoship.adapters.sqlite.errors import translated
from autoship.errors import HistoryUnusable

VERSION = 2
APPLICATION_ID = int.from_bytes(b"ship")
"""Marks the file as autoship's, as SQLite's documentation of ``application_id`` proposes."""

TABLES = """
CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    customer_id TEXT NOT NULL UNIQUE,
    last_seq INTEGER NOT NULL,          -- the highest seq ever given: none is given twice
    revision INTEGER NOT NULL,
    orders INTEGER NOT NULL,            -- in the log
    until INTEGER,                      -- the newest known_at in the log
    max_error REAL,                     -- as somebody set it for this customer
    audit REAL
) STRICT;

CREATE TABLE revisions (
    first INTEGER NOT NULL              -- of a new customer: above all that a deleted one had
) STRICT;
INSERT INTO revisions VALUES (0);

CREATE TABLE log (
    place INTEGER PRIMARY KEY,          -- customers.id << 32 | seq: one customer's entries lie together, in order
    customer INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    batch_after INTEGER NOT NULL,
    foreseen_after INTEGER NOT NULL,
    known_at INTEGER NOT NULL,          -- times are in microseconds since 1970, UTC
    judged BLOB,
    record BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX log_orders ON log (customer, order_id);

CREATE TABLE snapshots (
    customer INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    predicted INTEGER NOT NULL,
    right INTEGER NOT NULL,
    approved INTEGER NOT NULL,
    approved_wrong INTEGER NOT NULL,
    approving INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;

CREATE TABLE outcomes (
    place INTEGER PRIMARY KEY,          -- that of the record in the log
    known_at INTEGER NOT NULL,
    approved INTEGER NOT NULL,
    right INTEGER NOT NULL,
    outcome BLOB NOT NULL
) STRICT;

CREATE TABLE predictions (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    customer INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    served_at INTEGER NOT NULL,
    judged BLOB NOT NULL,
    answer BLOB NOT NULL
) STRICT;
CREATE INDEX predictions_orders ON predictions (customer, order_id, served_at);
"""


CACHE_KIB = 8 * 1024
"""Of pages a connection keeps. The kernel's own cache has the others: these count against the process's memory."""


def connect(path: Path, *, busy_timeout_s: float) -> sqlite3.Connection:
    """A connection that acknowledges only what is on the disk.

    Write-ahead logging with ``synchronous = FULL`` syncs the log at each commit, so that a commit survives the loss of
    power (https://www.sqlite.org/pragma.html#pragma_synchronous). With ``secure_delete`` what is deleted is written
    over with zeros, so that nothing of a forgotten customer stays in the file.
    """
    connection = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def check_place(path: Path) -> None:
    """Raises `HistoryUnusable` where no file can be."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise HistoryUnusable(f"{path}: there is no folder {folder}: make it, or name another file")
    if path.is_dir():
        raise HistoryUnusable(f"{path}: is a folder: name a file in it")


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Makes the tables in a new file; raises `HistoryUnusable` where the file is not of this version, and
    `HistoryUnavailable` where it cannot be written."""
    with translated(str(path)):
        version = _pragma(connection, "user_version")
        owner = _pragma(connection, "application_id")
        empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
        if owner != APPLICATION_ID and not (empty and owner == 0 and version == 0):
            raise HistoryUnusable(f"{path}: is the database of another program: name another file")
        if version > VERSION:
            raise HistoryUnusable(
                f"{path}: was written by a newer autoship (format {version}, this one reads {VERSION}): upgrade it"
            )
        if not empty and version < VERSION:
            raise HistoryUnusable(
                f"{path}: was written by an older autoship (format {version}, this one reads {VERSION}): import the "
                "orders into a new file"
            )
        if empty:
            connection.executescript(
                f"BEGIN IMMEDIATE; {TABLES}; PRAGMA application_id = {APPLICATION_ID};"
                f"PRAGMA user_version = {VERSION}; COMMIT;"
            )
        connection.execute("DELETE FROM customers WHERE 0")  # refused where the file cannot be written


def try_reading(connection: sqlite3.Connection) -> None:
    """Reads next to nothing."""
    connection.execute("SELECT n FROM predictions LIMIT 1").fetchone()


def try_writing(connection: sqlite3.Connection) -> None:
    """Writes one page, the first, as it is: an empty transaction would succeed on a full disk, too."""
    connection.execute(f"PRAGMA user_version = {_pragma(connection, 'user_version')}")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
