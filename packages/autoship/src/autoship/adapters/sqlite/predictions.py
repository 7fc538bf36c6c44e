"""The statements on the predictions that were given out."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from autoship.adapters.sqlite.blobs import pack_judged, unpack_judged
from autoship.adapters.sqlite.rows import microseconds, number_of, time_of
from autoship.domain.record import Record
from autoship.domain.served import Served
from autoship.ports import Retention

PRUNED_AT_ONCE = 1_000
"""How many more are dropped at once than are added, so that a file over its bound comes back within it."""

WRITTEN_AT_ONCE = 100
"""Rows in one statement. Each statement lets go of the interpreter's lock and waits for it again, while requests are
answered: row by row, that took longer than the writing."""

_PLACES = "(?, ?, ?, ?, ?)"

Row: TypeAlias = "tuple[str, int, bytes, bytes]"
COLUMNS = "order_id, served_at, judged, answer"


def keep_predictions(connection: sqlite3.Connection, served: Sequence[Served], retention: Retention) -> None:
    """`History.keep_predictions`."""
    if not served:
        return
    for start in range(0, len(served), WRITTEN_AT_ONCE):
        part = served[start : start + WRITTEN_AT_ONCE]
        connection.execute(
            "INSERT INTO predictions (customer, order_id, served_at, judged, answer) "
            f"SELECT id, column2, column3, column4, column5 FROM (VALUES {', '.join([_PLACES] * len(part))}) "
            "CROSS JOIN customers ON customer_id = column1",
            [value for one in part for value in _values(one)],
        )
    _prune(connection, served[-1].served_at - retention.age, retention.number, at_once=len(served) + PRUNED_AT_ONCE)


def _values(one: Served) -> tuple[str, str, int, bytes, bytes]:
    return one.customer_id, one.order_id, microseconds(one.served_at), pack_judged(one.judged), one.answer


def find_answer(connection: sqlite3.Connection, customer_id: str, order_id: str) -> Served | None:
    """`History.find_answer`."""
    customer = number_of(connection, customer_id)
    entry = connection.execute(
        "SELECT judged FROM log WHERE customer = ? AND order_id = ?", (customer, order_id)
    ).fetchone()
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM predictions WHERE customer = ? AND order_id = ? ORDER BY served_at DESC, n DESC",
        (customer, order_id),
    )
    found = next((row for row in rows if entry is None or row[2] == entry[0]), None)
    rows.close()
    return None if found is None else _served(customer_id, found)


def served_before(
    connection: sqlite3.Connection, customer: int, customer_id: str, record: Record, seq: int | None
) -> Sequence[Served]:
    """The last prediction for the record's order before it became known that had not learned it, if there is one."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM predictions WHERE customer = ? AND order_id = ? AND served_at < ? "
        "ORDER BY served_at DESC, n DESC",
        (customer, record.order_id, microseconds(record.known_at)),
    )
    given_out = (_served(customer_id, row) for row in rows)
    found = next((one for one in given_out if seq is None or one.judged.through < seq), None)
    rows.close()
    return () if found is None else (found,)


def delete_predictions(connection: sqlite3.Connection, customer: int, order_id: str) -> None:
    """Drops those of an order."""
    connection.execute("DELETE FROM predictions WHERE customer = ? AND order_id = ?", (customer, order_id))


def _prune(connection: sqlite3.Connection, since: datetime, number: int, *, at_once: int) -> None:
    """Drops the oldest predictions: those given out before ``since``, and those beyond ``number``."""
    oldest, newest = connection.execute(
        "SELECT (SELECT min(n) FROM predictions), (SELECT max(n) FROM predictions)"
    ).fetchone()
    if oldest is None:
        return
    due = (
        oldest <= newest - number
        or connection.execute(
            "SELECT served_at < ? FROM predictions WHERE n = ?", (microseconds(since), oldest)
        ).fetchone()[0]
    )
    if due:
        connection.execute(
            "DELETE FROM predictions WHERE n IN (SELECT n FROM predictions ORDER BY n LIMIT ?) "
            "AND (n <= ? OR served_at < ?)",
            (at_once, newest - number, microseconds(since)),
        )


def _served(customer_id: str, row: Row) -> Served:
    order_id, served_at, judged, answer = row
    return Served(customer_id, order_id, time_of(served_at), unpack_judged(judged), answer)
