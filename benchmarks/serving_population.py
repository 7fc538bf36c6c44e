"""Many made-up customers and their orders as NDJSON: who orders is drawn by Zipf's law. The same for the same sizes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

import msgspec
import synthetic

EXPONENT = 1.0
"""Of Zipf's law: customer k of K orders with a probability proportional to 1 / k ** EXPONENT."""

POOL = 20_000
"""So many orders differ in what is in them; each customer ships them its own way."""

START = datetime(2025, 1, 1, tzinfo=UTC)
APART = timedelta(seconds=15)
TOLD_EVERY = 100_000


class Population:
    """So many customers, and draws from them."""

    def __init__(self, customers: int) -> None:
        self.customers = customers
        pool = synthetic.customer(POOL)
        self._orders = [msgspec.json.encode(record.order) for record in pool]
        self._choices = [msgspec.json.encode(choice) for choice in synthetic.CHOICES]
        self._rules = [synthetic.CHOICES.index(record.shipment) for record in pool]
        self._weights = list(accumulate(1 / rank**EXPONENT for rank in range(1, customers + 1)))

    def write(self, orders: int, file: Path) -> int:
        """The records of so many orders, one a line; returns how many are the first customer's, the largest."""
        luck = random.Random(1)
        largest = 0
        with file.open("wb") as out:
            for number, customer in enumerate(self._drawn(luck, orders)):
                place = luck.randrange(POOL)
                at = START + number * APART
                shipped_at = at + timedelta(hours=luck.uniform(1, 30))
                choice = self._choices[(self._rules[place] + customer) % len(self._choices)]
                out.write(
                    b'{"customer_id":"%b","order_id":"%d","ordered_at":"%b","order":%b,"shipment":%b,"shipped_at":"%b"}\n'
                    % (name(customer), number, _time(at), self._orders[place], choice, _time(shipped_at))
                )
                largest += not customer
        return largest

    def requests(self, number: int, seed: int) -> Iterator[bytes]:
        """Bodies of so many new orders, their customers drawn likewise."""
        luck = random.Random(seed)
        for order, customer in enumerate(self._drawn(luck, number)):
            yield request(customer, b"new-%d-%d" % (seed, order), self._orders[luck.randrange(POOL)])

    def requests_of(self, customer: int, number: int) -> Iterator[bytes]:
        """Bodies of so many new orders of one customer."""
        for order in range(number):
            yield request(customer, b"own-%d" % order, self._orders[order % POOL])

    def _drawn(self, luck: random.Random, number: int) -> list[int]:
        return luck.choices(range(self.customers), cum_weights=self._weights, k=number)


def name(customer: int) -> bytes:
    """A customer's id; 0 is the largest."""
    return b"customer-%d" % customer


def request(customer: int, order_id: bytes, order: bytes) -> bytes:
    """A body that asks for a prediction."""
    return b'{"customer_id":"%b","order_id":"%b","order":%b}' % (name(customer), order_id, order)


def _time(at: datetime) -> bytes:
    return at.isoformat().encode()
