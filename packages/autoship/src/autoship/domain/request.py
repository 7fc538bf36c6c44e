"""One order that somebody wants predicted, and the checks that make it one. Decides what is taken; predicts nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from autoship.domain.record import (
    check_customer_id,
    check_object,
    check_order_id,
    count_names,
    parse_time,
    unknown_field,
)
from autoship.domain.strict_json import MALFORMED, decode_json, refuse_repeated_names
from autoship.errors import InvalidInput


class PredictionRequest(msgspec.Struct, frozen=True):
    """An order of a customer. ``ordered_at`` is None where it is to be taken as now."""

    customer_id: str
    order: dict[str, Any]
    order_id: str | None = None
    ordered_at: datetime | None = None


class _Shape(msgspec.Struct, forbid_unknown_fields=True):
    """The request as a good client sends it: decoded straight from the bytes, checked afterwards."""

    customer_id: str
    order: dict[str, Any]
    order_id: str | UnsetType | None = UNSET
    ordered_at: str | UnsetType | None = UNSET


_FIELDS = _Shape.__struct_fields__
_decode = msgspec.json.Decoder(_Shape).decode


def decode_request(data: bytes) -> PredictionRequest:
    """The request in a JSON text; raises `InvalidInput`."""
    try:
        shape = _decode(data)
    except MALFORMED:
        return parse_request(decode_json(data))
    names = count_names(shape.order)
    if names is None:
        return parse_request(decode_json(data))
    order_id, ordered_at = shape.order_id, shape.ordered_at
    refuse_repeated_names(
        data,
        names + 2 + (order_id is not UNSET) + (ordered_at is not UNSET),
        colons=ordered_at.count(":") if isinstance(ordered_at, str) else 0,
    )
    return PredictionRequest(
        check_customer_id(shape.customer_id),
        shape.order,
        None if order_id is None or order_id is UNSET else check_order_id(order_id),
        None if ordered_at is None or ordered_at is UNSET else parse_time(ordered_at, "ordered_at"),
    )


def parse_request(value: object) -> PredictionRequest:
    """The request in a decoded JSON value; raises `InvalidInput` with the first field that is wrong."""
    if not isinstance(value, dict):
        raise InvalidInput(None, 'a prediction is asked for with a JSON object: {"customer_id": …, "order": {…}}')
    for name in value:
        if name not in _FIELDS:
            raise InvalidInput(str(name), unknown_field(name, _FIELDS))
    for name in ("customer_id", "order"):
        if name not in value:
            raise InvalidInput(name, "is missing")
    order_id, ordered_at = value.get("order_id"), value.get("ordered_at")
    return PredictionRequest(
        check_customer_id(value["customer_id"]),
        check_object(value["order"], "order"),
        None if order_id is None else check_order_id(order_id),
        None if ordered_at is None else parse_time(ordered_at, "ordered_at"),
    )
