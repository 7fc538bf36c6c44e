"""What is answered to who asks: the shape of the response, field by field."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from autoship.domain.prediction import Alternative, Because, LearnedFrom, Prediction, Reason, Shipment

DIGITS = 4
CLOSEST_TO_CERTAIN = 1 - 10**-DIGITS


class Answer(msgspec.Struct, frozen=True):
    """A prediction as it is given out. ``reason`` is there only where the order is not approved."""

    prediction_id: str
    order_id: str | None
    shipment: Shipment | None
    confidence: float
    approved: bool
    alternatives: tuple[Alternative, ...]
    because: tuple[Because, ...]
    learned_from: LearnedFrom
    degraded: tuple[str, ...]
    reason: Reason | UnsetType = UNSET


def answer(prediction: Prediction, *, prediction_id: str, order_id: str | None, degraded: tuple[str, ...]) -> Answer:
    """The answer for one order."""
    return Answer(
        prediction_id,
        order_id,
        prediction.shipment,
        rounded(prediction.confidence),
        prediction.approved,
        tuple([Alternative(other.shipment, rounded(other.confidence)) for other in prediction.alternatives]),
        prediction.because,
        prediction.learned_from,
        degraded,
        UNSET if prediction.reason is None else prediction.reason,
    )


def rounded(confidence: float) -> float:
    """To four digits, and never to a certainty that is none."""
    short = round(confidence, DIGITS)
    return CLOSEST_TO_CERTAIN if short >= 1 > confidence else short
