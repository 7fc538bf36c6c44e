"""The statements of the embedded history, each call's as one function on a connection within a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from autoship.adapters.sqlite.blobs import pack_judged, pack_record, unpack_judged, unpack_record
from autoship.domain.batch import plan_batch
from autoship.domain.log import LogEntry
from autoship.domain.record import Record
from autoship.domain.served import Served
from autoship.ports import LONGEST_READ, Appended, Retention, Snapshot, Tail

SEQ_BITS = 32
PRUNED_AT_ONCE = 1_000
"""How many more are dropped at once than are added, so that a file over its bound comes back within it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def append(connection: sqlite3.Connection, customer_id: str, records: Sequence[Record]) -> Appended:
    """`History.append`."""
    row = connection.execute(
        "SELECT id, last_seq, revision FROM customers WHERE customer_id = ?", (customer_id,)
    ).fetchone()
    if row is None:
        if not records:
            return Appended(0, 0, 0, (), 0, 0)
        customer, last_seq, revision = _new_customer(connection, customer_id), 0, 0
    else:
        customer, last_seq, revision = row
    plan = plan_batch(
        records,
        stored=_stored(connection, customer, customer_id, records) if last_seq else {},
        served=_served_before(connection, customer, customer_id, records),
        last_seq=last_seq,
    )
    connection.executemany(
        "INSERT INTO log (place, customer, order_id, foreseen_after, judged, record) VALUES (?, ?, ?, ?, ?, ?)",
        (_row(customer, entry) for entry in plan.entries),
    )
    if plan.corrections:
        connection.executemany(
            "UPDATE log SET record = ? WHERE place = ?",
            ((pack_record(entry.record), _place(customer, entry.seq)) for entry in plan.corrections),
        )
        connection.execute("DELETE FROM snapshots WHERE customer = ?", (customer,))
        revision += 1
    if plan.entries or plan.corrections:
        connection.execute(
            "UPDATE customers SET last_seq = ?, revision = ? WHERE id = ?",
            (last_seq + len(plan.entries), revision, customer),
        )
    return Appended(plan.accepted, plan.unchanged, plan.replaced, plan.entries, last_seq, revision)


def read(connection: sqlite3.Connection, customer_id: str, after: int) -> Tail:
    """`History.read`."""
    row = connection.execute("SELECT id, revision FROM customers WHERE customer_id = ?", (customer_id,)).fetchone()
    if row is None:
        return Tail((), 0, False)
    customer, revision = row
    rows = connection.execute(
        "SELECT place, order_id, foreseen_after, judged, record FROM log WHERE place > ? AND place < ? "
        "ORDER BY place DESC LIMIT ?",
        (_place(customer, after), _place(customer + 1, 0), LONGEST_READ + 1),
    ).fetchall()
    cut = len(rows) > LONGEST_READ
    entries = tuple(_entry(customer_id, one) for one in reversed(rows[:LONGEST_READ]))
    return Tail(entries, revision, cut)


def load_snapshot(connection: sqlite3.Connection, customer_id: str) -> Snapshot | None:
    """`History.load_snapshot`."""
    row = connection.execute(
        "SELECT seq, snapshots.revision, data FROM snapshots JOIN customers ON customers.id = snapshots.customer "
        "WHERE customer_id = ?",
        (customer_id,),
    ).fetchone()
    return None if row is None else Snapshot(*row)


def save_snapshot(connection: sqlite3.Connection, customer_id: str, snapshot: Snapshot) -> bool:
    """`History.save_snapshot`."""
    cursor = connection.execute(
        "INSERT INTO snapshots (customer, seq, revision, data) "
        "SELECT id, ?1, ?2, ?3 FROM customers WHERE customer_id = ?4 AND revision = ?2 "
        "ON CONFLICT (customer) DO UPDATE SET seq = excluded.seq, revision = excluded.revision, data = excluded.data "
        "WHERE excluded.seq >= snapshots.seq",
        (snapshot.seq, snapshot.revision, snapshot.data, customer_id),
    )
    return cursor.rowcount == 1


