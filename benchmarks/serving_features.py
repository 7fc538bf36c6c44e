"""An order of `synthetic` as a row for a forest, written by hand for speed: numbers, and a column for each common word.

Knows no autoship and no web framework, so that every peer makes its rows the same way, in an environment of its own.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUMBERS = 8
FEWEST = 3
"""A word that fewer training orders have gets no column."""


class Columns:
    """Which column a word has, and which choice a class of the forest is."""

    def __init__(self, words: Mapping[str, int], choices: Sequence[Mapping[str, str]]) -> None:
        self.choices = choices
        self._words = words
        self._width = NUMBERS + len(words)

    @classmethod
    def of(cls, orders: Iterable[Mapping[str, Any]], choices: Sequence[Mapping[str, str]]) -> Columns:
        """The columns that these orders call for."""
        counts = Counter(word for order in orders for word in _words(order))
        kept = sorted(word for word, orders_with_it in counts.items() if orders_with_it >= FEWEST)
        return cls({word: NUMBERS + place for place, word in enumerate(kept)}, choices)

    @classmethod
    def load(cls, file: Path) -> Columns:
        """What `save` wrote."""
        return cls(**json.loads(file.read_text()))

    def save(self, file: Path) -> None:
        """As JSON."""
        file.write_text(json.dumps({"words": self._words, "choices": self.choices}))

    def row(self, order: Mapping[str, Any], at: datetime) -> NDArray[np.float32]:
        """One row, as a table of one."""
        row = np.zeros((1, self._width), np.float32)
        items, postal_code = order["items"], order["ship_to"]["postal_code"]
        row[0, :NUMBERS] = (
            order["total"],
            order["weight_oz"],
            order["gift"],
            len(items),
            sum(item["quantity"] for item in items),
            int(postal_code) if postal_code.isdigit() else -1,
            at.weekday(),
            at.hour,
        )
        places = self._words
        for word in _words(order):
            if (place := places.get(word)) is not None:
                row[0, place] = 1.0
        return row

    def answer(self, order_id: str | None, probabilities: NDArray[np.float32]) -> dict[str, Any]:
        """What a peer answers: the likeliest choice, and the two after it."""
        best = np.argsort(probabilities)[:-4:-1].tolist()
        told = [
            {"shipment": self.choices[place], "confidence": round(float(probabilities[place]), 4)} for place in best
        ]
        return {"order_id": order_id, **told[0], "alternatives": told[1:]}


def _words(order: Mapping[str, Any]) -> list[str]:
    to = order["ship_to"]
    return [
        f"tier {order['requested_service']}",
        f"channel {order['channel']}",
        f"country {to['country']}",
        f"state {to['state']}",
        *[f"sku {item['sku']}" for item in order["items"]],
    ]
