"""``POST /v1/prediction`` and ``POST /v1/predictions``: orders in, predictions out."""

from __future__ import annotations

import msgspec
from starlette.types import Receive, Scope, Send

from autoship.domain.record import unknown_field
from autoship.domain.request import decode_request
from autoship.domain.strict_json import MALFORMED, explain
from autoship.errors import AutoshipError, InputTooLarge, InvalidInput
from autoship.service import Autoship
from autoship.web.body import (
    Disconnected,
    follow,
    gather,
    parts_of,
    read_body,
    refuse_announced,
    refuse_encoded,
    too_large,
)
from autoship.web.density import refuse_too_many_values
from autoship.web.problems import Problem, problem_of
from autoship.web.response import respond

ONE_LIMIT = 2**20
MANY_LIMIT = 32 * 2**20
MOST_ORDERS = 1_000

_encode = msgspec.json.Encoder().encode


class PredictionEndpoint:
    """One order. Kept thin: this is what clients wait for."""

    def __init__(self, service: Autoship) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refuse_encoded(scope)
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        body = message.get("body", b"")
        if message.get("more_body"):
            refuse_announced(scope, ONE_LIMIT)
            body = await gather(follow(body, parts_of(scope, receive)), ONE_LIMIT)
        elif len(body) > ONE_LIMIT:
            raise too_large(ONE_LIMIT)
        await respond(send, await self._service.predict_text(decode_request(body)))


class PredictionsEndpoint:
    """Many orders; a bad one spoils only its own place."""

    def __init__(self, service: Autoship) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        orders = orders_in(await read_body(scope, receive, MANY_LIMIT))
        places = await self._service.predict_many(orders)
        await respond(send, _encode({"predictions": [_place(place) for place in places]}))


def orders_in(body: bytes) -> list[msgspec.Raw]:
    """The orders of a batch, each as its text; raises `InvalidInput`."""
    refuse_too_many_values(body)
    try:
        batch = _decode_batch(body)
    except msgspec.ValidationError:
        raise _misshapen(body) from None
    except MALFORMED as error:
        raise explain(body, error) from None
    if len(batch.orders) > MOST_ORDERS:
        raise InputTooLarge("orders", f"has at most {MOST_ORDERS:,} orders, not {len(batch.orders):,}: ask in parts")
    return batch.orders


class _Batch(msgspec.Struct, forbid_unknown_fields=True):
    orders: list[msgspec.Raw]


_decode_batch = msgspec.json.Decoder(_Batch).decode


class Spoilt(msgspec.Struct, frozen=True):
    """What stands in the place of an order that cannot be predicted."""

    error: Problem


def _place(place: bytes | AutoshipError) -> msgspec.Raw | Spoilt:
    return msgspec.Raw(place) if isinstance(place, bytes) else Spoilt(problem_of(place))


def _misshapen(body: bytes) -> InvalidInput:
    try:
        names = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except MALFORMED:
        return InvalidInput(None, 'a batch is an object: {"orders": […]}')
    for name in names:
        if name != "orders":
            return InvalidInput(name, unknown_field(name, ("orders",)))
    if not names:
        return InvalidInput("orders", "is missing")
    return InvalidInput("orders", "is a list of orders")
