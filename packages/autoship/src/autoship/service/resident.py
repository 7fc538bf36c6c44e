"""A customer whose model is in memory."""

from __future__ import annotations

import asyncio

from autoship.learning import CustomerModel


class Resident:
    """The model, and which past it is of.

    ``revision`` is the log's, as it was when the model was built; ``stale`` says that the log was corrected since, and
    ``rebuild`` is what mends that. ``unsaved`` counts the entries that the model learned since its last snapshot.
    """

    __slots__ = ("customer_id", "model", "rebuild", "revision", "stale", "unsaved")

    def __init__(self, customer_id: str, model: CustomerModel, revision: int, unsaved: int) -> None:
        self.customer_id = customer_id
        self.model = model
        self.revision = revision
        self.unsaved = unsaved
        self.stale = False
        self.rebuild: asyncio.Task[None] | None = None
