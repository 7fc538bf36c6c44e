"""The statements on the log, each call's as one function on a connection within a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import takewhile

import msgspec

from autoship.adapters.sqlite.blobs import pack_judged, pack_record, unpack_judged, unpack_record
from autoship.adapters.sqlite.predictions import delete_predictions, served_before
from autoship.adapters.sqlite.rows import microseconds, number_of, place_of, seq_at
from autoship.domain.batch import Plan, foresee, plan_batch
from autoship.domain.log import LogEntry
from autoship.domain.record import Record
from autoship.domain.served import Served
from autoship.domain.settings import Chosen
from autoship.ports import LONGEST_READ, Appended, Tail

COLUMNS = "place, order_id, batch_after, foreseen_after, judged, record"


def append(connection: sqlite3.Connection, customer_id: str, records: Sequence[Record]) -> Appended:
    """`History.append`."""
    row = connection.execute(
        "SELECT id, last_seq, revision FROM customers WHERE customer_id = ?", (customer_id,)
    ).fetchone()
    if row is None and not records:
        return Appended(0, 0, 0, (), 0, 0)
    customer, last_seq, revision = row or _new_customer(connection, customer_id)
    stored = _stored(connection, customer, customer_id, records) if last_seq else {}
    plan = plan_batch(
        records, stored=stored, served=_served(connection, customer, customer_id, records, stored), last_seq=last_seq
    )
    _write(connection, customer, plan)
    for batch_after in plan.moved:
        foresee_again(connection, customer, customer_id, batch_after)
    if plan.corrections:
        gone = [stored[entry.record.order_id] for entry in plan.corrections]
        revision = revise(connection, customer, gone, plan.corrections)
    return Appended(plan.accepted, plan.unchanged, plan.replaced, plan.entries, last_seq, revision)


def read(connection: sqlite3.Connection, customer_id: str, after: int) -> Tail:
    """`History.read`."""
    row = connection.execute(
        "SELECT id, revision, max_error, audit FROM customers WHERE customer_id = ?", (customer_id,)
    ).fetchone()
    if row is None:
        return Tail((), 0, False, None)
    customer, revision, *chosen = row
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM log WHERE place > ? AND place < ? ORDER BY place DESC LIMIT ?",
        (place_of(customer, after), place_of(customer + 1, 0), LONGEST_READ + 1),
    ).fetchall()
    entries = tuple(_entry(customer_id, one) for one in reversed(rows[:LONGEST_READ]))
    return Tail(entries, revision, len(rows) > LONGEST_READ, Chosen(*chosen))


def find_record(connection: sqlite3.Connection, customer_id: str, order_id: str) -> LogEntry | None:
    """`History.find_record`."""
    row = connection.execute(
        f"SELECT {COLUMNS} FROM log WHERE customer = (SELECT id FROM customers WHERE customer_id = ?) AND order_id = ?",
        (customer_id, order_id),
    ).fetchone()
    return None if row is None else _entry(customer_id, row)


def delete_record(connection: sqlite3.Connection, customer_id: str, order_id: str) -> int | None:
    """`History.delete_record`."""
    customer, entry = number_of(connection, customer_id), find_record(connection, customer_id, order_id)
    if customer is None or entry is None:
        return None
    connection.execute("DELETE FROM log WHERE place = ?", (place_of(customer, entry.seq),))
    delete_predictions(connection, customer, order_id)
    foresee_again(connection, customer, customer_id, entry.batch_after)
    connection.execute("UPDATE customers SET orders = orders - 1 WHERE id = ?", (customer,))
    return revise(connection, customer, [entry])


def revise(
    connection: sqlite3.Connection, customer: int, gone: Sequence[LogEntry] = (), new: Sequence[LogEntry] = ()
) -> int:
    """Raises the revision, and drops what was made from the log as it was: the snapshot, and the outcomes of the
    entries that are ``gone`` from it or that ``new`` ones have replaced. The entries are written before."""
    connection.execute("DELETE FROM snapshots WHERE customer = ?", (customer,))
    connection.executemany("DELETE FROM outcomes WHERE place = ?", [(place_of(customer, entry.seq),) for entry in gone])
    if gone:
        connection.execute(
            "UPDATE customers SET until = CASE WHEN until > ?1 THEN max(until, ?2) "
            "ELSE (SELECT max(known_at) FROM log WHERE place > ?3 AND place < ?4) END WHERE id = ?5",
            (_newest(gone), _newest(new), place_of(customer, 0), place_of(customer + 1, 0), customer),
        )
    row = connection.execute(
        "UPDATE customers SET revision = revision + 1 WHERE id = ? RETURNING revision", (customer,)
    ).fetchone()
    return int(row[0])


def foresee_again(connection: sqlite3.Connection, customer: int, customer_id: str, batch_after: int) -> None:
    """Writes what `foresee` says of a batch."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM log WHERE place > ? AND place < ? ORDER BY place",
        (place_of(customer, batch_after), place_of(customer + 1, 0)),
    )
    batch = [_entry(customer_id, row) for row in takewhile(lambda row: row[2] == batch_after, rows)]
    rows.close()
    connection.executemany(
        "UPDATE log SET foreseen_after = ? WHERE place = ?",
        [(entry.foreseen_after, place_of(customer, entry.seq)) for entry in foresee(batch)],
    )


