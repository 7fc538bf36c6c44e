"""The calls as values: what is sent, and how the answer is read. Pure: neither sends nor waits, so that both clients
are the same but for how they wait.

Every call may be sent again after an attempt of which nobody knows what it did:

- a prediction changes nothing that was learned; of an order's predictions the last one before it ships is the one that
  its record is judged by;
- records are known by customer and order: the same one again changes nothing;
- settings are sent as what they are to be, never as a change to what they are;
- what is forgotten stays forgotten: a second time it is not found, which is then what was wanted;
- all others only read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Generic, Literal, TypeAlias, TypedDict, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec import UNSET, UnsetType

from autoship.client import answers
from autoship.client.errors import AnswerUnreadable, CallFailed, NotSendable
from autoship.client.given import Order, encode
from autoship.client.refusals import Problem, problem_in, refusal_of, retry_after_in

T = TypeVar("T")

Format: TypeAlias = Literal["ndjson", "csv"]

JSON = "application/json"
NDJSON = "application/x-ndjson"


class Answer(msgspec.Struct, frozen=True):
    """A whole answer, which came at the time ``at``. The names of ``headers`` are in lower case.

    ``again`` says whether an attempt before this one may have been carried out.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    at: datetime
    again: bool = False


class Call(msgspec.Struct, Generic[T], frozen=True):
    """One request, and how its answer is read: ``read`` raises `Refused` or `AnswerUnreadable`.

    ``once`` is for what is of no use when it comes late.
    """

    method: str
    target: str
    read: Callable[[Answer], T]
    body: bytes | None = None
    media_type: str = JSON
    once: bool = False


class Filters(TypedDict, total=False):
    """Which predictions are asked for; what is absent or None does not matter.

    ``field`` names a field of the choice: then ``shipped`` and ``predicted`` are its value, as text, and ``right`` asks
    about that field alone. Without it, a value may be any field's, and ``right`` asks about the whole choice. ``since``
    (at or after) and ``until`` (before) bound when the outcome became known, and are aware.
    """

    field: str | None
    shipped: str | None
    predicted: str | None
    right: bool | None
    approved: bool | None
    since: datetime | None
    until: datetime | None


def predict(order: Order) -> Call[answers.Prediction]:
    """``POST /v1/prediction``"""
    return Call("POST", "/v1/prediction", _read_prediction, encode(order))


def predict_many(count: int, body: bytes) -> Call[list[answers.Prediction | CallFailed]]:
    """``POST /v1/predictions``, for ``count`` orders."""

    def read(answer: Answer) -> list[answers.Prediction | CallFailed]:
        places = _read_predictions(answer).predictions
        if len(places) != count:
            raise AnswerUnreadable(f"{len(places)} predictions came for {count} orders")
        return [_place(place) for place in places]

    return Call("POST", "/v1/predictions", read, body)


def ship(body: bytes) -> Call[answers.Intake]:
    """``POST /v1/shipments``, as NDJSON."""
    return Call("POST", "/v1/shipments", _read_intake, body, NDJSON)


def customers(after: str | None, limit: int) -> Call[tuple[list[answers.Listed], str | None]]:
    """``GET /v1/customers``: a page, and after which customer the next one begins."""

    def read(answer: Answer) -> tuple[list[answers.Listed], str | None]:
        page = _read_customers(answer)
        return page.customers, page.next

    return Call("GET", "/v1/customers" + _query(after=after, limit=limit), read)


def customer(customer_id: str) -> Call[answers.Customer]:
    """``GET /v1/customers/{id}``"""
    return Call("GET", _path(customer_id), _read_customer)


def set_(
    customer_id: str, max_error: float | UnsetType | None, audit: float | UnsetType | None
) -> Call[answers.Customer]:
    """``PATCH /v1/customers/{id}``"""
    named = {"max_error": max_error, "audit": audit}
    changes = {name: value for name, value in named.items() if value is not UNSET}
    return Call("PATCH", _path(customer_id), _read_customer, encode(changes))


