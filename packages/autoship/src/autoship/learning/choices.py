"""The choices that a customer has made, each with an index. At most 512: the rarest gives its place to a new one."""

from __future__ import annotations

from autoship.domain.prediction import Shipment, Word
from autoship.domain.record import choice_key
from autoship.learning.table import SLOW, Table

MAX_CHOICES = 512
LEAST_ORDERS = 20
MOSTLY_DIFFERENT = 0.5


class Choices:
    """The choices by index, and how often each was made since it got its index."""

    def __init__(self) -> None:
        self.shipments: list[Shipment] = []
        self.orders: list[int] = []
        self.index: dict[str, int] = {}

    def find(self, shipment: Shipment) -> int | None:
        """The index of a choice, None where it is not known (any more)."""
        return self.index.get(choice_key(shipment))

    def enter(self, shipment: Shipment, table: Table) -> tuple[int, bool, bool]:
        """The index of a choice that was made, whether it is new, and whether another one lost its index to it."""
        key = choice_key(shipment)
        choice = self.index.get(key)
        if choice is not None:
            self.orders[choice] += 1
            return choice, False, False
        if len(self.shipments) < MAX_CHOICES:
            choice = table.add_choice()
            self.shipments.append(shipment)
            self.orders.append(1)
            self.index[key] = choice
            return choice, True, False
        choice = int(table.decayed[SLOW, :MAX_CHOICES].argmin())
        del self.index[choice_key(self.shipments[choice])]
        table.forget_choice(choice)
        self.shipments[choice] = shipment
        self.orders[choice] = 1
        self.index[key] = choice
        return choice, True, True

    def mistaken_fields(self) -> list[str]:
        """Fields that are different for nearly every order, such as a tracking number: they are no choice."""
        total = sum(self.orders)
        if total < LEAST_ORDERS:
            return []
        values: dict[str, set[Word]] = {}
        for shipment in self.shipments:
            for field, word in shipment.items():
                values.setdefault(field, set()).add(word)
        return [field for field, words in sorted(values.items()) if len(words) > MOSTLY_DIFFERENT * total]
