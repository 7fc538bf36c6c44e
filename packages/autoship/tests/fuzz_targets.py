"""What must hold for whatever bytes come in: a function for each way in, which fails where its rule is broken, and the
inputs from which a search sets out. ``make fuzz`` searches; ``test_fuzz.py`` runs the seeds and what was found."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from functools import cache
from typing import Any, TypeVar

import msgspec
from autoship.adapters.sqlite.blobs import pack_record, unpack_record
from autoship.domain.batch import same_content
from autoship.domain.log import LogEntry
from autoship.domain.ndjson import parse_line
from autoship.domain.record import Record, choice_key, parse_record
from autoship.domain.request import decode_request, parse_request
from autoship.domain.strict_json import decode_json
from autoship.errors import InvalidInput
from autoship.learning import CustomerModel
from autoship.learning.snapshot import HEADER
from autoship.service.intake import Counts, Intake, Line, take_in
from autoship.web.problems import problem_of
from autoship.web.shipments import SPACE, lines_of, split_lines
from autoship_samples import DAY, GROUND, line, record
from test_learning_hostile import HOSTILE, _places, _put, customer, sealed, survives

T = TypeVar("T")
A_LINE = 24
"""In place of a mebibyte, the longest line of NDJSON here: short inputs get past it."""


def request(data: bytes) -> None:
    """Decoded straight from the bytes and the long way, a request is the same or refused, and it may be sent again."""
    quick = _or_told(lambda: decode_request(data))
    thorough = _or_told(lambda: parse_request(decode_json(data)))
    assert quick == thorough
    if quick is not None:
        _same_json(json.loads(data)["order"], quick.order)
        assert decode_request(msgspec.json.encode(quick)) == quick


def records(data: bytes) -> None:
    """A record comes back from JSON and from the file as it was, and is one choice and one content with itself."""
    value = _or_told(lambda: decode_json(data))
    if value is not None:
        _same_json(json.loads(data), value)
    one = _or_told(lambda: parse_line(data))
    if one is not None:
        assert one.known_at.year <= 2200
        again = parse_record(decode_json(msgspec.json.encode(one)))
        kept = unpack_record(one.customer_id, one.order_id, pack_record(one))
        assert again == kept == one
        assert same_content(again, one)
        assert choice_key(again.shipment) == choice_key(kept.shipment) == choice_key(one.shipment)


def shipments(data: bytes) -> None:
    """However a stream is cut, the same comes of it; each line and each record of an array is counted once."""
    size, body = 1 + data[0] if data else 1, data[1:]
    cut = [body[start : start + size] for start in range(0, len(body), size)]
    whole, parts = (_or_told(lambda pieces=pieces: _run(_take_in(pieces))) for pieces in ([body], cut))
    assert whole == parts
    lines = [_run(_gathered(split_lines(_each(pieces), A_LINE))) for pieces in ([body], cut)]
    assert [_plain(one) for one in lines[0]] == [_plain(one) for one in lines[1]]
    assert [one.number for one in lines[0]] == [n for n, text in enumerate(body.split(b"\n"), 1) if text.strip(SPACE)]


def learner(data: bytes) -> None:
    """Any order is predicted and learned, before and after the choices of others are known."""
    one = _or_told(lambda: parse_line(data))
    if one is None:
        return
    model = CustomerModel()
    other = record(2, one.customer_id, shipment=GROUND)
    for seq, learned in enumerate([one, other, one, other], 1):
        _predicts(model, one)
        for _ in model.learn([LogEntry(seq, learned, seq - 1)]):
            pass
    _predicts(model, one)
    again = CustomerModel.from_bytes(model.to_bytes())
    assert again.predict(one.order, DAY) == model.predict(one.order, DAY)


def snapshot(data: bytes) -> None:
    """A snapshot under a right digest is refused by name, or is a model that predicts, learns and is written again.

    Its first byte says how the others are read: as the whole body, or as changes to the body of a model.
    """
    if not data or data[0] % 4 == 0:
        survives(sealed(data[1:]))
    else:
        survives(sealed(msgspec.msgpack.encode(_altered(data[1:]))))


Target = Callable[[bytes], None]

ORDER = b'{"customer_id":"acme","order_id":"1","ordered_at":"2026-01-05T10:00:00.5+01:00","order":%s}'
ORDERS = [
    b"{}",
    b'{"total":41.5,"weight_oz":-12,"big":9223372036854775807,"tiny":5e-324,"items":[{"sku":"A1","quantity":2},{}]}',
    b'{"":null,"a":{"":[[],[true,false,null]]},"text":"\\u00fc\\ud83d\\ude00 \\"quoted\\": {}","date":"2026-01-05"}',
    b'{"a":' * 31 + b"1" + b"}" * 31,
    b'{ "a" : 1 ,\t"b"\n:2,"a":3}',
    b'{"x":1e999,"y":NaN,"z":"\\ud800","w":99999999999999999999}',
]
LINE = b"".join([line(record(1)), b"\r\n \n", line(record(2, shipped={"cost": 7.95}, decided_by="auto")), b"{}\n[]"])


def seeds() -> dict[str, list[bytes]]:
    """Where the search begins, for each target."""
    lines = [line(record(1)).replace(b'{"total":41.5,"items":[{"sku":"A1"}]}', order) for order in ORDERS]
    body = msgspec.msgpack.encode(_state())
    return {
        "request": [ORDER % order for order in ORDERS] + [b"", b"[]", b"\xef\xbb\xbf{}", b'{"customer_id":"\xff"}'],
        "records": [*lines, LINE, b'{"shipment":{"a":1,"b":1.0,"c":true,"d":"1"}}', line(record(1, took=None))],
        "shipments": [b"\x04" + LINE, b"\x00[%s, 1, {}]" % lines[0], b"\x10\xef\xbb\xbf \n" + LINE, b"\x02\n" * 40],
        "learner": [*lines, line(record(1, shipment={"a": 1, "b": 1.5, "c": True, "d": "x"}))],
        "snapshot": [
            b"\x00" + body,
            *(bytes([1, place, place * 7 % 256, place % 16, 200]) for place in range(0, 256, 8)),
        ],
    }


TARGETS: dict[str, Target] = {one.__name__: one for one in (request, records, shipments, learner, snapshot)}


def _or_told(call: Callable[[], T]) -> T | None:
    """What the call gives; None where it refuses with a problem that can be told."""
    try:
        return call()
    except InvalidInput as error:
        told = msgspec.json.decode(msgspec.json.encode(problem_of(error)))
    assert told["detail"]
    assert told["status"] in (400, 413)
    return None


def _same_json(ours: object, theirs: object) -> None:
    """The standard library's reader sees the same values, of the same types."""
    assert type(ours) is type(theirs)
    if isinstance(ours, dict) and isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for name in ours:
            _same_json(ours[name], theirs[name])
    elif isinstance(ours, list) and isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            _same_json(one, other)
    else:
        assert ours == theirs


