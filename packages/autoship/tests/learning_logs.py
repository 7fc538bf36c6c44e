"""Logs that hypothesis makes for the learner's laws, and what a test needs to fold and to measure them.

A log is grown from a small pool of drawn orders and choices by a seeded generator, so that contexts come again, as they
do at a real customer, and a hundred entries cost no more drawing than ten.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
from autoship.domain.batch import plan_batch
from autoship.domain.log import LogEntry
from autoship.domain.prediction import Judged, Shipment
from autoship.domain.record import Record
from autoship.learning import CustomerModel
from hypothesis import strategies as st

START = datetime(2026, 1, 5, tzinfo=UTC)


class Log(list[list[LogEntry]]):
    """Appended batches, one after the other. Shown by what they were grown from, which says it shorter."""

    grown_from: tuple[object, ...] = ()

    def __repr__(self) -> str:
        return f"<{sum(map(len, self))} entries in {len(self)} batches, grown from {self.grown_from!r:.2000}>"


WORDS = st.sampled_from(
    ["A1", "B2", "78701", "Texas", "", " ", "0", "true", "été", "日本", "-", "x" * 300, "please ring at the door twice"]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = (
    st.integers(-5, 2000)
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.0, -0.0, 1.0, 12.5, 1e308, -1.7e308, 5e-324, 9.99])
)
LEAVES = st.none() | st.booleans() | NUMBERS | WORDS
PLAIN_NAMES = st.sampled_from(["sku", "weight", "ship_to", "items", "note", "gift", "Größe", "q"])
ODD_NAMES = PLAIN_NAMES | st.sampled_from(
    ["", "a.b", "c[]", "d\x1foctave", "\x1fwhole", "\x1fweekday", "e\x1fcount", "\x00missing", "n" * 500]
)


def orders(names: st.SearchStrategy[str] = ODD_NAMES) -> st.SearchStrategy[dict[str, Any]]:
    """Free-form orders: objects, lists, numbers, booleans, nulls, words and long text, nested."""
    trees = st.recursive(
        LEAVES, lambda node: st.lists(node, max_size=4) | st.dictionaries(names, node, max_size=4), max_leaves=10
    )
    return st.dictionaries(names, trees, max_size=6)


SHIPMENTS: st.SearchStrategy[Shipment] = st.dictionaries(
    st.sampled_from(["carrier", "service", "packaging", "insured", "parcels", "a.b", "ß", "zone"]),
    st.sampled_from(["USPS", "UPS", "", "Box"]) | st.booleans() | st.sampled_from([0, 1, 1.0, 2.5, -3, 2**62]),
    min_size=1,
    max_size=8,
)


@st.composite
def logs(draw: st.DrawFn, *, longest: int = 160, names: st.SearchStrategy[str] = ODD_NAMES) -> Log:
    """Batches of one customer: orders that come again and drift, choices that mostly follow them, outcomes that come
    late, decisions that nobody looked at, predictions that were served for some, and entries deleted since."""
    pool = draw(st.lists(orders(names), min_size=1, max_size=6))
    shipments = draw(st.lists(SHIPMENTS, min_size=1, max_size=5))
    length = draw(st.integers(1, longest))
    seed = draw(st.integers(0, 2**32))
    luck = random.Random(seed)
    served_share, auto_share, gap_share = (draw(st.sampled_from([0.0, 0.1, 0.6])) for _ in range(3))
    error = draw(st.sampled_from([0.0, 0.05, 0.5]))
    log = Log()
    log.grown_from = (seed, length, served_share, auto_share, gap_share, error, shipments, pool)
    number = seq = 0
    while number < length:
        records = []
        for _ in range(luck.choice([1, 1, 2, 5, 20])):
            number += 1
            records.append(_record(number, luck, pool, shipments, auto_share, error))
        batch = list(plan_batch(records, stored={}, served={}, last_seq=seq).entries)
        seq = batch[-1].seq
        batch = [_served(entry, luck, shipments) if luck.random() < served_share else entry for entry in batch]
        kept = [entry for entry in batch if entry.seq == 1 or luck.random() >= gap_share / 3]
        if kept:
            log.append(kept)
    return log


def _record(
    number: int, luck: random.Random, pool: list[dict[str, Any]], shipments: list[Shipment], auto: float, error: float
) -> Record:
    which = luck.randrange(len(pool))
    order = dict(pool[which])
    if luck.random() < 0.3:
        order["q"] = luck.choice([1, 2, 3, 40, 41.5, "many", None, True])
    follows = which if luck.random() >= error else luck.randrange(len(shipments))
    ordered_at = START + timedelta(hours=number + luck.choice([0, 0, -30]))
    took = luck.choice([None, 0, 1, 7, 60])
    return Record(
        customer_id="acme",
        order_id=str(number),
        ordered_at=ordered_at,
        order=order,
        shipment=shipments[follows % len(shipments)],
        shipped_at=None if took is None else ordered_at + timedelta(hours=took),
        decided_by="auto" if luck.random() < auto else "person",
    )


def _served(entry: LogEntry, luck: random.Random, shipments: list[Shipment]) -> LogEntry:
    right = luck.random() < 0.8
    shipment = entry.record.shipment if right else luck.choice(shipments)
    judged = Judged(shipment, luck.choice([0.0, 0.3, 0.97, 1.0]), luck.random() < 0.5, luck.randrange(entry.seq))
    return msgspec.structs.replace(entry, judged=judged)


def flattened(log: Log) -> list[LogEntry]:
    """The whole log as one batch."""
    return [entry for batch in log for entry in batch]


def learn(model: CustomerModel, entries: Sequence[LogEntry]) -> CustomerModel:
    """The model, after it learned these entries to their end."""
    for _ in model.learn(entries):
        pass
    return model


def learned(entries: Sequence[LogEntry]) -> CustomerModel:
    """A new model that learned these entries."""
    return learn(CustomerModel(), entries)


def entries_of(records: Iterable[Record], *, after: int = 0) -> list[LogEntry]:
    """Records as a log in their order, each judged by what could be said just before it."""
    return [LogEntry(seq, record, seq - 1) for seq, record in enumerate(records, after + 1)]


def record(number: int, order: dict[str, Any], shipment: Shipment, **rest: Any) -> Record:
    """One record, ordered ``number`` hours after `START`."""
    ordered_at = START + timedelta(hours=number)
    return Record(
        customer_id="acme", order_id=str(number), ordered_at=ordered_at, order=order, shipment=shipment, **rest
    )


def arrays_of(model: CustomerModel) -> dict[str, int]:
    """The bytes of each array that a model holds."""
    table, window = model.table, model.window
    found = {f"table.{name}": value for name, value in vars(table).items()}
    found |= {f"window.{name}": value for name, value in vars(window).items()}
    return {name: value.nbytes for name, value in found.items() if isinstance(value, np.ndarray)}


def counted(model: CustomerModel) -> dict[str, int]:
    """How many things of each kind a model holds that could grow with history."""
    return {
        "contexts": sum(len(key.rows) for key in model.contexts.every_key()),
        "rows": model.table.rows,
        "keys": model.table.keys,
        "window values": sum(len(column.of_value) for column in model.window.columns.values()),
        "columns": len(model.window.columns),
        "choices": len(model.choices.shipments),
        "evidence": len(model.approval.evidence),
        "newest": len(model.scores.newest),
    }


def text_of(model: CustomerModel) -> int:
    """The characters of all words that a model holds, each object counted once."""
    seen: dict[int, int] = {}

    def add(value: object) -> None:
        if isinstance(value, str):
            seen[id(value)] = len(value)
        elif isinstance(value, tuple):
            for part in value:
                add(part)

    for key in model.contexts.every_key():
        add(key.paths)
        for context in key.rows:
            add(context)
    for path, column in model.window.columns.items():
        add(path)
        for value in column.of_value:
            add(value)
    return sum(seen.values())
