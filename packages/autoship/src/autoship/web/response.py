"""Bytes as an ASGI response."""

from __future__ import annotations

from starlette.types import Message, Send

JSON = b"application/json"


async def respond(
    send: Send, body: bytes, *headers: tuple[bytes, bytes], status: int = 200, media_type: bytes = JSON
) -> None:
    """Sends the whole response."""
    start = [(b"content-type", media_type), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})


class LastlySend:
    """A ``send`` that leaves the response open until `end`, so that the connection stays too."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "more_body": True}
        await self._send(message)

    async def end(self) -> None:
        """Ends the response."""
        await self._send({"type": "http.response.body", "body": b""})
