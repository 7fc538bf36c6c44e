"""A model's memory has bounds that no number of orders, words, fields or choices takes it over. Counted, not guessed
from the process: the bytes of its arrays, and how many contexts, values and characters it holds."""

from __future__ import annotations

import itertools
import random
import string
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from autoship.domain.prediction import Judged
from autoship.domain.record import MAX_NODES, Record
from autoship.learning import CustomerModel
from autoship.learning.approval import NEWEST
from autoship.learning.choices import MAX_CHOICES
from autoship.learning.contexts import MAX_BAGS, MAX_COMBINED, MAX_SINGLES
from autoship.learning.flatten import MAX_TEXT
from autoship.learning.snapshot import MAX_BODY
from autoship.learning.table import MAX_CELLS, PLANES
from autoship.learning.window import MAX_CODES, MAX_COLUMNS, SIZE
from learning_logs import arrays_of, counted, entries_of, learn, record, text_of

CELLS = MAX_CELLS * PLANES * 4
"""The bytes of as many numbers as a table may hold: 32 MB."""
ROWS = MAX_CELLS // 32
KEYS = 2 + MAX_SINGLES + MAX_BAGS + MAX_COMBINED
SMALL_ARRAYS = 2 << 20
MODEL = 1.5 * CELLS + SMALL_ARRAYS
"""Rows grow by doubling, choices by up to a half: the largest capacity lies up to a half above what may be used."""


def grown(model: CustomerModel, records: Iterable[Record], *, every: int = 100) -> Iterator[CustomerModel]:
    """The model, each time that it has learned some more."""
    seq = model.seq
    left = iter(records)
    while some := list(itertools.islice(left, every)):
        learn(model, entries_of(some, after=seq))
        seq += len(some)
        yield model


def bounded(model: CustomerModel) -> int:
    """The bytes of all arrays; fails where anything is over its bound."""
    arrays, counts = arrays_of(model), counted(model)
    assert model.table.rows <= model.table.max_rows
    assert arrays["table.cells"] <= 1.5 * CELLS
    assert sum(arrays.values()) <= MODEL
    assert sum(arrays.values()) - arrays["table.cells"] <= SMALL_ARRAYS
    assert counts["contexts"] <= counts["rows"] <= ROWS
    assert counts["keys"] <= 2 * KEYS
    assert counts["columns"] <= MAX_COLUMNS
    assert counts["window values"] <= MAX_COLUMNS * MAX_CODES
    assert model.window.codes.shape[1] <= SIZE
    assert counts["choices"] <= MAX_CHOICES
    assert counts["evidence"] <= NEWEST
    assert counts["newest"] <= 1000
    assert text_of(model) <= (ROWS * 4 + MAX_COLUMNS * MAX_CODES) * (MAX_TEXT + 1)
    return sum(arrays.values())


def test_ten_thousand_choices_among_a_hundred_thousand_words_do_not_grow_a_model_beyond_its_bounds() -> None:
    luck = random.Random(1)

    def records() -> Iterator[Record]:
        for n in range(7200):
            order = {f"f{k}": f"{luck.randrange(100_000)}w" for k in range(8)} | {"weight": luck.random() * 100}
            yield record(n, order, {"carrier": f"C{luck.randrange(10_000) if n > 600 else n}"})

    model = CustomerModel()
    sizes = [bounded(step) for step in grown(model, records(), every=1200)]
    assert max(sizes[3:]) <= 1.5 * sizes[2]
    assert len(model.choices.shipments) == MAX_CHOICES


@pytest.mark.parametrize("words", ["new each time", "half of them known"])
def test_contexts_that_are_ever_new_push_out_the_oldest_ones(words: str) -> None:
    """With many choices few contexts fit, so that a few thousand orders show what a million would do."""
    luck = random.Random(2)

    def records() -> Iterator[Record]:
        for n in range(3200):
            fresh = luck.random() < 0.5 or words == "new each time"
            order = {"tags": [f"t{n}-{k}" if fresh else f"t{luck.randrange(50)}" for k in range(12)], "kind": n % 3}
            yield record(n, order, {"carrier": f"C{n % 300}"})

    model = CustomerModel()
    rows = []
    for step in grown(model, records(), every=200):
        bounded(step)
        rows.append(step.table.rows)
    assert max(rows) > 0.9 * model.table.max_rows
    assert min(rows[-8:]) < max(rows[-8:])
    assert {"kind", "tags[]"} & {path for key in model.contexts.every_key() for path in key.paths if key.rows}


