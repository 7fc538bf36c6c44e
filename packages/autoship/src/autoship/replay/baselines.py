"""What anybody could do without a predictor: the commonest choice, the last one, the last one for the same key.

Each learns order by order, when the order's shipment is revealed, as the model does: a baseline that saw more or less
would be no comparison.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from autoship.domain.prediction import Shipment
from autoship.domain.record import Order, Record, choice_key
from autoship.errors import InvalidInput
from autoship.replay.walk import Rival

COMMONEST = "commonest"
LAST = "last"
LAST_SAME_KEY = "last for the same key"

_CANONICAL = msgspec.json.Encoder(order="deterministic")


class Commonest:
    """The choice made most often so far; of several, the one that got there first."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._best: tuple[int, Shipment | None] = (0, None)

    def predict(self, order: Order) -> Shipment | None:
        return self._best[1]

    def learn(self, record: Record) -> None:
        choice = choice_key(record.shipment)
        self._counts[choice] += 1
        if self._counts[choice] > self._best[0]:
            self._best = (self._counts[choice], record.shipment)


class Last:
    """The choice revealed last."""

    def __init__(self) -> None:
        self._last: Shipment | None = None

    def predict(self, order: Order) -> Shipment | None:
        return self._last

    def learn(self, record: Record) -> None:
        self._last = record.shipment


class LastSameKey:
    """The choice revealed last among orders with the same values of the key; the commonest one where there is none."""

    def __init__(self, key: BaselineKey) -> None:
        self._key = key
        self._last: dict[bytes, Shipment] = {}
        self._otherwise = Commonest()

    def predict(self, order: Order) -> Shipment | None:
        return self._last.get(self._key.of(order)) or self._otherwise.predict(order)

    def learn(self, record: Record) -> None:
        self._last[self._key.of(record.order)] = record.shipment
        self._otherwise.learn(record)


class BaselineKey:
    """Fields of an order, as dotted paths such as ``order.items,order.ship_to``, or ``order.items.sku`` of every item.

    Raises `InvalidInput` for a path that does not start at ``order``: anything else of a record is known only
    afterwards, or says nothing about the order.
    """

    def __init__(self, text: str) -> None:
        self.paths = tuple(path.strip() for path in text.split(","))
        for path in self.paths:
            names = path.split(".")
            if names[0] != "order" or not all(names):
                problem = f'"{path}" is no path into an order: write order.items or order.ship_to.country'
                raise InvalidInput(None, problem)
        self._names = tuple(path.split(".")[1:] for path in self.paths)

    def of(self, order: Order) -> bytes:
        """The order's values at the paths: equal for equal values, whatever the order of an object's fields."""
        return _CANONICAL.encode([_at(order, names) for names in self._names])

    def absent(self, orders: Iterable[Order]) -> list[str]:
        """The paths that lead nowhere in any of these orders: probably misspelt."""
        missing = dict(zip(self.paths, self._names, strict=True))
        for order in orders:
            for path in [path for path, names in missing.items() if _at(order, names) not in (None, [])]:
                del missing[path]
        return list(missing)


def baselines(key: BaselineKey | None = None) -> Mapping[str, Callable[[], Rival]]:
    """The baselines by name, in the order of the table; the one for a key only where a key is given."""
    makers: dict[str, Callable[[], Rival]] = {COMMONEST: Commonest, LAST: Last}
    if key is not None:
        makers[LAST_SAME_KEY] = lambda: LastSameKey(key)
    return makers


def _at(value: Any, names: list[str]) -> Any:
    for place, name in enumerate(names):
        if isinstance(value, list):
            found = [_at(item, names[place:]) for item in value]
            return [item for item in found if item is not None]
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value
