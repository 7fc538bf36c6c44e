"""When to try again what failed: soon, then ever more patiently. Knows no clock: times are passed in."""

from __future__ import annotations


class Backoff:
    """Waits ``first_s`` after the first failure, twice as long after each further one, ``most_s`` at most."""

    def __init__(self, first_s: float, most_s: float) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._wait_s = 0.0
        self._until_s = 0.0

    def allows(self, now_s: float) -> bool:
        """Whether it is time to try."""
        return self._wait_s == 0.0 or now_s >= self._until_s

    def failed(self, now_s: float) -> None:
        """It failed once more."""
        self._wait_s = min(self._most_s, self._wait_s * 2 or self._first_s)
        self._until_s = now_s + self._wait_s

    def reset(self) -> None:
        """It went well, or something else is to be tried."""
        self._wait_s = self._until_s = 0.0
