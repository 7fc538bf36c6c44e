"""``POST /v1/shipments``: what was shipped, as a JSON array or as NDJSON, which is kept as it streams in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from starlette.types import Receive, Scope, Send

from autoship.domain.strict_json import MALFORMED, explain
from autoship.errors import InvalidInput
from autoship.service import Autoship, Line
from autoship.web.body import follow, gather, parts_of, refuse_announced, refuse_encoded
from autoship.web.density import refuse_too_many_values
from autoship.web.response import respond

ARRAY_LIMIT = 32 * 2**20
LONGEST_LINE = 2**20
SPACE = b" \t\r\n"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_encode = msgspec.json.Encoder().encode
_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode


class ShipmentsEndpoint:
    """Past orders in. What the client calls the body does not matter: an array begins with a bracket, lines do not."""

    def __init__(self, service: Autoship) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        intake = await self._service.take_in(lines_of(scope, receive))
        await respond(send, _encode(intake))


async def lines_of(scope: Scope, receive: Receive) -> AsyncIterator[Line]:
    """The records of a body, each as its text or as what is wrong with it; raises `InvalidInput` for the whole."""
    refuse_encoded(scope)
    parts = parts_of(scope, receive)
    head = await _head(parts)
    if head.lstrip(SPACE).startswith(b"["):
        refuse_announced(scope, ARRAY_LIMIT)
        records = split_array(await gather(follow(head, parts), ARRAY_LIMIT))
        for number, record in enumerate(records, 1):
            text = bytes(record)
            yield Line(number, text if len(text) <= LONGEST_LINE else _too_long("record", LONGEST_LINE))
    else:
        async for line in split_lines(follow(head, parts)):
            yield line


async def _head(parts: AsyncIterator[bytes]) -> bytes:
    """The body up to the first part that has more than white space in it."""
    head = bytearray()
    async for part in parts:
        head += part
        if len(head) <= len(BYTE_ORDER_MARK) and BYTE_ORDER_MARK.startswith(head):
            continue
        fresh = part if len(head) > len(part) + len(BYTE_ORDER_MARK) else bytes(head).removeprefix(BYTE_ORDER_MARK)
        if fresh.strip(SPACE) or len(head) > LONGEST_LINE:
            break
    return bytes(head).removeprefix(BYTE_ORDER_MARK)


def split_array(body: bytes) -> list[msgspec.Raw]:
    """The records of an array, each as its text; raises `InvalidInput` where it is no array of JSON."""
    refuse_too_many_values(body)
    try:
        return _decode_array(body)
    except MALFORMED as error:
        raise explain(body, error) from None


async def split_lines(parts: AsyncIterator[bytes], longest: int = LONGEST_LINE) -> AsyncIterator[Line]:
    """The lines of a stream, but for blank ones. One of more than ``longest`` bytes is not kept, only told.

    White space at a line's beginning is no part of it: a blank line may have any length.
    """
    number = 1
    pending = bytearray()
    skipping = False
    async for part in parts:
        if not pending and not part.strip(SPACE):
            newlines = part.count(b"\n")
            number += newlines
            skipping = skipping and not newlines
            continue
        *whole, rest = part.split(b"\n")
        for end in whole:
            text = bytes(pending + end).lstrip(SPACE)
            pending.clear()
            if not skipping and text:
                yield Line(number, text if len(text) <= longest else _too_long("line", longest))
            skipping = False
            number += 1
        if not skipping:
            pending += rest if pending else rest.lstrip(SPACE)
            if len(pending) > longest:
                yield Line(number, _too_long("line", longest))
                pending.clear()
                skipping = True
    if pending:
        yield Line(number, bytes(pending))


def _too_long(what: str, longest: int) -> InvalidInput:
    return InvalidInput(
        None, f"the {what} has more than {longest:,} bytes: leave out what does not decide the shipment"
    )
