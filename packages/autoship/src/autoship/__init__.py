"""autoship learns how each customer ships from its past orders, and predicts the next one."""

from autoship.learning.predictor import Predictor

__all__ = ["Predictor"]
