"""BentoML around the same forest in onnxruntime: ``bentoml serve serving_bentoml:Shipping``, in its own environment.

The variable ``FOREST`` names the folder with the forest.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bentoml
from serving_features import Columns
from serving_session import session


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Shipping:
    """As BentoML's documentation would have it: a typed method, which its framework validates and serialises."""

    def __init__(self) -> None:
        folder = Path(os.environ["FOREST"])
        self._columns = Columns.load(folder / "columns.json")
        self._probabilities = session(folder / "forest.onnx")

    @bentoml.api(route="/v1/prediction")
    async def predict(
        self,
        customer_id: str,
        order: dict[str, Any],
        order_id: str | None = None,
        ordered_at: datetime | None = None,
    ) -> dict[str, Any]:
        row = self._columns.row(order, ordered_at or datetime.now(UTC))
        return self._columns.answer(order_id, self._probabilities(row)[0])
