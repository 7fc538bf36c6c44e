"""What came of a prediction: what had been said of an order, beside how it was shipped. Plain values; decides nothing.

A customer's outcomes follow from its log, as its model does: the model gives one for each entry that it learns, and a
rebuild gives the same ones again.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from autoship.domain.prediction import Shipment, Word
from autoship.domain.record import DecidedBy, same_choice


class Outcome(msgspec.Struct, frozen=True):
    """The prediction that the record at ``seq`` was judged by, and what was shipped.

    ``served`` says whether the prediction was given out before the order shipped; otherwise it was made when the
    record was learned, from what had been known at its ``ordered_at``. ``commonest`` says whether the customer's
    commonest choice at that time would have been right: the baseline. ``prediction_id`` is that of the answer, where
    one was given out.
    """

    seq: int
    order_id: str
    ordered_at: datetime
    known_at: datetime
    predicted: Shipment
    shipment: Shipment
    confidence: float
    score: float
    approved: bool
    served: bool
    decided_by: DecidedBy
    commonest: bool
    prediction_id: str | None = None

    @property
    def right(self) -> bool:
        """Whether the whole choice was."""
        return same_choice(self.predicted, self.shipment)

    @property
    def wrong_fields(self) -> list[str]:
        """The fields in which prediction and shipment differ, or that only one of them has."""
        names = {**self.shipment, **self.predicted}
        return [name for name in names if not _same(self.predicted.get(name), self.shipment.get(name))]


class Match(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which outcomes are asked for; what is None does not matter.

    ``field`` names a field of the choice: then ``shipped`` and ``predicted`` are its value, as text, in the shipment
    and in the prediction, and ``right`` asks about that field alone. Without it, ``right`` asks about the whole choice,
    and a value may be any field's, or all of them (`choice_text`). ``since`` (at or after) and ``until`` (before) bound
    `Outcome.known_at`.
    """

    field: str | None = None
    shipped: str | None = None
    predicted: str | None = None
    right: bool | None = None
    approved: bool | None = None
    since: datetime | None = None
    until: datetime | None = None

    def fits(self, outcome: Outcome) -> bool:
        """Whether an outcome is one that is asked for."""
        return (
            (self.approved is None or outcome.approved == self.approved)
            and (self.since is None or outcome.known_at >= self.since)
            and (self.until is None or outcome.known_at < self.until)
            and (self.shipped is None or self._says(outcome.shipment, self.shipped))
            and (self.predicted is None or self._says(outcome.predicted, self.predicted))
            and (self.right is None or self.right == self._right(outcome))
        )

    def _says(self, choice: Shipment, text: str) -> bool:
        if self.field is None:
            return any(word_text(word) == text for word in choice.values()) or choice_text(choice) == text
        return self.field in choice and word_text(choice[self.field]) == text

    def _right(self, outcome: Outcome) -> bool:
        return outcome.right if self.field is None else self.field not in outcome.wrong_fields


def word_text(word: Word) -> str:
    """A field's value as it is written in addresses and in tables."""
    return str(word).lower() if isinstance(word, bool) else str(word)


def choice_text(choice: Shipment) -> str:
    """A whole choice as it is written there: the values, ordered by the names of their fields."""
    return " · ".join(word_text(choice[name]) for name in sorted(choice))


def _same(one: Word | None, other: Word | None) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)
