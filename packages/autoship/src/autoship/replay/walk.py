"""The walk through past orders: predict each at its ``ordered_at``, reveal it at its ``known_at``, never sooner.

Customers are independent and walked one after the other. What was known at the moment of an order is revealed before it
is predicted; its own shipment never is, even where a record claims to have shipped before it was ordered. A record is
learned together with the prediction made for it, so that approvals are judged by what was served at the time.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from autoship.domain.log import LogEntry
from autoship.domain.prediction import Prediction, Shipment
from autoship.domain.record import Order, Record, choice_key
from autoship.replay.outcome import Outcome


class Learner(Protocol):
    """What the walk asks of a customer's model."""

    def predict(self, order: Order, ordered_at: datetime, order_id: str | None = None) -> Prediction:
        """Predicts one order, and changes nothing."""

    def learn(self, batch: Sequence[LogEntry]) -> Iterator[object]:
        """Learns a batch while the iterator is driven to its end."""


class Rival(Protocol):
    """What the walk asks of a baseline, which sees exactly what the model sees, at the same moments."""

    def predict(self, order: Order) -> Shipment | None:
        """The choice for an order, None where it has nothing to go by."""

    def learn(self, record: Record) -> None:
        """Takes in a revealed record."""


def newest(records: Iterable[Record]) -> list[Record]:
    """The records, each order of a customer once: of several with the same ``order_id`` the last one read counts."""
    kept: dict[tuple[str, str], Record] = {}
    for record in records:
        identity = (record.customer_id, record.order_id)
        kept.pop(identity, None)
        kept[identity] = record
    return list(kept.values())


def by_customer(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Each customer's records by ``ordered_at``, equal times in the order in which they were read."""
    customers: dict[str, list[Record]] = {}
    for record in records:
        customers.setdefault(record.customer_id, []).append(record)
    for own in customers.values():
        own.sort(key=lambda record: record.ordered_at)
    return customers


def walk(
    records: Iterable[Record],
    model_factory: Callable[[], Learner],
    *,
    clock: Callable[[], float],
    rivals: Mapping[str, Callable[[], Rival]] | None = None,
) -> Iterator[Outcome]:
    """Yields each record's `Outcome` once, at the moment it is revealed, customer after customer.

    ``clock`` gives seconds, such as `time.perf_counter`: it times the model alone. Records must not repeat an order:
    see `newest`.
    """
    for own in by_customer(records).values():
        walkers = [make() for make in (rivals or {}).values()]
        yield from _Customer(model_factory(), walkers, clock, len(own)).walk(own)


class _Customer:
    """The walk of one customer: the model, its rivals, and the orders whose outcome is still to come."""

    def __init__(self, model: Learner, rivals: Sequence[Rival], clock: Callable[[], float], orders: int) -> None:
        self._model = model
        self._rivals = rivals
        self._clock = clock
        self._orders = orders
        self._learned = 0
        self._pending: list[tuple[datetime, int, Record, _Served]] = []

    def walk(self, records: Sequence[Record]) -> Iterator[Outcome]:
        for place, record in enumerate(records):
            while self._pending and self._pending[0][0] <= record.ordered_at:
                yield self._reveal()
            heapq.heappush(self._pending, (record.known_at, place, record, self._serve(record)))
        while self._pending:
            yield self._reveal()

    def _serve(self, record: Record) -> _Served:
        start = self._clock()
        prediction = self._model.predict(record.order, record.ordered_at, record.order_id)
        took = self._clock() - start
        return _Served(prediction, tuple(rival.predict(record.order) for rival in self._rivals), took)

    def _reveal(self) -> Outcome:
        _, place, record, served = heapq.heappop(self._pending)
        self._learned += 1
        entry = LogEntry(self._learned, record, self._learned - 1, served.prediction.judged())
        start = self._clock()
        for _ in self._model.learn((entry,)):
            pass
        took = self._clock() - start
        for rival in self._rivals:
            rival.learn(record)
        return served.against(record, place=place, of=self._orders, learn_s=took)


class _Served:
    """What was said of an order when it was placed."""

    def __init__(self, prediction: Prediction, rivals: tuple[Shipment | None, ...], predict_s: float) -> None:
        self.prediction = prediction
        self._rivals = rivals
        self._predict_s = predict_s

    def against(self, record: Record, *, place: int, of: int, learn_s: float) -> Outcome:
        """It, compared with what was shipped."""
        truth = choice_key(record.shipment)
        predicted = self.prediction.shipment
        return Outcome(
            customer_id=record.customer_id,
            order_id=record.order_id,
            ordered_at=record.ordered_at,
            place=place,
            of=of,
            seen=record.decided_by == "person",
            truth=record.shipment,
            predicted=predicted,
            right=_same(predicted, truth),
            confidence=self.prediction.confidence,
            approved=self.prediction.approved,
            reason=self.prediction.reason,
            rivals=self._rivals,
            rivals_right=tuple(_same(choice, truth) for choice in self._rivals),
            predict_s=self._predict_s,
            learn_s=learn_s,
        )


def _same(choice: Shipment | None, truth: str) -> bool:
    return choice is not None and choice_key(choice) == truth
