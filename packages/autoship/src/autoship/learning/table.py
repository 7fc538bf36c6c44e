"""The numbers that are learned: for each context and choice a decayed count, a recent share and a weight; for each
key how far its contexts are to be trusted. Turns contexts into probabilities, and an outcome into the smallest mend
of them.

A softmax regression over three features of each context r of key k and each choice c (Bishop 2006, Pattern
Recognition and Machine Learning, section 4.3.4):

    z_c = Σ_r  w₁[k] · ln(n_rc / π_c + a)  +  w₂[k] · f_rc  +  w₃[k] · θ_rc

where n is a count that halves with age, π the customer's plain rates, f an exponentially weighted share over the
context's own orders, θ a free weight. (The first feature is the log of the context's rate over the plain rate, each
order of a context counted a orders' worth of plain rates; what is the same for all choices cancels.) θ and w learn by
AdaGrad (Duchi, Hazan and Singer 2011, equation 1, diagonal).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from autoship.learning.kernel import Kernel, Seen

Floats: TypeAlias = NDArray[np.float32]
Indices: TypeAlias = NDArray[np.intp]

COUNT, RECENT, WEIGHT, SQUARES = range(4)
PLANES = 4
FEATURES = 3

PRIOR = 0.3
"""a: how many orders' worth of plain rates a context starts with."""
HALF_LIFE = 2000.0
"""Of a context's counts, in orders of the customer."""
LARGEST_UNIT = 2.0**16
"""Counts do not shrink with age; what an order counts, the unit, grows, and all are divided by it now and then."""
RECENT_SHARE = 0.3
"""What the newest order of a context weighs in its recent share."""
STEP = 0.4
KEY_STEP = 0.045
FIRST_GRADIENT = np.float32(41 / 4096)
"""Where sums of squares start: 0.01, in so few digits that rounding leaves it alone."""
FIRST_KEY_GRADIENT = np.float32(1.0)
FIRST_TRUST = np.float32(0.5 / 12)
"""w₁ of a new key."""
TOO_SMALL = 0.02
"""Errors of probability below this leave θ alone: most weights stay zero, and a snapshot small."""
SLOW, FAST = range(2)
KEPT = (0.999, 0.98)
"""What is kept of the decayed counts behind the slow and the fast plain rates, at each order."""
RATE_PRIOR = 0.5
"""What is added to each choice's decayed count before the plain rates are made to add up to 1."""
ROUNDING = 1 << 12
ROUNDED_EVERY = 125
"""Learned numbers keep 11 binary digits, rounded every so many orders: more cannot be told apart, and would not
compress. Then the unit grows, too."""
MAX_CELLS = 1 << 21
"""Contexts times choices: bounds the memory of one customer to 32 MB."""
WIDTHS = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""The capacities for choices, one after another."""


class Table:
    """The learned numbers of one customer: ``rows`` contexts, ``choices`` choices, ``keys`` keys; capacities grow by
    doubling."""

    def __init__(self) -> None:
        self.rows = 0
        self.choices = 0
        self.keys = 0
        self.learned = 0
        self.timely = 0
        self.unit = 1.0
        self.cells: Floats = _empty(64, WIDTHS[0])
        self.touched: NDArray[np.int64] = np.zeros(64, np.int64)
        self.trust: Floats = np.zeros((16, PLANES), np.float32)
        self.trust_squares: Floats = np.full((16, PLANES), FIRST_KEY_GRADIENT, np.float32)
        self.decayed: Floats = np.zeros((2, WIDTHS[0]), np.float32)
        self._bind()

    def _bind(self) -> None:
        """To be called whenever an array was replaced by another one."""
        width = self.decayed.shape[1]
        self.plain: Floats = np.zeros((2, width), np.float32)
        self.inverse_rates: Floats = np.ones(width, np.float32)
        self.kernel = Kernel(
            self.cells, self.touched, self.trust, self.trust_squares, self.decayed, self.plain, self.inverse_rates
        )
        self.refresh()

    @property
    def max_rows(self) -> int:
        """How many contexts fit, given how many choices there are."""
        return MAX_CELLS // max(32, int(self.cells.shape[2]))

    def add_row(self) -> int:
        """A new context's index. The caller makes room first where `max_rows` is reached."""
        row = self.rows
        if row == len(self.touched):
            self._make_rows(2 * row)
        self.rows += 1
        self.touched[row] = self.learned
        return row

    def _make_rows(self, capacity: int) -> None:
        more, width = capacity - len(self.touched), self.cells.shape[2]
        self.cells = np.concatenate([self.cells, _empty(more, width)])
        self.touched = np.concatenate([self.touched, np.zeros(more, np.int64)])
        self._bind()

    def resize(self, rows: int, width: int, keys: int) -> None:
        """Empties the table, and makes room for what a snapshot holds."""
        self.rows, self.keys = rows, keys
        self.cells = _empty(_power(rows), width)
        self.touched = np.zeros(len(self.cells), np.int64)
        self.trust = np.zeros((_power(keys), PLANES), np.float32)
        self.trust_squares = np.full_like(self.trust, FIRST_KEY_GRADIENT)
        self.decayed = np.zeros((2, width), np.float32)
        self._bind()

    def add_key(self) -> int:
        """A new key's index."""
        key = self.keys
        if key == len(self.trust):
            self.trust = np.concatenate([self.trust, np.zeros_like(self.trust)])
            fresh = np.full_like(self.trust_squares, FIRST_KEY_GRADIENT)
            self.trust_squares = np.concatenate([self.trust_squares, fresh])
            self._bind()
        self.keys += 1
        self.reset_key(key)
        return key

    def reset_key(self, key: int) -> None:
        """Forgets what was learned of how far to trust a key: its index is given to another one."""
        self.trust[key] = (FIRST_TRUST, 0.0, 1.0, 0.0)
        self.trust_squares[key] = FIRST_KEY_GRADIENT

    def add_choice(self) -> int:
        """A new choice's index."""
        choice = self.choices
        width = self.cells.shape[2]
        if choice == width:
            more = WIDTHS[WIDTHS.index(width) + 1] - width
            rows = len(self.touched)
            self.cells = np.concatenate([self.cells, _empty(rows, more)], axis=2)
            self.decayed = np.concatenate([self.decayed, np.zeros((2, more), np.float32)], axis=1)
            self._bind()
        self.choices += 1
        self.refresh()
        return choice

    def forget_choice(self, choice: int) -> None:
        """Makes a choice's column as if it were new: its index is given to another one."""
        self.cells[:, :FEATURES, choice] = 0.0
        self.cells[:, SQUARES, choice] = FIRST_GRADIENT
        self.decayed[:, choice] = 0.0
        self.refresh()

    def keep_rows(self, rows: Indices) -> None:
        """Keeps these contexts, in this order, and forgets the others."""
        self.cells, self.touched = self.cells[rows], self.touched[rows]
        self.rows = len(rows)
        self._make_rows(_power(self.rows))

    def see(self, rows: list[int], keys: list[int], shares: Sequence[float]) -> Seen:
        """What an order of these contexts will be shipped as, for the mixture's ``shares``. ``rows`` has no index
        twice; ``keys`` is parallel."""
        return self.kernel.see(rows, keys, self.choices, PRIOR * self.unit, *shares)

    def learn(self, seen: Seen, choice: int, age: int = 0) -> None:
        """Learns that an order, seen in this very state, went to ``choice``.

        One that is ``age`` orders old is counted for so much less, and nothing grows older by it. What follows the
        newest orders, the recent shares and the weights, hardly moves: it would have been mended by what came since.
        """
        slow, fast = (kept**age for kept in KEPT)
        self.learned += 1
        self.timely += not age
        self.kernel.learn(
            seen,
            choice,
            self.keys,
            self.unit * 2.0 ** (-age / HALF_LIFE),
            self.learned,
            RECENT_SHARE * fast,
            STEP * fast,
            KEY_STEP * fast,
            TOO_SMALL,
        )
        self.kernel.learn_rates(choice, self.choices, (1.0, 1.0) if age else KEPT, (slow, fast), RATE_PRIOR)
        if self.learned % ROUNDED_EVERY == 0:
            self._round()
            self._age()

    def _round(self) -> None:
        """Rounds what was learned since the last time."""
        rows = np.flatnonzero(self.touched[: self.rows] > self.learned - ROUNDED_EVERY)
        cells = self.cells.take(rows, 0)
        kept = cells[:, RECENT:].view(np.int32)
        kept += ROUNDING // 2
        kept &= -ROUNDING
        self.cells[rows] = cells

    def _age(self) -> None:
        """Lets all counts grow older: what an order counts grows instead, and is brought down now and then."""
        self.unit *= 2.0 ** (self.timely / HALF_LIFE)
        self.timely = 0
        if self.unit > LARGEST_UNIT:
            self.cells[:, COUNT] /= np.float32(self.unit)
            self.unit = 1.0

    def refresh(self) -> None:
        """What follows from the decayed counts: ``plain`` (slow and fast x choices) rates, each adding up to 1, and the
        inverse of the slow ones. An index without a choice has none."""
        self.kernel.rates(self.choices, RATE_PRIOR)

    def backfill(self, rows: Indices, choices: Indices, ages: NDArray[np.float64]) -> None:
        """Counts for contexts of a new key from the orders in the window: order i, ``ages[i]`` orders ago, was in
        context ``rows[i]`` and went to ``choices[i]``. Oldest first; fills counts and recent shares, leaves weights
        at zero."""
        counted = (self.unit * np.exp2(-ages / HALF_LIFE)).astype(np.float32)
        self.kernel.backfill(rows, choices, counted, RECENT_SHARE)
        self.touched[rows] = self.learned


def _power(rows: int) -> int:
    """The next power of two, at least 64."""
    return max(64, 1 << max(0, rows - 1).bit_length())


def _empty(rows: int, choices: int) -> Floats:
    cells = np.zeros((rows, PLANES, choices), np.float32)
    cells[:, SQUARES] = FIRST_GRADIENT
    return cells
