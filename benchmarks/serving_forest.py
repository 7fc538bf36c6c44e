"""The forest that the peers serve: trained once on the orders that autoship learns, and written as ONNX."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import synthetic
from autoship.domain.record import Record
from peers import random_forest
from serving_features import Columns

TREES = 100
ORDERS = 2_000
COLUMNS, ONNX, ANSWER = "columns.json", "forest.onnx", "answer.json"
"""Files in the benchmark's folder; the last one is what the static service answers, one of autoship's answers."""

INPUT, PROBABILITIES = "rows", "probabilities"


def train(records: Sequence[Record]) -> tuple[Columns, Any]:
    """The columns and scikit-learn's forest; the same ones for the same records."""
    orders = [record.order for record in records]
    columns = Columns.of(orders, synthetic.CHOICES)  # type: ignore[arg-type]
    rows = np.concatenate([columns.row(record.order, record.ordered_at) for record in records])
    labels = np.array([synthetic.CHOICES.index(record.shipment) for record in records])
    forest: Any = random_forest(TREES)
    return columns, forest.fit(rows, labels)


def write(records: Sequence[Record], folder: Path) -> None:
    """Trains, and leaves the columns and the forest in ``folder``."""
    columns, forest = train(records)
    columns.save(folder / COLUMNS)
    skl2onnx = importlib.import_module("skl2onnx")
    kinds = importlib.import_module("skl2onnx.common.data_types")
    model = skl2onnx.convert_sklearn(
        forest,
        initial_types=[(INPUT, kinds.FloatTensorType([None, forest.n_features_in_]))],
        options={id(forest): {"zipmap": False}},
    )
    (folder / ONNX).write_bytes(model.SerializeToString())
