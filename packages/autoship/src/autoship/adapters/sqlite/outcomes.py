"""The statements on what came of predictions."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from autoship.adapters.sqlite.blobs import pack_outcome, unpack_outcome
from autoship.adapters.sqlite.rows import microseconds, number_of, place_of, seq_at
from autoship.domain.outcome import Match, Outcome

LOOKED_AT = 20_000
"""How many rows are looked at in one transaction, so that other readers get their turn."""


def keep_outcomes(
    connection: sqlite3.Connection, customer_id: str, outcomes: Sequence[Outcome], revision: int, since: int | None
) -> bool:
    """`History.keep_outcomes`."""
    row = connection.execute(
        "SELECT id FROM customers WHERE customer_id = ? AND revision = ?", (customer_id, revision)
    ).fetchone()
    if row is None:
        return False
    customer = row[0]
    if since is not None:
        connection.execute(
            "DELETE FROM outcomes WHERE place >= ? AND place < ?",
            (place_of(customer, since), place_of(customer + 1, 0)),
        )
    connection.executemany(
        "INSERT OR REPLACE INTO outcomes (place, known_at, approved, right, outcome) VALUES (?, ?, ?, ?, ?)",
        (
            (place_of(customer, one.seq), microseconds(one.known_at), one.approved, one.right, pack_outcome(one))
            for one in outcomes
        ),
    )
    return True


def read_outcomes(
    connection: sqlite3.Connection, customer_id: str, match: Match, before: int | None, limit: int
) -> tuple[list[Outcome], int | None]:
    """A part of `History.read_outcomes`: what was found, and before which seq to look on, None at the end.

    What the columns tell is sorted out before a row is unpacked.
    """
    customer = number_of(connection, customer_id)
    if customer is None or limit == 0:
        return [], None
    conditions, values = _conditions(match)
    end = place_of(customer + 1, 0) if before is None else place_of(customer, before)
    rows = connection.execute(
        f"SELECT place, {conditions}, outcome FROM outcomes WHERE place > ? AND place < ? ORDER BY place DESC LIMIT ?",
        (*values, place_of(customer, 0), end, LOOKED_AT),
    )
    found: list[Outcome] = []
    looked_at = seq = 0
    for place, fits, blob in rows:
        looked_at += 1
        seq = seq_at(place)
        if fits and match.fits(outcome := unpack_outcome(seq, blob)):
            found.append(outcome)
            if len(found) == limit:
                break
    rows.close()
    return found, seq if looked_at == LOOKED_AT and len(found) < limit else None


def _conditions(match: Match) -> tuple[str, list[int]]:
    conditions = {
        "approved = ?": match.approved,
        "right = ?": match.right if match.field is None else None,
        "known_at >= ?": None if match.since is None else microseconds(match.since),
        "known_at < ?": None if match.until is None else microseconds(match.until),
    }
    asked = {condition: int(value) for condition, value in conditions.items() if value is not None}
    return " AND ".join(asked) or "1", list(asked.values())