def _predicts(model: CustomerModel, one: Record) -> None:
    prediction = model.predict(one.order, one.ordered_at, one.order_id)
    assert math.isfinite(prediction.score)
    assert 0 <= prediction.confidence <= 1
    assert msgspec.json.encode(prediction)


async def _take_in(parts: Sequence[bytes]) -> Intake:
    async def append(chunk: Sequence[Record]) -> Counts:
        return Counts(accepted=len(chunk))

    pending = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    pending.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> dict[str, Any]:
        return pending.pop(0)

    return await take_in(lines_of({"type": "http", "headers": []}, receive), append)


async def _each(parts: Sequence[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def _gathered(lines: AsyncIterator[Line]) -> list[Line]:
    return [one async for one in lines]


def _plain(one: Line) -> tuple[int, bytes | str]:
    return one.number, one.text.problem if isinstance(one.text, InvalidInput) else one.text


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Runs what waits for nothing but its turn, without a loop."""
    while True:
        try:
            work.send(None)
        except StopIteration as end:
            result: T = end.value
            return result


@cache
def _state() -> list[Any]:
    """The body of a small model's snapshot, as plain lists."""
    body: list[Any] = msgspec.msgpack.decode(zlib.decompress(customer(90).to_bytes()[HEADER.size :]))
    return body


@cache
def _all_places() -> list[tuple[int | str, ...]]:
    return list(_places(_state()))


def _altered(script: bytes) -> Any:
    """A snapshot's body with changes: each two bytes for a place, one for a kind of value, then what the kind needs."""
    state: Any = _state()
    at = 0
    while at + 3 <= len(script):
        place = _all_places()[int.from_bytes(script[at : at + 2], "little") % len(_all_places())]
        kind, at = script[at + 2], at + 3
        if kind < 128:
            value: object = HOSTILE[kind % len(HOSTILE)]
        else:
            value, at = _value(kind, script[at : at + 8]), at + 8
        try:
            state = _put(state, place, value)
        except (TypeError, IndexError, KeyError):
            continue
    return state


def _value(kind: int, raw: bytes) -> object:
    number = int.from_bytes(raw, "little")
    return (raw, number, number % 1000 - 500, number / 2**32, [number % 256] * (kind & 7), raw.hex())[kind % 6]
