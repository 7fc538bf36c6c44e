"""The learner: pure, deterministic, online. A model is a fold over one customer's log."""

from autoship.learning.model import CustomerModel

__all__ = ["CustomerModel"]
