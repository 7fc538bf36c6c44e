"""The last 2,048 orders of a customer, as small integers: what keys are chosen on, and what reasons are counted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from autoship.learning.flatten import Value
from autoship.learning.kernel import Counter

Ints: TypeAlias = NDArray[np.int16]
Context: TypeAlias = Value | tuple[Value, ...]

SIZE = 2048
MAX_CODES = 2 * SIZE
MAX_COLUMNS = 64
ABSENT = -1
MISSING = "\x00missing"
MOSTLY_NEW = 0.9
LEAST_ORDERS = 32


class Column:
    """The values of one path: its line in the window's codes, and the code of each value, 0, 1, 2 … in their order."""

    def __init__(self, line: int, of_value: dict[Context, int]) -> None:
        self.line = line
        self.of_value = of_value


class Window:
    """A ring of orders. ``codes`` (paths x orders) holds a code for each value, ABSENT where an order lacks the path;
    ``choices`` each order's choice, ABSENT where that choice was forgotten; ``given`` the probability that the model
    had given to it. Positions are ring positions; `chronological` puts them in order."""

    def __init__(self) -> None:
        self.length = 0
        self.position = 0
        self.columns: dict[str, Column] = {}
        self.codes: Ints = np.full((8, 64), ABSENT, np.int16)
        self.choices: Ints = np.full(64, ABSENT, np.int16)
        self.given: NDArray[np.float32] = np.ones(64, np.float32)
        self._bind()

    def _bind(self) -> None:
        """To be called whenever an array was replaced by another one."""
        self._counter = Counter(self.codes, self.choices)

    def append(self, values: Mapping[str, Context], choice: int, given: float) -> None:
        """Takes an order in; the oldest goes where the window is full. Of the paths, those beyond `MAX_COLUMNS` are
        not kept."""
        if self.length == len(self.choices) < SIZE:
            self._grow()
        for path in values:
            if path not in self.columns and len(self.columns) < MAX_COLUMNS:
                self._add_column(path)
        line: list[int] = []
        get = values.get
        for path, column in self.columns.items():
            value = get(path, MISSING)
            code = ABSENT if value is MISSING else column.of_value.get(value)
            if code is None:
                code = self._new_code(column, value)
            line.append(code)
        at = self.position
        self.codes[: len(line), at] = line
        self.choices[at] = choice
        self.given[at] = given
        self.position = (at + 1) % SIZE
        self.length = min(self.length + 1, SIZE)

    def _add_column(self, path: str) -> None:
        line = len(self.columns)
        if line == len(self.codes):
            self.codes = np.concatenate([self.codes, np.full_like(self.codes, ABSENT)])
            self._bind()
        self.codes[line] = ABSENT
        self.columns[path] = Column(line, {})

    def _new_code(self, column: Column, value: Context) -> int:
        if len(column.of_value) >= MAX_CODES:
            self._forget_unused(column)
        code = len(column.of_value)
        column.of_value[value] = code
        return code

    def _forget_unused(self, column: Column) -> None:
        """Forgets the values that have left the window, and numbers the others anew."""
        used = set(self.codes[column.line].tolist())
        kept = [(value, code) for value, code in column.of_value.items() if code in used]
        renumbered = np.full(len(column.of_value) + 1, ABSENT, np.int16)
        for new, (_, old) in enumerate(kept):
            renumbered[old] = new
        self.codes[column.line] = renumbered[self.codes[column.line]]
        column.of_value = {value: new for new, (value, _) in enumerate(kept)}

    def _grow(self) -> None:
        capacity = len(self.choices)
        self.codes = np.concatenate([self.codes, np.full_like(self.codes, ABSENT)], axis=1)
        self.choices = np.concatenate([self.choices, np.full(capacity, ABSENT, np.int16)])
        self.given = np.concatenate([self.given, np.ones(capacity, np.float32)])
        self._bind()

    def resize(self, columns: int, length: int) -> None:
        """Empties the window, and makes room for what a snapshot holds."""
        capacity = max(64, 1 << max(0, length - 1).bit_length())
        self.length = length
        self.codes = np.full((max(8, 1 << max(0, columns - 1).bit_length()), capacity), ABSENT, np.int16)
        self.choices = np.full(capacity, ABSENT, np.int16)
        self.given = np.ones(capacity, np.float32)
        self._bind()

    def codes_of(self, path: str) -> Ints:
        """The codes of a path's values, by ring position."""
        codes: Ints = self.codes[self.columns[path].line]
        return codes

    def values_of(self, path: str, at: NDArray[np.intp]) -> list[Context]:
        """The values of a path at ring positions; None also where an order lacks it."""
        by_code = {code: value for value, code in self.columns[path].of_value.items()}
        return [by_code.get(code) for code in self.codes_of(path)[at].tolist()]

    def mostly_new(self, path: str) -> bool:
        """Whether nearly every order that has the path has a value of its own there."""
        codes = self.codes_of(path)[: self.length]
        present = codes[codes >= 0]
        return len(present) >= LEAST_ORDERS and bool(np.count_nonzero(np.bincount(present)) > MOSTLY_NEW * len(present))

    def chronological(self) -> NDArray[np.intp]:
        """Ring positions, oldest order first."""
        if self.length < SIZE:
            return np.arange(self.length)
        return (np.arange(SIZE) + self.position) % SIZE

    def count(self, paths: Sequence[str], values: Sequence[Context], choice: int) -> tuple[int, int]:
        """How many orders in the window have these values at these paths, and how many of them went to ``choice``."""
        lines: list[int] = []
        codes: list[int] = []
        for path, value in zip(paths, values, strict=True):
            column = self.columns.get(path)
            code = None if column is None else column.of_value.get(value)
            if column is None or code is None:
                return 0, 0
            lines.append(column.line)
            codes.append(code)
        return self._counter.count(self.length, lines, codes, choice)

    def forget_choice(self, choice: int) -> None:
        """The index of a choice is given to another one: no order in the window went there any more."""
        self.choices[self.choices == choice] = ABSENT

    def drop_absent(self) -> None:
        """Forgets the paths that no order in the window has."""
        self._keep([path for path, column in self.columns.items() if (self.codes[column.line] != ABSENT).any()])

    def drop(self, path: str) -> None:
        """Forgets a path, if it is there."""
        self._keep([other for other in self.columns if other != path])

    def _keep(self, paths: Sequence[str]) -> None:
        if len(paths) == len(self.columns):
            return
        lines = [self.columns[path].line for path in paths]
        self.codes[: len(lines)] = self.codes[lines]
        self.codes[len(lines) :] = ABSENT
        self.columns = {path: Column(line, self.columns[path].of_value) for line, path in enumerate(paths)}
