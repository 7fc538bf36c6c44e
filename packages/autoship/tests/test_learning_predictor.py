"""The predictor as a library: scikit-learn's words, one customer, records in, choices out."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from autoship import Predictor
from autoship.errors import InvalidInput

SHOP = Path(__file__).parents[3] / "data" / "indonesia-shop.ndjson.gz"


@pytest.fixture(scope="module")
def orders() -> list[dict[str, Any]]:
    with gzip.open(SHOP) as lines:
        return [json.loads(line) for line in lines][-2400:]


def test_probabilities_have_a_column_for_each_class_and_add_up_to_one(orders: list[dict[str, Any]]) -> None:
    predictor = Predictor().fit(orders[:600])
    probabilities = predictor.predict_proba(orders[600:650])
    assert probabilities.shape == (50, len(predictor.classes_))
    assert np.allclose(probabilities.sum(1), 1, atol=1e-4)
    likeliest = [predictor.classes_[i] for i in probabilities.argmax(1)]
    assert likeliest == predictor.predict(orders[600:650])


def test_learning_in_pieces_learns_what_learning_at_once_does(orders: list[dict[str, Any]]) -> None:
    served = [{**order, "shipped_at": order["ordered_at"]} for order in orders[:500]]
    at_once = Predictor().fit(served)
    pieces = Predictor()
    for start in range(0, 500, 50):
        pieces.partial_fit(served[start : start + 50])
    assert np.array_equal(at_once.predict_proba(orders[500:550]), pieces.predict_proba(orders[500:550]))


def test_on_the_shops_last_orders_accuracy_is_what_it_was(orders: list[dict[str, Any]]) -> None:
    predictor = Predictor().fit(orders[:1000])
    right = 0
    for start in range(1000, 2400, 20):
        some = orders[start : start + 20]
        right += sum(p == order["shipment"] for p, order in zip(predictor.predict(some), some, strict=True))
        predictor.partial_fit(some)
    assert right / 1400 >= 0.925


def test_before_anything_was_learned_nothing_is_predicted(orders: list[dict[str, Any]]) -> None:
    predictor = Predictor()
    assert predictor.classes_ == []
    assert predictor.predict(orders[:2]) == [None, None]
    assert predictor.predict_proba(orders[:2]).shape == (2, 0)


def test_another_customers_record_is_refused_and_nothing_is_learned(orders: list[dict[str, Any]]) -> None:
    predictor = Predictor().fit(orders[:10])
    with pytest.raises(InvalidInput, match="customer_id"):
        predictor.partial_fit([orders[10], {**orders[11], "customer_id": "other"}])
    predictor.partial_fit([orders[10]])
    with pytest.raises(InvalidInput, match="learned before"):
        predictor.partial_fit([orders[10]])