def hostile_orders() -> dict[str, Any]:
    luck = random.Random(3)

    def word() -> str:
        return "".join(luck.choices(string.ascii_lowercase, k=3))

    def text() -> str:
        return " ".join(word() for _ in range(30))

    return {
        "hundreds of fields": lambda: {f"f{k}": luck.choice([word(), luck.random(), text()]) for k in range(300)},
        "fields with ever new names": lambda: {word() + word(): luck.randrange(3) for _ in range(30)},
        "20,000 nodes": lambda: {f"l{k}": [luck.randrange(10**6) for _ in range(48)] for k in range(MAX_NODES // 50)},
        "lists of texts": lambda: {f"l{k}": [text() for _ in range(24)] for k in range(8)},
        "very long names": lambda: {word() * 10_000: {word() * 10_000: luck.random() for _ in range(60)}},
    }


@pytest.mark.parametrize("kind", hostile_orders())
def test_the_largest_orders_do_not_grow_a_model_beyond_its_bounds_nor_its_snapshot(kind: str) -> None:
    make = hostile_orders()[kind]
    model = CustomerModel()
    for n in range(520):
        learn(model, entries_of([record(n, {"kind": n % 2}, {"carrier": f"C{n}"})], after=n))
    for step in grown(model, (record(n, make(), {"carrier": f"C{n % 3}"}) for n in range(520, 570)), every=10):
        bounded(step)
    assert CustomerModel.from_bytes(model.to_bytes()).to_bytes() == model.to_bytes()


def test_of_orders_with_hundreds_of_long_fields_that_partly_come_again_a_snapshot_can_be_read() -> None:
    luck = random.Random(4)

    def order(seed: int) -> dict[str, Any]:
        own = random.Random(seed)
        return {f"f{k}": f"{own.random()} " * 4 for k in range(300)}

    model = CustomerModel()
    for _ in grown(model, (record(n, order(luck.randrange(n // 2 + 9)), {"carrier": n % 3}) for n in range(1000))):
        pass
    bounded(model)
    data = model.to_bytes()
    assert len(data) < MAX_BODY / 4
    assert CustomerModel.from_bytes(data).to_bytes() == data


def test_all_that_lies_outside_the_table_is_bounded_by_constants() -> None:
    """What could grow with a million orders, one part after the other: evidence, scores, window, and nothing else."""
    model = CustomerModel()
    for seq in range(1, 6001):
        model.approval.learn(Judged({"carrier": "A"}, 0.99, True, seq - 1), seq % 30 > 0, True, seq)
        model.scores.learn(True, seq % 30 > 0)
        model.calibration.learn(0.99, seq % 30 > 0)
        model.window.append({f"p{seq % 200}": seq, "q": f"v{seq}"}, 0, 0.5)
    bounded(model)
    assert len(model.window.columns["q"].of_value) <= MAX_CODES
    assert len(model.approval.evidence) == NEWEST


def test_a_customer_of_16000_orders_takes_no_more_than_one_of_8000() -> None:
    luck = random.Random(5)

    def records() -> Iterator[Record]:
        for n in range(16_000):
            order = {"sku": f"A{luck.randrange(400)}", "zone": luck.randrange(30), "weight": luck.randrange(900)}
            yield record(n, order, {"carrier": f"C{luck.randrange(8)}"})

    model = CustomerModel()
    sizes = [bounded(step) for step in grown(model, records(), every=4000)]
    contexts = counted(model)["contexts"]
    assert sizes[-1] <= 1.1 * sizes[1]
    assert contexts < 20_000
