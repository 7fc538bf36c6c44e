"""What the tables have in common: how a place in a log and a time are written as numbers."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

SEQ_BITS = 32

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def place_of(customer: int, seq: int) -> int:
    """The place of an entry among all customers' entries."""
    return customer << SEQ_BITS | seq


def seq_at(place: int) -> int:
    """The seq of the entry at a place."""
    return place & ((1 << SEQ_BITS) - 1)


def microseconds(time: datetime) -> int:
    """A time as a number."""
    return (time - _EPOCH) // _MICROSECOND


def time_of(number: int) -> datetime:
    """The time that a number is."""
    return _EPOCH + number * _MICROSECOND


def number_of(connection: sqlite3.Connection, customer_id: str) -> int | None:
    """The customer's own number, None for a stranger."""
    row = connection.execute("SELECT id FROM customers WHERE customer_id = ?", (customer_id,)).fetchone()
    return None if row is None else int(row[0])
