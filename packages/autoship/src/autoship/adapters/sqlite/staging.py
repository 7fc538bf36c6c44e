"""Many records put in order before they go into a history: by customer, then by the time at which each became known.

They are kept in a temporary file that SQLite makes and removes, so that memory holds only a part of them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from types import TracebackType

from autoship.adapters.sqlite.blobs import pack_record, unpack_record
from autoship.adapters.sqlite.errors import translated
from autoship.domain.record import Record

PUT_AT_ONCE = 1_000
CACHE_KIB = 65_536


class Staging:
    """Records to be sorted. Of several records of one order, the last one added stays."""

    def __init__(self) -> None:
        self.added = 0
        self._waiting: list[tuple[str, str, int, bytes]] = []
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._connection.execute(
            "CREATE TABLE staged (customer_id TEXT, order_id TEXT, known_at INTEGER, record BLOB, "
            "UNIQUE (customer_id, order_id) ON CONFLICT REPLACE)"
        )
        self._connection.execute("BEGIN")

    def __enter__(self) -> Staging:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def add(self, record: Record) -> None:
        """Takes one in."""
        known_at = round(record.known_at.timestamp() * 1_000_000)
        self._waiting.append((record.customer_id, record.order_id, known_at, pack_record(record)))
        self.added += 1
        if len(self._waiting) == PUT_AT_ONCE:
            self._put()

    def count(self) -> int:
        """How many there are, each order once."""
        self._put()
        with translated("the temporary file"):
            return int(self._connection.execute("SELECT count(*) FROM staged").fetchone()[0])

    def in_order(self) -> Iterator[tuple[Record, int]]:
        """All of them, by customer and by when each became known; what became known at once, as it was added. Each with
        its size in bytes."""
        self._put()
        with translated("the temporary file"):
            rows = self._connection.execute(
                "SELECT customer_id, order_id, record FROM staged ORDER BY customer_id, known_at, rowid"
            )
            for customer_id, order_id, blob in rows:
                yield unpack_record(customer_id, order_id, blob), len(blob)

    def _put(self) -> None:
        with translated("the temporary file"):
            self._connection.executemany("INSERT INTO staged VALUES (?, ?, ?, ?)", self._waiting)
        self._waiting.clear()
