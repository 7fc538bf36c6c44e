"""A request's body as it arrives, never more of it in memory than its limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.types import Message, Receive, Scope

from autoship.errors import InputEncoded, InputTooLarge

LINGER_S = 2.0
LINGER_BYTES = 64 * 2**20


class Disconnected(Exception):
    """The client went away before the end of its request: there is nobody to answer."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body; raises `InputTooLarge` as soon as it is known to be larger than ``limit`` bytes."""
    refuse_encoded(scope)
    refuse_announced(scope, limit)
    return await gather(parts_of(receive), limit)


def refuse_encoded(scope: Scope) -> None:
    """Raises `InputEncoded` where the body is not sent plain: unpacked, a few bytes may be many."""
    for name, value in scope["headers"]:
        if name in _PLAIN and value.strip().lower() not in _PLAIN[name]:
            shown = value[:40].decode("latin-1")
            raise InputEncoded(None, f"{name.decode()}: {shown} is not taken: {_MENDS[name]}")


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


async def parts_of(receive: Receive) -> AsyncIterator[bytes]:
    """The body in the parts in which it arrives; raises `Disconnected` where it does not arrive whole."""
    more = True
    while more:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        if part := message.get("body", b""):
            yield part
        more = message.get("more_body", False)


async def discard(receive: Receive) -> None:
    """Reads on for a moment, so that a client that is still sending gets to read the answer.

    To close a connection with unread data resets it, and the answer with it (RFC 9112, section 9.6).
    """
    size = 0
    try:
        async with asyncio.timeout(LINGER_S):
            async for part in parts_of(receive):
                size += len(part)
                if size > LINGER_BYTES:
                    return
    except (TimeoutError, Disconnected):
        return


def header(scope: Scope, name: bytes) -> bytes | None:
    """The header of this name, in lower case; the first where there are several."""
    found: list[tuple[bytes, bytes]] = scope["headers"]
    return next((value for key, value in found if key == name), None)


def too_large(limit: int) -> InputTooLarge:
    """What to say of a body over ``limit`` bytes."""
    return InputTooLarge(None, f"the body has more than {limit:,} bytes: send it in parts")
