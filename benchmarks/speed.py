"""What learning and predicting cost at a customer of 2,000 orders and 10 choices, beside refitting a random forest."""

from __future__ import annotations

import statistics
import time
import zlib
from collections.abc import Callable, Iterable, Sequence

import msgspec
import numpy as np
import synthetic
from autoship.domain.batch import plan_batch
from autoship.domain.log import LogEntry
from autoship.domain.record import Record, choice_key
from autoship.learning import CustomerModel
from peers import random_forest
from peers_encoding import Encoder, Flat

ORDERS = 2_000
MORE = 500
TREES = 100


class Row(msgspec.Struct, frozen=True):
    """One number, and what it is held to: at most, or at least; None where it is only told."""

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    def verdict(self) -> str:
        """Whether the target is reached, in a word, and the target."""
        if self.at_most is not None:
            return f"{'ok' if self.value <= self.at_most else 'short'} (at most {self.at_most:,.0f})"
        if self.at_least is not None:
            return f"{'ok' if self.value >= self.at_least else 'short'} (at least {self.at_least:,.0f})"
        return ""


class Speed(msgspec.Struct, frozen=True):
    """The numbers, and of what."""

    orders: int
    choices: int
    rows: list[Row]


def measure() -> Speed:
    """Measures all of it, one after the other, in this process; takes some ten seconds."""
    records = synthetic.customer(ORDERS + MORE)
    log = plan_batch(records, stored={}, served={}, last_seq=0).entries
    build_ms = [_ms(lambda: _built(log[:ORDERS])) for _ in range(3)]
    model = _built(log[:ORDERS])
    snapshot = model.to_bytes()
    load_ms = [_ms(lambda: CustomerModel.from_bytes(snapshot)) for _ in range(20)]
    predict_us, learn_us = _each(model, log[ORDERS:])
    refit_ms = statistics.median(_refits(records[:ORDERS]))
    learn = statistics.median(learn_us)
    return Speed(
        ORDERS,
        len({choice_key(record.shipment) for record in records}),
        [
            Row("predict one order, median", statistics.median(predict_us), "µs", at_most=80),
            Row("predict one order, 99th percentile", _p99(predict_us), "µs"),
            Row("learn one order, median", learn, "µs", at_most=150),
            Row("learn one order, mean", statistics.fmean(learn_us), "µs"),
            Row("learn one order, 99th percentile", _p99(learn_us), "µs"),
            Row(f"refit a random forest of {TREES} trees", refit_ms, "ms"),
            Row("learning one order is faster, times", refit_ms * 1_000 / learn, "", at_least=2_000),
            Row("build a model from the stored orders", statistics.median(build_ms), "ms", at_most=refit_ms),
            Row("snapshot", len(snapshot) / 1_000, "KB"),
            Row("snapshot, compressed", min(len(snapshot), len(zlib.compress(snapshot))) / 1_000, "KB", at_most=200),
            Row("load the snapshot", statistics.median(load_ms), "ms", at_most=10),
        ],
    )


def _built(entries: Sequence[LogEntry]) -> CustomerModel:
    model = CustomerModel()
    _drive(model.learn(entries))
    return model


def _each(model: CustomerModel, entries: Sequence[LogEntry]) -> tuple[list[float], list[float]]:
    """Microseconds to predict and to learn each of some more orders, one by one."""
    predict_us, learn_us = [], []
    for entry in entries:
        record = entry.record
        start = time.perf_counter()
        prediction = model.predict(record.order, record.ordered_at, record.order_id)
        middle = time.perf_counter()
        one = (LogEntry(entry.seq, record, entry.seq - 1, prediction.judged()),)
        begun = time.perf_counter()
        _drive(model.learn(one))
        learn_us.append((time.perf_counter() - begun) * 1e6)
        predict_us.append((middle - start) * 1e6)
    return predict_us, learn_us


def _refits(records: Sequence[Record]) -> list[float]:
    """Milliseconds of a few fits on one core; making rows of the orders is not counted."""
    flats = [Flat(record) for record in records]
    rows = Encoder(flats).rows(flats)
    codes = {choice: code for code, choice in enumerate(sorted({choice_key(record.shipment) for record in records}))}
    labels = np.array([codes[choice_key(record.shipment)] for record in records])
    return [_ms(lambda: random_forest(TREES).fit(rows, labels)) for _ in range(5)]


def _drive(steps: Iterable[object]) -> None:
    for _ in steps:
        pass


def _ms(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e3


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[len(values) * 99 // 100]
