"""The statements on customers as a whole: the list, snapshots, settings, deletion."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from autoship.adapters.sqlite.log import revise
from autoship.adapters.sqlite.rows import place_of, time_of
from autoship.domain.settings import Chosen
from autoship.domain.summary import Numbers
from autoship.ports import Listed, Snapshot

NUMBERS = "predicted, right, approved, approved_wrong, approving"


def list_customers(connection: sqlite3.Connection, after: str | None, limit: int) -> list[Listed]:
    """`History.list_customers`. SQLite compares UTF-8 byte by byte, which is by code points."""
    rows = connection.execute(
        f"SELECT customer_id, orders, until, {NUMBERS} FROM customers LEFT JOIN snapshots ON customer = id "
        "WHERE customer_id > ? ORDER BY customer_id LIMIT ?",
        (after or "", limit),
    )
    return [
        Listed(customer_id, orders, None if until is None else time_of(until), _numbers(numbers))
        for customer_id, orders, until, *numbers in rows
    ]


def load_snapshot(connection: sqlite3.Connection, customer_id: str) -> Snapshot | None:
    """`History.load_snapshot`."""
    row = connection.execute(
        f"SELECT seq, snapshots.revision, data, {NUMBERS} FROM snapshots JOIN customers ON id = customer "
        "WHERE customer_id = ?",
        (customer_id,),
    ).fetchone()
    if row is None:
        return None
    seq, revision, data, *numbers = row
    return Snapshot(seq, revision, data, _numbers(numbers) or Numbers())


def save_snapshot(connection: sqlite3.Connection, customer_id: str, snapshot: Snapshot) -> bool:
    """`History.save_snapshot`."""
    cursor = connection.execute(
        f"INSERT INTO snapshots (customer, seq, revision, data, {NUMBERS}) "
        "SELECT id, ?1, ?2, ?3, ?5, ?6, ?7, ?8, ?9 FROM customers WHERE customer_id = ?4 AND revision = ?2 "
        "ON CONFLICT (customer) DO UPDATE SET seq = excluded.seq, revision = excluded.revision, data = excluded.data, "
        "predicted = excluded.predicted, right = excluded.right, approved = excluded.approved, "
        "approved_wrong = excluded.approved_wrong, approving = excluded.approving WHERE excluded.seq >= snapshots.seq",
        (snapshot.seq, snapshot.revision, snapshot.data, customer_id, *msgspec.structs.astuple(snapshot.numbers)),
    )
    return cursor.rowcount == 1


def load_settings(connection: sqlite3.Connection, customer_id: str) -> Chosen | None:
    """`History.load_settings`."""
    row = connection.execute("SELECT max_error, audit FROM customers WHERE customer_id = ?", (customer_id,)).fetchone()
    return None if row is None else Chosen(*row)


def save_settings(connection: sqlite3.Connection, customer_id: str, chosen: Chosen) -> int | None:
    """`History.save_settings`."""
    row = connection.execute(
        "SELECT id, revision, max_error, audit FROM customers WHERE customer_id = ?", (customer_id,)
    ).fetchone()
    if row is None:
        return None
    customer, revision, *before = row
    if Chosen(*before) == chosen:
        return int(revision)
    connection.execute(
        "UPDATE customers SET max_error = ?, audit = ? WHERE id = ?", (chosen.max_error, chosen.audit, customer)
    )
    return revise(connection, customer)


def delete_customer(connection: sqlite3.Connection, customer_id: str) -> bool:
    """`History.delete_customer`."""
    row = connection.execute(
        "DELETE FROM customers WHERE customer_id = ? RETURNING id, revision", (customer_id,)
    ).fetchone()
    if row is None:
        return False
    customer, revision = row
    places = (place_of(customer, 0), place_of(customer + 1, 0))
    connection.execute("DELETE FROM log WHERE place > ? AND place < ?", places)
    connection.execute("DELETE FROM outcomes WHERE place > ? AND place < ?", places)
    connection.execute("DELETE FROM snapshots WHERE customer = ?", (customer,))
    connection.execute("DELETE FROM predictions WHERE customer = ?", (customer,))
    connection.execute("UPDATE revisions SET first = max(first, ?)", (revision + 1,))
    return True


def _numbers(row: list[Any]) -> Numbers | None:
    if row[0] is None:
        return None
    predicted, right, approved, approved_wrong, approving = row
    return Numbers(predicted, right, approved, approved_wrong, bool(approving))
