"""Which fields are to be looked at together. Decides from a window of orders; learns nothing itself.

A combination of fields is worth a key where knowing, at each order, what had happened before in the same context
would have raised the probability that the model gave to what was really chosen. Each order is judged by the earlier
ones alone (Dawid 1984, "The prequential approach"), smoothed towards the model's own probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from autoship.learning.flatten import field_of
from autoship.learning.kernel import earlier

Paths: TypeAlias = tuple[str, ...]


SMOOTHING = np.float32(4.0)
MAX_PATHS = 12
"""How many single fields take part, the most telling first."""
MAX_WIDTH = 4
LEAST_GAIN = 3.0
"""In nats over the whole window; less is noise."""
UNREPEATED = 0.6
"""A field with more different values than this share of the orders takes no part."""
FLOOR = np.float32(1e-3)


def choose(
    columns: dict[str, NDArray[np.int16]],
    choices: NDArray[np.int16],
    given: NDArray[np.float32],
    have: Sequence[Paths],
    room: int,
) -> list[tuple[Paths, float]]:
    """Up to ``room`` new combinations of 2 to 4 paths with their gain in nats, the best first.

    ``columns`` has the code of each order's value for each path, oldest first, -1 for none; ``choices`` what was
    chosen, ``given`` the probability that the model gave to it; ``have`` the combinations that the model has already.
    """
    search = _Search(columns, choices, np.maximum(given, FLOOR))
    search.start(have)
    chosen: list[tuple[Paths, float]] = []
    while len(chosen) < room:
        best = search.best()
        if best is None or best[1] < LEAST_GAIN:
            break
        chosen.append(best)
        search.take(best[0])
    return chosen


class _Search:
    """A greedy search over combinations; each one taken changes what the others can still gain."""

    def __init__(
        self, columns: dict[str, NDArray[np.int16]], choices: NDArray[np.int16], given: NDArray[np.float32]
    ) -> None:
        self.given = given
        self.choices = (choices.astype(np.uint32) + 1) * np.uint32(0x9E3779B1)
        most = UNREPEATED * len(choices)
        codes = {path: column.astype(np.uint32) + 1 for path, column in columns.items() if 1 <= column.max() < most}
        self.codes = {path: code for path, code in codes.items() if (code != code[0]).any()}
        self.known: set[Paths] = set()
        self.names: list[Paths] = []
        self.seen: list[NDArray[np.float32]] = []
        self.same: list[NDArray[np.float32]] = []

    def start(self, have: Sequence[Paths]) -> None:
        """All pairs of the most telling paths."""
        self.known.update(have)
        paths = list(self.codes)
        if len(paths) > MAX_PATHS:
            self._add([(path,) for path in paths])
            gains = self._gains()
            best = sorted(range(len(paths)), key=lambda i: (-gains[i], paths[i]))[:MAX_PATHS]
            self.codes = {paths[i]: self.codes[paths[i]] for i in sorted(best)}
            self.names, self.seen, self.same = [], [], []
        self._add([pair for pair in combinations(self.codes, 2) if field_of(pair[0]) != field_of(pair[1])])

    def best(self) -> tuple[Paths, float] | None:
        """The combination that would gain most now, and how much."""
        if not self.names:
            return None
        gains = self._gains()
        i = int(gains.argmax())
        return self.names[i], float(gains[i])

    def take(self, paths: Paths) -> None:
        """Counts a combination as taken, and considers what is one path wider."""
        i = self.names.index(paths)
        self.given = np.maximum((self.same[i] + SMOOTHING * self.given) / (self.seen[i] + SMOOTHING), FLOOR)
        del self.names[i], self.seen[i], self.same[i]
        if len(paths) < MAX_WIDTH:
            sources = {field_of(path) for path in paths}
            self._add([(*paths, path) for path in self.codes if field_of(path) not in sources])

    def _add(self, candidates: Sequence[Paths]) -> None:
        fresh = [paths for paths in candidates if paths not in self.known and tuple(sorted(paths)) not in self.known]
        if not fresh:
            return
        self.known.update(fresh)
        self.known.update(tuple(sorted(paths)) for paths in fresh)
        contexts = np.stack([self._hashed(paths) for paths in fresh])
        self.names.extend(fresh)
        self.seen.extend(earlier(contexts))
        self.same.extend(earlier((contexts ^ self.choices) * np.uint32(0x85EBCA6B)))

    def _hashed(self, paths: Paths) -> NDArray[np.uint32]:
        """One number for each order's values at these paths. Equal values give equal numbers; the rare clash of
        unequal ones blurs a gain a little."""
        mixed = np.zeros(len(self.choices), np.uint32)
        for path in paths:
            mixed = (mixed ^ self.codes[path]) * np.uint32(0x01000193) + np.uint32(0x7F4A7C15)
            mixed ^= mixed >> np.uint32(15)
        return mixed * np.uint32(0x9E3779B1)

    def _gains(self) -> NDArray[np.float32]:
        seen, same = np.stack(self.seen), np.stack(self.same)
        gains: NDArray[np.float32] = np.log((same + SMOOTHING * self.given) / ((seen + SMOOTHING) * self.given)).sum(1)
        return gains
