"""The customers in memory, by when each was last used, and what room they take. Decides who goes; saves nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator

from autoship.service.resident import Resident

GAPS = 1.5
"""So much memory is taken for each byte of a model, where models of many sizes come and go: between what stays there
are gaps. Measured with 10,000 customers drawn by Zipf's law."""

MEASURED_EVERY = 100
"""A model is measured anew once it has learned so many entries."""


class Residents:
    """Residents within a bound of ``most_bytes``, but for the one that was used last, however large it is.

    Some are to go already at seven eighths of the bound, until three quarters are left: so nobody has to wait for that
    as a rule, and many are saved together. ``nbytes`` is what all take now, gaps included.
    """

    def __init__(self, most_bytes: int) -> None:
        self.nbytes = 0
        self._most_bytes = most_bytes
        self._begin_at = most_bytes - most_bytes // 8
        self._end_at = most_bytes - most_bytes // 4
        self._of: OrderedDict[str, Resident] = OrderedDict()

    def __iter__(self) -> Iterator[Resident]:
        return iter(self._of.values())

    def __len__(self) -> int:
        return len(self._of)

    def get(self, customer_id: str) -> Resident | None:
        """The customer, if it is here, as the one that was used last."""
        resident = self._of.get(customer_id)
        if resident is not None:
            self._of.move_to_end(customer_id)
        return resident

    def peek(self, customer_id: str) -> Resident | None:
        """The customer, if it is here. That is no use of it."""
        return self._of.get(customer_id)

    @property
    def full(self) -> bool:
        """Whether the bound is reached."""
        return self.nbytes > self._most_bytes

    @property
    def last(self) -> Resident | None:
        """The one that was used last."""
        return next(reversed(self._of.values()), None)

    def add(self, resident: Resident) -> None:
        """Takes one in."""
        self._of[resident.customer_id] = resident
        resident.nbytes = 0
        self.measure(resident)

    def remove(self, customer_id: str) -> Resident | None:
        """Lets one go, and gives it back."""
        resident = self._of.pop(customer_id, None)
        if resident is not None:
            self.nbytes -= resident.nbytes
        return resident

    def measure(self, resident: Resident) -> None:
        """Measures a model that has become another one, or that has learned much."""
        if self._of.get(resident.customer_id) is resident:
            nbytes = round(GAPS * resident.model.nbytes())
            self.nbytes += nbytes - resident.nbytes
            resident.nbytes, resident.measured_at = nbytes, resident.model.orders

    def measure_if_grown(self, resident: Resident) -> None:
        """The same, where it has learned enough since the last time to matter."""
        if resident.model.orders >= resident.measured_at + MEASURED_EVERY:
            self.measure(resident)

    def surplus(self, is_free: Callable[[Resident], bool]) -> list[Resident]:
        """Who is to go: the least recently used of those that are free to."""
        going: list[Resident] = []
        if self.nbytes <= self._begin_at:
            return going
        over = self.nbytes - self._end_at
        for resident in self._of.values():
            if over <= 0:
                break
            if resident is not self.last and is_free(resident):
                going.append(resident)
                over -= resident.nbytes
        return going
