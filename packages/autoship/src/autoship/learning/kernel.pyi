import numpy as np
from numpy.typing import NDArray

from autoship.learning.table import Floats

class Seen:
    def own_of(self, choice: int) -> float: ...
    def best(self, most: int) -> list[tuple[int, float]]: ...
    def probabilities(self) -> Floats: ...

class Kernel:
    def __init__(
        self,
        cells: Floats,
        touched: NDArray[np.int64],
        trust: Floats,
        trust_squares: Floats,
        decayed: Floats,
        plain: Floats,
        inverse_rates: Floats,
    ) -> None: ...
    def rates(self, choices: int, prior: float) -> None: ...
    def see(
        self, rows: list[int], keys: list[int], choices: int, start: float, share: float, slow: float, fast: float
    ) -> Seen: ...
    def speaking(self, seen: Seen, choice: int, most: int, least: float) -> list[int]: ...
    def brier(self, seen: Seen, choice: int) -> tuple[float, float, float]: ...
    def learn(
        self,
        seen: Seen,
        choice: int,
        keys: int,
        unit: float,
        learned: int,
        recent_share: float,
        step: float,
        key_step: float,
        too_small: float,
    ) -> None: ...
    def learn_rates(
        self, choice: int, choices: int, kept: tuple[float, float], counted: tuple[float, float], prior: float
    ) -> None: ...
    def backfill(
        self, rows: NDArray[np.int64], choices: NDArray[np.int64], counted: Floats, recent_share: float
    ) -> None: ...

class Counter:
    def __init__(self, codes: NDArray[np.int16], choices: NDArray[np.int16]) -> None: ...
    def count(self, length: int, lines: list[int], wanted: list[int], choice: int) -> tuple[int, int]: ...

def earlier(numbers: NDArray[np.uint32]) -> Floats: ...
