"""What is the same for as long as the process runs: made once, named by its `ETag`, and not sent to who has it."""

from __future__ import annotations

import hashlib

from starlette.types import Receive, Scope, Send

from autoship.web.body import header
from autoship.web.response import JSON, respond


class Static:
    """An endpoint that answers with ``body``, or with 304 where the client names the one it has (RFC 9110, 13.1.2)."""

    def __init__(self, body: bytes, *headers: tuple[bytes, bytes], media_type: bytes = JSON) -> None:
        self._body = body
        self._etag = b'"%s"' % hashlib.sha256(body).hexdigest()[:16].encode()
        self._headers = ((b"etag", self._etag), (b"cache-control", b"no-cache"), *headers)
        self._media_type = media_type

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._known(header(scope, b"if-none-match") or b""):
            await send({"type": "http.response.start", "status": 304, "headers": list(self._headers)})
            await send({"type": "http.response.body", "body": b""})
        else:
            await respond(send, self._body, *self._headers, media_type=self._media_type)

    def _known(self, named: bytes) -> bool:
        names = [name.strip().removeprefix(b"W/") for name in named.split(b",")]
        return self._etag in names or names == [b"*"]