def _newest(entries: Sequence[LogEntry]) -> int:
    return max((microseconds(entry.record.known_at) for entry in entries), default=0)


def _new_customer(connection: sqlite3.Connection, customer_id: str) -> tuple[int, int, int]:
    row = connection.execute(
        "INSERT INTO customers (customer_id, last_seq, revision, orders) SELECT ?, 0, first, 0 FROM revisions "
        "RETURNING id, last_seq, revision",
        (customer_id,),
    ).fetchone()
    return row[0], row[1], row[2]


def _stored(
    connection: sqlite3.Connection, customer: int, customer_id: str, records: Iterable[Record]
) -> dict[str, LogEntry]:
    """The entries that the log has already for the orders of ``records``."""
    ids = msgspec.json.encode([record.order_id for record in records]).decode()
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM log WHERE customer = ? AND order_id IN (SELECT value FROM json_each(?))",
        (customer, ids),
    )
    return {row[1]: _entry(customer_id, row) for row in rows}


def _served(
    connection: sqlite3.Connection,
    customer: int,
    customer_id: str,
    records: Iterable[Record],
    stored: dict[str, LogEntry],
) -> dict[str, Sequence[Served]]:
    """For each order that is to be judged the prediction that can judge it, where there is one."""
    if connection.execute("SELECT 1 FROM predictions WHERE customer = ? LIMIT 1", (customer,)).fetchone() is None:
        return {}
    served = {}
    for record in records:
        before = stored.get(record.order_id)
        if before is None or before.record.known_at != record.known_at:
            seq = None if before is None else before.seq
            served[record.order_id] = served_before(connection, customer, customer_id, record, seq)
    return served


def _write(connection: sqlite3.Connection, customer: int, plan: Plan) -> None:
    connection.executemany(
        "INSERT INTO log (place, customer, order_id, batch_after, foreseen_after, known_at, judged, record) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                place_of(customer, entry.seq),
                customer,
                entry.record.order_id,
                entry.batch_after,
                entry.foreseen_after,
                microseconds(entry.record.known_at),
                None if entry.judged is None else pack_judged(entry.judged),
                pack_record(entry.record),
            )
            for entry in plan.entries
        ),
    )
    connection.executemany(
        "UPDATE log SET known_at = ?, judged = ?, record = ? WHERE place = ?",
        (
            (
                microseconds(entry.record.known_at),
                None if entry.judged is None else pack_judged(entry.judged),
                pack_record(entry.record),
                place_of(customer, entry.seq),
            )
            for entry in plan.corrections
        ),
    )
    if plan.entries:
        connection.execute(
            "UPDATE customers SET last_seq = ?, orders = orders + ?, until = max(coalesce(until, 0), ?) WHERE id = ?",
            (plan.entries[-1].seq, len(plan.entries), _newest(plan.entries), customer),
        )


def _entry(customer_id: str, row: tuple[int, str, int, int, bytes | None, bytes]) -> LogEntry:
    place, order_id, batch_after, foreseen_after, judged, record = row
    return LogEntry(
        seq=seq_at(place),
        record=unpack_record(customer_id, order_id, record),
        foreseen_after=foreseen_after,
        judged=None if judged is None else unpack_judged(judged),
        batch_after=batch_after,
    )
