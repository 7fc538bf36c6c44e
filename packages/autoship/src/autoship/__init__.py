"""autoship learns how each customer ships from its past orders, and predicts the next one.

As a library it is one class, `Predictor`, loaded when it is first asked for: the commands that learn nothing start
without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoship.learning.predictor import Predictor

__all__ = ["Predictor"]


def __getattr__(name: str) -> Any:
    if name == "Predictor":
        from autoship.learning.predictor import Predictor

        return Predictor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
