"""A request's body as it arrives, never more of it in memory than its limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from starlette.types import Message, Receive, Scope

from autoship.errors import InputEncoded, InputTooLarge, TooSlow

TOO_SLOW = "the request did not arrive in time: send it faster, or in parts"
LINGER_S = 30.0
LINGER_PAUSE_S = 2.0
"""How long it is read on after an answer, in all, and while nothing comes."""

LATE = "autoship.late"
"""The key in a request's scope that says that its client has taken too long; the server sets it."""


class Disconnected(Exception):
    """The client went away before the end of its request: there is nobody to answer."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body; raises `InputTooLarge` as soon as it is known to be larger than ``limit`` bytes."""
    refuse_encoded(scope)
    refuse_announced(scope, limit)
    return await gather(parts_of(scope, receive), limit)


def refuse_encoded(scope: Scope) -> None:
    """Raises `InputEncoded` where the body is not sent plain: unpacked, a few bytes may be many."""
    for name, value in scope["headers"]:
        if name in _PLAIN and value.strip().lower() not in _PLAIN[name]:
            raise encoded(name, value)


def encoded(name: bytes, value: bytes) -> InputEncoded:
    """What to say of a body that is sent with such a header."""
    return InputEncoded(None, f"{name.decode()}: {value[:40].decode('latin-1')} is not taken: {_MENDS[name]}")


_PLAIN = {b"content-encoding": (b"identity", b""), b"transfer-encoding": (b"chunked",), b"upgrade": ()}
_MENDS = {
    b"content-encoding": "send the body as it is, not compressed",
    b"transfer-encoding": "send the body as it is, in chunks or with a content-length",
    b"upgrade": "speak HTTP/1.1 from the beginning",
}
"""By header; with an upgrade, the server would take the body for the other protocol's, and read none."""


def refuse_announced(scope: Scope, limit: int) -> None:
    """Raises `InputTooLarge` where the client announced more than ``limit`` bytes."""
    announced = header(scope, b"content-length")
    if announced is not None and announced.isdigit() and int(announced) > limit:
        raise too_large(limit)


async def gather(parts: AsyncIterator[bytes], limit: int) -> bytes:
    """The parts as one; raises `InputTooLarge` as soon as they are more than ``limit`` bytes."""
    body: list[bytes] = []
    size = 0
    async for part in parts:
        size += len(part)
        if size > limit:
            raise too_large(limit)
        body.append(part)
    return b"".join(body)


async def follow(first: bytes, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The parts after one that was taken from them already."""
    yield first
    async for part in parts:
        yield part


async def parts_of(scope: Scope, receive: Receive) -> AsyncIterator[bytes]:
    """The body in the parts in which it arrives.

    Raises `Disconnected` where it does not arrive whole, `TooSlow` where that takes longer than a client has.
    """
    more = True
    while more:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        if part := message.get("body", b""):
            yield part
        more = message.get("more_body", False)
        if more and not part and LATE in scope:
            raise TooSlow(TOO_SLOW)


async def discard(receive: Receive) -> None:
    """Reads on, so that a client that is still sending gets to read the answer; ends when it stops, or soon.

    To close a connection with unread data resets it, and the answer with it (RFC 9112, section 9.6).
    """
    more = True
    try:
        async with asyncio.timeout(LINGER_S):
            while more:
                async with asyncio.timeout(LINGER_PAUSE_S):
                    message = await receive()
                more = message["type"] == "http.request" and message.get("more_body", False)
    except TimeoutError:
        return


def body_announced(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether a request with these headers has a body that is not empty, or may have one."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0") != b"")
        for name, value in headers
    )


def header(scope: Scope, name: bytes) -> bytes | None:
    """The header of this name, in lower case; the first where there are several."""
    found: list[tuple[bytes, bytes]] = scope["headers"]
    return next((value for key, value in found if key == name), None)


def too_large(limit: int) -> InputTooLarge:
    """What to say of a body over ``limit`` bytes."""
    return InputTooLarge(None, f"the body has more than {limit:,} bytes: send it in parts")
