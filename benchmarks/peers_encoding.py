"""Orders as rows of numbers, for models that want a table: what a careful person would write before training a forest.

An order is flattened to paths. A number is one column; a word is one column of codes (by how common it is) and a column
for each of its common values; lists and texts are bags of their words, and the count of their parts; the time of the
order is three columns, where a model gains by it. Columns are chosen from the training orders alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from autoship.domain.record import Record
from numpy.typing import NDArray

TIME = ("day", "weekday", "hour")
FEWEST = 3
"""A value or word that fewer training orders have gets no column of its own."""

Rows: TypeAlias = NDArray[np.float32]

_WORD = re.compile(r"\w+")


class Flat:
    """One order, flattened: numbers and words by path, and tokens (``path=value``, ``path~word``)."""

    __slots__ = ("numbers", "tokens", "words")

    def __init__(self, record: Record) -> None:
        self.numbers: dict[str, float] = {}
        self.words: dict[str, str] = {}
        self.tokens: set[str] = set()
        at = record.ordered_at
        self.numbers.update(zip(TIME, (at.timestamp() / 86_400, at.weekday(), at.hour), strict=True))
        for path, value, in_list in _leaves(record.order, "order", False):
            self._take(path, value, in_list)

    def _take(self, path: str, value: Any, in_list: bool) -> None:
        if isinstance(value, bool) or value is None:
            value = str(value)
        if isinstance(value, int | float):
            self.numbers[path] = self.numbers.get(path, 0.0) + value
            return
        if not in_list:
            self.words[path] = value
        self.tokens.add(f"{path}={value}")
        parts = _WORD.findall(value.lower())
        if len(parts) > 1:
            self.tokens.update(f"{path}~{part}" for part in parts)


def _leaves(value: Any, path: str, in_list: bool) -> Iterator[tuple[str, Any, bool]]:
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _leaves(child, f"{path}.{name}", in_list)
    elif isinstance(value, list):
        yield f"{path}.length", len(value), in_list
        for child in value:
            yield from _leaves(child, path, True)
    else:
        yield path, value, in_list


class Encoder:
    """The columns that some training orders call for: at most ``columns``, with or without the time of the order."""

    def __init__(self, training: Sequence[Flat], columns: int = 400, timed: bool = True) -> None:
        paths = Counter(path for flat in training for path in flat.numbers if timed or path not in TIME)
        self._numbers = {path: column for column, (path, _) in enumerate(paths.most_common(columns // 4))}
        self._codes: dict[str, tuple[int, dict[str, int]]] = {}
        fields = Counter(path for flat in training for path in flat.words)
        for path, _ in fields.most_common(columns // 4):
            common = Counter(flat.words[path] for flat in training if path in flat.words).most_common()
            codes = {value: code for code, (value, _) in enumerate(common)}
            self._codes[path] = (len(self._numbers) + len(self._codes), codes)
        taken = len(self._numbers) + len(self._codes)
        counts = Counter(token for flat in training for token in flat.tokens)
        # A token of every order or of very few says nothing. Equal counts go by name: no luck of hashing.
        useful = [(n, token) for token, n in counts.items() if FEWEST <= n < len(training)]
        ranked = sorted(useful, key=lambda each: (-each[0], each[1]))[: columns - taken]
        self._tokens = {token: taken + place for place, (_, token) in enumerate(ranked)}
        self._width = taken + len(self._tokens)

    def rows(self, flats: Sequence[Flat]) -> Rows:
        """A row for each order; a number that an order lacks is NaN, a word that was never seen is -1."""
        rows = np.zeros((len(flats), self._width), dtype=np.float32)
        rows[:, : len(self._numbers)] = np.nan
        for row, flat in zip(rows, flats, strict=True):
            for path, number in flat.numbers.items():
                if (column := self._numbers.get(path)) is not None:
                    row[column] = number
            for path, (column, codes) in self._codes.items():
                row[column] = codes.get(flat.words.get(path, ""), -1)
            for token in flat.tokens:
                if (column := self._tokens.get(token)) is not None:
                    row[column] = 1.0
        return rows