def forget(customer_id: str) -> Call[None]:
    """``DELETE /v1/customers/{id}``"""
    return Call("DELETE", _path(customer_id), _read_gone)


def forget_shipment(customer_id: str, order_id: str) -> Call[None]:
    """``DELETE /v1/customers/{id}/shipments/{order_id}``"""
    return Call("DELETE", f"{_path(customer_id)}/shipments/{_segment('order_id', order_id)}", _read_gone)


def predictions(
    customer_id: str, filters: Filters, cursor: str | None, limit: int
) -> Call[tuple[list[answers.Outcome], str | None]]:
    """``GET /v1/customers/{id}/predictions``: a page, newest first, and where the next one begins."""

    def read(answer: Answer) -> tuple[list[answers.Outcome], str | None]:
        page = _read_outcomes(answer)
        return page.predictions, page.next

    query = _query(**filters, cursor=cursor, limit=limit)
    return Call("GET", f"{_path(customer_id)}/predictions{query}", read)


def export(customer_id: str, filters: Filters, format: Format) -> Call[None]:
    """``GET /v1/customers/{id}/predictions`` as a stream: what is read here is only whether there is one."""
    query = _query(**filters, format=format)
    return Call("GET", f"{_path(customer_id)}/predictions{query}", _refuse)


def health() -> Call[answers.Health]:
    """``GET /readyz``"""
    return Call("GET", "/readyz", _read_health, once=True)


class _Spoilt(msgspec.Struct):
    error: Problem | None = None


class _Predictions(msgspec.Struct):
    predictions: list[msgspec.Raw]


class _Customers(msgspec.Struct):
    customers: list[answers.Listed]
    next: str | None = None


class _Outcomes(msgspec.Struct):
    predictions: list[answers.Outcome]
    next: str | None = None


def _place(place: msgspec.Raw) -> answers.Prediction | CallFailed:
    error = _decode(_decode_spoilt, place).error
    return _decode(_decode_prediction, place) if error is None else refusal_of(error, None)


def _read(shape: type[T]) -> Callable[[Answer], T]:
    decode = msgspec.json.Decoder(shape).decode

    def read(answer: Answer) -> T:
        _refuse(answer)
        return _decode(decode, answer.body)

    return read


def _decode(decode: Callable[[Any], T], text: bytes | msgspec.Raw) -> T:
    try:
        return decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AnswerUnreadable(f"not an answer of autoship: {error}") from error


def _read_gone(answer: Answer) -> None:
    if answer.status != 404 or not answer.again:
        _refuse(answer)


def _refuse(answer: Answer) -> None:
    if not 200 <= answer.status < 300:
        problem = problem_in(answer.status, answer.headers, answer.body)
        raise refusal_of(problem, retry_after_in(answer.headers, answer.at))


def _path(customer_id: str) -> str:
    return f"/v1/customers/{_segment('customer_id', customer_id)}"


def _segment(field: str, text: str) -> str:
    """Part of a path. What stands before the service may take ``.`` and ``..`` as a way through folders."""
    if text in ("", ".", ".."):
        raise NotSendable(field, f"cannot be {text!r} in an address")
    try:
        return quote(text, safe="")
    except UnicodeEncodeError as error:
        raise NotSendable(field, "contains a lone surrogate") from error


def _query(**named: object) -> str:
    given = {name: _text(name, value) for name, value in named.items() if value is not None}
    return f"?{urlencode(given)}" if given else ""


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise NotSendable(name, "has no time zone")
        return value.isoformat()
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NotSendable(name, "contains a lone surrogate") from error
    return text


_decode_spoilt = msgspec.json.Decoder(_Spoilt).decode
_decode_prediction = msgspec.json.Decoder(answers.Prediction).decode
_read_prediction = _read(answers.Prediction)
_read_predictions = _read(_Predictions)
_read_intake = _read(answers.Intake)
_read_customers = _read(_Customers)
_read_customer = _read(answers.Customer)
_read_outcomes = _read(_Outcomes)
_read_health = _read(answers.Health)
