"""A customer whose model is in memory."""

from __future__ import annotations

import asyncio

from autoship.domain.settings import Settings
from autoship.learning import CustomerModel


class Resident:
    """The model, and which past it is of.

    ``revision`` is the log's, as it was when the model was built; ``stale`` says that it has changed since, and
    ``rebuild`` is what mends that. ``unsaved`` counts the entries that the model learned since its last snapshot.
    ``settings`` are what the customer is held to, once it is rebuilt; ``gone`` says that it was forgotten. The model
    took ``nbytes`` when it had learned ``measured_at`` orders.
    """

    __slots__ = (
        "customer_id", "gone", "measured_at", "model", "nbytes", "rebuild", "revision", "settings", "stale", "unsaved",
    )  # fmt: skip

    def __init__(self, customer_id: str, model: CustomerModel, revision: int, unsaved: int, settings: Settings) -> None:
        self.customer_id = customer_id
        self.model = model
        self.revision = revision
        self.unsaved = unsaved
        self.settings = settings
        self.stale = False
        self.gone = False
        self.nbytes = 0
        self.measured_at = 0
        self.rebuild: asyncio.Task[None] | None = None
