"""Records and judgements as bytes in the file: MessagePack, without what the row says already."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

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


_encoder = msgspec.msgpack.Encoder()
_record_decoder = msgspec.msgpack.Decoder(_Stored)
_judged_decoder = msgspec.msgpack.Decoder(Judged)


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
    return _encoder.encode(judged)


def unpack_judged(blob: bytes) -> Judged:
    """The judgement in a row."""
    try:
        return _judged_decoder.decode(blob)
    except ValueError as error:
        raise HistoryUnusable(f"a prediction is damaged ({error}): put a backup in place") from error
