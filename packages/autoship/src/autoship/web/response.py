"""Bytes as an ASGI response."""

from __future__ import annotations

from starlette.types import Send

JSON = b"application/json"


async def respond(
    send: Send, body: bytes, *headers: tuple[bytes, bytes], status: int = 200, media_type: bytes = JSON
) -> None:
    """Sends the whole response."""
    start = [(b"content-type", media_type), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
