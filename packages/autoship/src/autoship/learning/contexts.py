"""The keys that a customer's orders are looked at by, and the contexts in which they have been seen.

A key is a set of paths: one field, several together, all of them, or none. A context is a key with values, and has a
row in the table. Decides which contexts an order is in; the numbers are the table's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b

import msgspec
import numpy as np

from autoship.learning.combining import Paths
from autoship.learning.flatten import SEPARATOR, WEEKDAY, Flat, Value, field_of
from autoship.learning.table import Indices, Table
from autoship.learning.window import MAX_COLUMNS, Context, Window

MAX_SINGLES = MAX_COLUMNS - 1
MAX_VIEWS = 24
"""How many of the single keys may be views of a field (bins, beginnings, lengths), so that numbers leave room for
words."""
MAX_BAGS = 16
MAX_COMBINED = 10
WHOLE = SEPARATOR + "whole"
"""The path, in the window, of the whole order: all its fields but the bins."""

_encode = msgspec.msgpack.Encoder().encode


class Key:
    """One key: its paths, its index in the table, its contexts' rows. A key most of whose contexts come only once can
    tell nothing: it rests, and has none, until that changes (that of whole orders rests for good)."""

    def __init__(self, paths: Paths, index: int) -> None:
        self.paths = paths
        self.named = [(path, field_of(path).replace("[]", "") or "the order") for path in paths if path != WEEKDAY]
        self.fields = tuple(sorted({field_of(path) for path in paths}))
        self.index = index
        self.rows: dict[Context, int] = {}
        self.resting = False


class Contexts:
    """All keys of one customer."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.everything = Key((), table.add_key())
        self.everything.rows[()] = table.add_row()
        self.whole = Key((WHOLE,), table.add_key())
        self.singles: dict[str, Key] = {}
        self.bags: dict[str, Key] = {}
        self.combined: list[Key] = []
        self.free: list[int] = []
        self.awake: list[tuple[str, Key]] = []

    def every_key(self) -> Iterator[Key]:
        """Every key, in the order in which an order's contexts are listed."""
        yield self.everything
        yield self.whole
        yield from self.singles.values()
        yield from self.bags.values()
        yield from self.combined

    def find(self, flat: Flat) -> tuple[list[int], list[int], list[Key]]:
        """The known contexts of an order: their rows, their keys' indices, and their keys. In the order of the keys,
        whatever the order of the fields."""
        keys, contexts = self._contexts(flat)
        rows: list[int] = []
        indices: list[int] = []
        found: list[Key] = []
        for place, key in enumerate(keys):
            row = key.rows.get(contexts[place])
            if row is not None:
                rows.append(row)
                indices.append(key.index)
                found.append(key)
        return rows, indices, found

    def enter(self, flat: Flat) -> tuple[list[int], list[int]]:
        """The contexts of an order that is to be learned, with rows for new ones."""
        self._make_keys(flat)
        keys, contexts = self._contexts(flat)
        del keys[self.table.max_rows // 2 :]
        if self.table.rows + len(keys) > self.table.max_rows:
            self.forget_stale()
        rows: list[int] = []
        indices: list[int] = []
        for place, key in enumerate(keys):
            row = key.rows.get(contexts[place])
            if row is None:
                row = key.rows[contexts[place]] = self.table.add_row()
            rows.append(row)
            indices.append(key.index)
        return rows, indices

    def _contexts(self, flat: Flat) -> tuple[list[Key], list[Context]]:
        """An order's contexts, known or not: the keys, and parallel to them the values."""
        values, bags = flat
        keys: list[Key] = [self.everything]
        contexts: list[Context] = [()]
        if not self.whole.resting:
            keys.append(self.whole)
            contexts.append(whole_of(values))
        for path, key in self.awake:
            if path in values:
                keys.append(key)
                contexts.append(values[path])
        for path, member in bags:
            if path in self.bags:
                keys.append(self.bags[path])
                contexts.append(member)
        for key in self.combined:
            keys.append(key)
            contexts.append(tuple([values.get(path) for path in key.paths]))
        return keys, contexts

    def _make_keys(self, flat: Flat) -> None:
        """A key for each new path; for a bag only once it holds several members, since before that it tells nothing
        more."""
        new = [path for path in flat.values if path not in self.singles]
        if new:
            self._make_singles(new)
        before = None
        for path, _ in flat.bags:
            if path == before and path not in self.bags and len(self.bags) < MAX_BAGS:
                self.bags[path] = Key((path,), self._new_index())
            before = path

    def _make_singles(self, paths: list[str]) -> None:
        views = sum(SEPARATOR in path for path in self.singles)
        for path in paths:
            if SEPARATOR in path:
                if views == MAX_VIEWS:
                    continue
                views += 1
            elif len(self.singles) - views == MAX_SINGLES - MAX_VIEWS:
                continue
            self.singles[path] = key = Key((path,), self._new_index())
            self.awake.append((path, key))

    def _new_index(self) -> int:
        if not self.free:
            return self.table.add_key()
        index = self.free.pop()
        self.table.reset_key(index)
        return index

    def combine(self, paths: Paths, window: Window) -> None:
        """Adds a key of several paths, and counts for it what the window holds."""
        key = Key(paths, self._new_index())
        self.combined.append(key)
        at = window.chronological()
        at = at[window.choices[at] >= 0]
        contexts = list(zip(*(window.values_of(path, at) for path in paths), strict=True))
        if self.table.rows + len(contexts) > self.table.max_rows:
            self.forget_stale()
        rows = np.array([self._row(key, context) for context in contexts], np.intp)
        ages = np.arange(len(at) - 1, -1, -1, dtype=np.float64)
        self.table.backfill(rows, window.choices[at].astype(np.intp), ages)

    def _row(self, key: Key, context: Context) -> int:
        row = key.rows.get(context)
        if row is None:
            row = key.rows[context] = self.table.add_row()
        return row

    def replace_oldest(self) -> None:
        """Makes room for another combined key."""
        key = self.combined.pop(0)
        self.free.append(key.index)
        key.rows = {}

    def review(self, window: Window) -> None:
        """Lets keys rest whose contexts hardly ever come again, wakes those whose do, and forgets the fields that are
        gone."""
        window.drop_absent()
        gone = [path for path in self.singles if path not in window.columns]
        for path in gone:
            self.free.append(self.singles.pop(path).index)
        dropped = bool(gone)
        for path, key in [(WHOLE, self.whole), *self.singles.items()]:
            if path in window.columns:
                key.resting = window.mostly_new(path)
                if key.resting and key.rows:
                    key.rows = {}
                    dropped = True
        if self.whole.resting:
            window.drop(WHOLE)
        self.wake()
        if dropped:
            self._forget_rows(np.arange(self.table.rows))

    def wake(self) -> None:
        """Lists the single keys that do not rest."""
        self.awake = [(path, key) for path, key in self.singles.items() if not key.resting]

    def forget_stale(self) -> None:
        """Forgets the half of the contexts that has not come for longest."""
        rows = np.argsort(-self.table.touched[: self.table.rows], kind="stable")[: max(1, self.table.max_rows // 2)]
        self._forget_rows(np.sort(rows))

    def _forget_rows(self, kept: Indices) -> None:
        """Keeps those of ``kept`` that a key still has, and always the row of all orders."""
        marked = np.zeros(self.table.rows, bool)
        marked[kept] = True
        marked[self.everything.rows[()]] = True
        for key in self.every_key():
            key.rows = {context: row for context, row in key.rows.items() if marked[row]}
        rows = np.array([row for key in self.every_key() for row in key.rows.values()], np.intp)
        self.table.keep_rows(rows)
        row = 0
        for key in self.every_key():
            for context in key.rows:
                key.rows[context] = row
                row += 1

    def watched(self, flat: Flat) -> Mapping[str, Context]:
        """What the window is to hold of an order: what has a key of its own."""
        watched: dict[str, Context] = {path: value for path, value in flat.values.items() if path in self.singles}
        if not self.whole.resting:
            watched[WHOLE] = whole_of(flat.values)
        return watched


def whole_of(values: dict[str, Value]) -> int:
    """All fields of an order and their values, but for its bins and the day, as one context: a digest of 64 bits, the
    same in whatever order the fields come."""
    fields = sorted([item for item in values.items() if SEPARATOR not in item[0]])
    return int.from_bytes(blake2b(_encode(fields), digest_size=8).digest(), "little", signed=True)
