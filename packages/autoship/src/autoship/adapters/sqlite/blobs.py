"""Values as bytes in the file: MessagePack, without what the row says already."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from autoship.domain.outcome import Outcome
from autoship.domain.prediction import Judged, Shipment
from autoship.domain.record import DecidedBy, Record
from autoship.errors import HistoryUnusable


class _Stored(msgspec.Struct, array_like=True):
    ordered_at: datetime
    shipped_at: datetime | None
    decided_by: DecidedBy
    order: dict[str, Any]
    shipment: Shipment
    shipped: dict[str, Any]


class _Judged(msgspec.Struct, array_like=True):
    shipment: Shipment
    score: float
    approved: bool
    through: int
    confidence: float | None
    prediction_id: str | None


class _Outcome(msgspec.Struct, array_like=True):
    """``predicted`` is None where it is what was shipped."""

    order_id: str
    ordered_at: datetime
    known_at: datetime
    shipment: Shipment
    predicted: Shipment | None
    confidence: float
    score: float
    approved: bool
    served: bool
    decided_by: DecidedBy
    commonest: bool
    prediction_id: str | None


_encoder = msgspec.msgpack.Encoder()
_record_decoder = msgspec.msgpack.Decoder(_Stored)
_judged_decoder = msgspec.msgpack.Decoder(_Judged)
_outcome_decoder = msgspec.msgpack.Decoder(_Outcome)


def pack_record(record: Record) -> bytes:
    """All of a record but whose it is and of which order."""
    return _encoder.encode(
        _Stored(record.ordered_at, record.shipped_at, record.decided_by, record.order, record.shipment, record.shipped)
    )


def unpack_record(customer_id: str, order_id: str, blob: bytes) -> Record:
    """The record in a row of the log."""
    try:
        stored = _record_decoder.decode(blob)
    except ValueError as error:
        raise HistoryUnusable(
            f"the record of order {order_id!r} is damaged ({error}): put a backup in place"
        ) from error
    return Record(
        customer_id=customer_id,
        order_id=order_id,
        ordered_at=stored.ordered_at,
        order=stored.order,
        shipment=stored.shipment,
        shipped_at=stored.shipped_at,
        decided_by=stored.decided_by,
        shipped=stored.shipped,
    )


def pack_judged(judged: Judged) -> bytes:
    """A judgement of the log or of a prediction given out."""
    return _encoder.encode(_Judged(*msgspec.structs.astuple(judged)))


def unpack_judged(blob: bytes) -> Judged:
    """The judgement in a row."""
    try:
        return Judged(*msgspec.structs.astuple(_judged_decoder.decode(blob)))
    except ValueError as error:
        raise HistoryUnusable(f"a prediction is damaged ({error}): put a backup in place") from error


def pack_outcome(outcome: Outcome) -> bytes:
    """All of an outcome but its seq."""
    one = outcome
    predicted = None if one.predicted == one.shipment and one.right else one.predicted
    return _encoder.encode(
        _Outcome(
            one.order_id, one.ordered_at, one.known_at, one.shipment, predicted, one.confidence, one.score,
            one.approved, one.served, one.decided_by, one.commonest, one.prediction_id,
        )
    )  # fmt: skip


def unpack_outcome(seq: int, blob: bytes) -> Outcome:
    """The outcome in a row."""
    try:
        one = _outcome_decoder.decode(blob)
    except ValueError as error:
        raise HistoryUnusable(f"an outcome is damaged ({error}): put a backup in place") from error
    predicted = one.shipment if one.predicted is None else one.predicted
    return Outcome(
        seq, one.order_id, one.ordered_at, one.known_at, predicted, one.shipment, one.confidence, one.score,
        one.approved, one.served, one.decided_by, one.commonest, one.prediction_id,
    )  # fmt: skip