def keep_predictions(connection: sqlite3.Connection, served: Sequence[Served], retention: Retention) -> None:
    """`History.keep_predictions`."""
    if not served:
        return
    connection.executemany(
        "INSERT INTO predictions (customer, order_id, served_at, prediction_id, confidence, judged) "
        "SELECT id, ?2, ?3, ?4, ?5, ?6 FROM customers WHERE customer_id = ?1",
        (
            (
                one.customer_id,
                one.order_id,
                _microseconds(one.served_at),
                one.prediction_id,
                one.confidence,
                pack_judged(one.judged),
            )
            for one in served
        ),
    )
    _prune(connection, served[-1].served_at - retention.age, retention.number, at_once=len(served) + PRUNED_AT_ONCE)


def find_predictions(connection: sqlite3.Connection, customer_id: str, order_id: str) -> list[Served]:
    """`History.find_predictions`."""
    rows = connection.execute(
        "SELECT prediction_id, order_id, served_at, confidence, judged FROM predictions "
        "JOIN customers ON customers.id = predictions.customer WHERE customer_id = ? AND order_id = ? ORDER BY n",
        (customer_id, order_id),
    )
    return [_served(customer_id, row) for row in rows]


def try_reading(connection: sqlite3.Connection) -> None:
    """Reads next to nothing."""
    connection.execute("SELECT n FROM predictions LIMIT 1").fetchone()


def try_writing(connection: sqlite3.Connection) -> None:
    """Writes one page, the first, as it is: an empty transaction would succeed on a full disk, too."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute(f"PRAGMA user_version = {version:d}")


def _new_customer(connection: sqlite3.Connection, customer_id: str) -> int:
    cursor = connection.execute(
        "INSERT INTO customers (customer_id, last_seq, revision) VALUES (?, 0, 0)", (customer_id,)
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _stored(
    connection: sqlite3.Connection, customer: int, customer_id: str, records: Iterable[Record]
) -> dict[str, LogEntry]:
    """The entries that the log has already for the orders of ``records``."""
    ids = msgspec.json.encode([record.order_id for record in records]).decode()
    rows = connection.execute(
        "SELECT place, order_id, foreseen_after, judged, record FROM log "
        "WHERE customer = ? AND order_id IN (SELECT value FROM json_each(?))",
        (customer, ids),
    )
    return {row[1]: _entry(customer_id, row) for row in rows}


def _served_before(
    connection: sqlite3.Connection, customer: int, customer_id: str, records: Iterable[Record]
) -> dict[str, list[Served]]:
    """For each order the last prediction given out before it became known, where there is one."""
    if connection.execute("SELECT 1 FROM predictions WHERE customer = ? LIMIT 1", (customer,)).fetchone() is None:
        return {}
    served = {}
    for record in records:
        row = connection.execute(
            "SELECT prediction_id, order_id, served_at, confidence, judged FROM predictions "
            "WHERE customer = ? AND order_id = ? AND served_at < ? ORDER BY served_at DESC, n DESC LIMIT 1",
            (customer, record.order_id, _microseconds(record.known_at)),
        ).fetchone()
        if row is not None:
            served[record.order_id] = [_served(customer_id, row)]
    return served


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
            "SELECT served_at < ? FROM predictions WHERE n = ?", (_microseconds(since), oldest)
        ).fetchone()[0]
    )
    if due:
        connection.execute(
            "DELETE FROM predictions WHERE n IN (SELECT n FROM predictions ORDER BY n LIMIT ?) "
            "AND (n <= ? OR served_at < ?)",
            (at_once, newest - number, _microseconds(since)),
        )


def _row(customer: int, entry: LogEntry) -> tuple[int, int, str, int, bytes | None, bytes]:
    return (
        _place(customer, entry.seq),
        customer,
        entry.record.order_id,
        entry.foreseen_after,
        None if entry.judged is None else pack_judged(entry.judged),
        pack_record(entry.record),
    )


def _entry(customer_id: str, row: tuple[int, str, int, bytes | None, bytes]) -> LogEntry:
    place, order_id, foreseen_after, judged, record = row
    return LogEntry(
        seq=place & ((1 << SEQ_BITS) - 1),
        record=unpack_record(customer_id, order_id, record),
        foreseen_after=foreseen_after,
        judged=None if judged is None else unpack_judged(judged),
    )


def _served(customer_id: str, row: tuple[str, str, int, float, bytes]) -> Served:
    prediction_id, order_id, served_at, confidence, judged = row
    at = _EPOCH + served_at * _MICROSECOND
    return Served(prediction_id, customer_id, order_id, at, confidence, unpack_judged(judged))


def _place(customer: int, seq: int) -> int:
    return customer << SEQ_BITS | seq


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND
