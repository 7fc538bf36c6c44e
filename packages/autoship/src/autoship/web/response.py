"""Bytes as an ASGI response."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.types import Receive, Send

from autoship.errors import HistoryError
from autoship.web.body import Disconnected

JSON = b"application/json"

logger = logging.getLogger(__name__)


async def respond(
    send: Send, body: bytes, *headers: tuple[bytes, bytes], status: int = 200, media_type: bytes = JSON
) -> None:
    """Sends the whole response."""
    start = [(b"content-type", media_type), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})


async def no_content(send: Send) -> None:
    """Sends a response that says no more than that it is done."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def stream(
    receive: Receive,
    send: Send,
    parts: AsyncGenerator[bytes],
    *headers: tuple[bytes, bytes],
    media_type: bytes,
) -> None:
    """Sends a response of unknown length, part by part, as fast as the client reads it, and no more once it is gone.

    What goes wrong before the first part is raised. Later there is no saying so: the connection is cut, so that the
    client takes what it has for no whole.
    """
    async with aclosing(parts):
        first = await anext(parts, b"")
        left = asyncio.ensure_future(_left(receive))
        try:
            await send(
                {"type": "http.response.start", "status": 200, "headers": [(b"content-type", media_type), *headers]}
            )
            await send({"type": "http.response.body", "body": first, "more_body": True})
            async for part in parts:
                if left.done():
                    raise Disconnected
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except HistoryError as error:
            logger.warning("a response was cut: %s", error)
            raise Disconnected from error
        finally:
            left.cancel()


async def _left(receive: Receive) -> None:
    """Ends when the client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass
