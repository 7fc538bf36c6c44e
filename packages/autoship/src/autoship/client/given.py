"""What an application gives to be sent: records and orders, as values or as dicts, written as JSON. Checks nothing that
the service checks: what is wrong with a record is told by its answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec

from autoship.client.answers import Choice, Intake, Prediction, Rejected
from autoship.client.errors import CallFailed, NotSendable

CHUNK_RECORDS = 5_000
CHUNK_BYTES = 8 * 2**20
MOST_ORDERS = 500
MOST_REJECTED = 1_000
SPACE = b" \t\r\n"


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A past order and how it was shipped. Times are aware. ``decided_by`` is ``auto`` where nobody looked."""

    customer_id: str
    order_id: str
    ordered_at: datetime
    order: Mapping[str, Any]
    shipment: Choice
    shipped_at: datetime | None = None
    decided_by: Literal["person", "auto"] = "person"
    shipped: Mapping[str, Any] | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order to be predicted. ``ordered_at`` is aware; where it is None, the order is of now."""

    customer_id: str
    order: Mapping[str, Any]
    order_id: str | None = None
    ordered_at: datetime | None = None


SentRecord: TypeAlias = Record | Mapping[str, Any] | str | bytes
"""A record as a value, as a dict, or as the line of NDJSON that it is in a file."""

SentOrder: TypeAlias = Order | Mapping[str, Any]

_encode = msgspec.json.Encoder().encode


def encode(value: object) -> bytes:
    """As JSON; raises `NotSendable`."""
    try:
        return _encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise NotSendable(None, f"cannot be written as JSON: {error}") from error


def encode_record(record: SentRecord) -> bytes:
    """As one line of NDJSON, without its end; empty for a line that is blank. Raises `NotSendable`."""
    if not isinstance(record, str | bytes):
        return encode(record)
    try:
        line = (record.encode() if isinstance(record, str) else record).strip(SPACE)
    except UnicodeEncodeError as error:
        raise NotSendable(None, f"cannot be written as UTF-8: {error}") from error
    if b"\n" in line:
        raise NotSendable(None, "is one line of NDJSON, with no line break in it")
    return line


class Chunk:
    """Records that are sent in one request, kept until it is answered, so that it may be sent again."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._places: list[int] = []
        self._unsendable: list[Rejected] = []
        self._size = 0

    def add(self, place: int, record: SentRecord) -> None:
        """Adds a record with its place among all that was given; one that cannot be sent is rejected here."""
        try:
            line = encode_record(record)
        except NotSendable as error:
            self._unsendable.append(Rejected(place, None, str(error)))
            return
        if line:
            self._lines.append(line)
            self._places.append(place)
            self._size += len(line) + 1

    @property
    def full(self) -> bool:
        """Whether it is to be sent before more is added."""
        return len(self._lines) + len(self._unsendable) >= CHUNK_RECORDS or self._size >= CHUNK_BYTES

    @property
    def body(self) -> bytes:
        """As NDJSON; empty where there is nothing to send."""
        return b"".join([line + b"\n" for line in self._lines])

    def placed(self, intake: Intake) -> Intake:
        """What became of all that was added, where ``intake`` is what became of what was sent."""
        rejected = [
            msgspec.structs.replace(one, line=self._places[one.line - 1])
            for one in intake.rejected
            if 1 <= one.line <= len(self._places)
        ]
        together = sorted([*rejected, *self._unsendable], key=lambda one: one.line)
        total = intake.rejected_total + len(self._unsendable)
        return msgspec.structs.replace(intake, rejected=tuple(together), rejected_total=total)


def together(one: Intake, other: Intake) -> Intake:
    """What became of the records of both."""
    return Intake(
        one.accepted + other.accepted,
        one.unchanged + other.unchanged,
        one.replaced + other.replaced,
        (*one.rejected, *other.rejected)[:MOST_REJECTED],
        one.rejected_total + other.rejected_total,
    )


class Batch:
    """Orders that are asked for in one request. One that cannot be sent has what is wrong with it in its place."""

    def __init__(self) -> None:
        self._places: list[bytes | NotSendable] = []
        self._size = 0

    def add(self, order: SentOrder) -> None:
        """Adds an order."""
        try:
            text = encode(order)
        except NotSendable as error:
            self._places.append(error)
        else:
            self._places.append(text)
            self._size += len(text) + 1

    @property
    def full(self) -> bool:
        """Whether it is to be sent before more is added."""
        return len(self._places) >= MOST_ORDERS or self._size >= CHUNK_BYTES

    @property
    def count(self) -> int:
        """How many of the orders are sent."""
        return sum(isinstance(place, bytes) for place in self._places)

    @property
    def body(self) -> bytes:
        """As ``POST /v1/predictions`` takes it."""
        return b'{"orders":[' + b",".join([place for place in self._places if isinstance(place, bytes)]) + b"]}"

    def placed(self, answered: Iterable[Prediction | CallFailed]) -> list[Prediction | CallFailed]:
        """What is said of each order, where ``answered`` is said of those that were sent."""
        said = iter(answered)
        return [place if isinstance(place, NotSendable) else next(said) for place in self._places]


def refuse_one(given: object) -> None:
    """Raises `TypeError` where one record or order was given for several: its names would be taken for them."""
    if isinstance(given, Mapping | msgspec.Struct | bytes | str):
        raise TypeError("takes several records or orders: put a single one into a list")
