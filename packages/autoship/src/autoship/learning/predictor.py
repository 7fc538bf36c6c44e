"""One customer's model in scikit-learn's words, fed with records, for notebooks and for a comparison side by side.

`fit` and `partial_fit` take records as they come in: as `Record` values or as the dicts that `parse_record` reads. The
prediction methods take orders: the same dicts, with or without a shipment. Nothing is stored or sent anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autoship.domain.batch import plan_batch
from autoship.domain.prediction import Prediction, Shipment
from autoship.domain.record import Record, check_object, check_order_id, parse_record, parse_time
from autoship.errors import InvalidInput
from autoship.learning.model import CustomerModel

Given: TypeAlias = Record | Mapping[str, Any]


class Predictor:
    """Learns how one customer ships. ``max_error`` and ``audit`` are as in the service's settings."""

    def __init__(self, *, max_error: float = 0.05, audit: float = 0.1) -> None:
        self.max_error = max_error
        self.audit = audit
        self._clear()

    def _clear(self) -> None:
        self._model = CustomerModel(max_error=self.max_error, audit=self.audit)
        self._customer: str | None = None
        self._learned: set[str] = set()

    @property
    def classes_(self) -> list[Shipment]:
        """The choices that this customer has made, in the order of `predict_proba`'s columns."""
        return self._model.classes()

    def fit(self, X: Sequence[Given], y: None = None) -> Self:
        """Forgets everything, and learns these records. ``y`` is there for scikit-learn's sake: records hold the
        choice."""
        self._clear()
        return self.partial_fit(X)

    def partial_fit(self, X: Sequence[Given], y: None = None) -> Self:
        """Learns more records, in the order in which they became known. Raises `InvalidInput` for a record that is
        wrong, that is another customer's, or whose order was learned before, and then learns none of them."""
        records = [x if isinstance(x, Record) else parse_record(dict(x)) for x in X]
        customer = self._customer or next((record.customer_id for record in records), None)
        for record in records:
            if record.customer_id != customer:
                raise InvalidInput("customer_id", f"is {record.customer_id}, but this predictor learns {customer}")
            if record.order_id in self._learned:
                raise InvalidInput("order_id", f"{record.order_id} was learned before: to correct it, fit anew")
        plan = plan_batch(records, stored={}, served={}, last_seq=self._model.seq)
        for _ in self._model.learn(plan.entries):
            pass
        self._customer = customer
        self._learned.update(record.order_id for record in records)
        return self

    def predict(self, X: Sequence[Given]) -> list[Shipment | None]:
        """The likeliest choice for each order; None where nothing was learned yet."""
        return [prediction.shipment for prediction in self.predict_all(X)]

    def predict_proba(self, X: Sequence[Given]) -> NDArray[np.float32]:
        """Orders x `classes_`: the probability of each choice, each row adding up to 1."""
        rows = [self._model.probabilities(*_order(x)[:2]) for x in X]
        return np.array(rows, np.float32).reshape(len(rows), len(self.classes_))

    def predict_all(self, X: Sequence[Given]) -> list[Prediction]:
        """All that is known of each order: choice, confidence, whether it may be approved, alternatives and reasons."""
        return [self._model.predict(*_order(x)) for x in X]


def _order(given: Given) -> tuple[Mapping[str, Any], datetime, str | None]:
    if isinstance(given, Record):
        return given.order, given.ordered_at, given.order_id
    order_id = given.get("order_id")
    for field in ("order", "ordered_at"):
        if field not in given:
            raise InvalidInput(field, "is missing")
    return (
        check_object(given["order"], "order"),
        parse_time(given["ordered_at"], "ordered_at"),
        None if order_id is None else check_order_id(order_id),
    )
