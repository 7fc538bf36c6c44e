"""One request and its answer, as everybody needs to know of them: what they are called in the log, how they went, and
that an answer which comes before the end of the request reaches its reader."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable
from contextvars import ContextVar
from itertools import count
from time import perf_counter
from typing import Final, TypeAlias

from starlette.types import Message, Receive, Scope, Send

from autoship.web.body import body_announced, discard

REQUEST_ID = re.compile(rb"[!-~]{1,128}")
"""Of others' ids those are taken over that fit on a line and hold no space."""

TRACE = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-[!-~]{0,128})?")
"""W3C Trace Context, section 3.2.2: version, trace-id, parent-id, flags, and what a later version may add."""

_RUN: Final = secrets.token_hex(8).encode()
_numbers = count(1)

NAMING = frozenset({b"x-request-id", b"traceparent"})
WATCHED = NAMING | {b"sec-fetch-site"}

OWN = frozenset({b"same-origin", b"none"})
"""What a browser says of a request that a page of this service made, or its user."""

Headers: TypeAlias = list[tuple[bytes, bytes]]


class Exchange:
    """Stands between the application and the server: its `receive` and `send` are theirs, and watch.

    ``status`` is what was answered, 0 before; ``trace`` the trace-id of a valid ``traceparent``; ``foreign`` says that
    another site's page had a browser ask. After ``ended``, what
    still goes on in its context is nobody's request.
    """

    __slots__ = (
        "_headers", "_lasting", "_receive", "_send", "_whole", "closing", "ended", "foreign", "request_id", "started",
        "status", "trace", "traceparent",
    )  # fmt: skip

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.started = perf_counter()
        self._receive = receive
        self._send = send
        self._headers: Headers = scope["headers"]
        self._whole = False
        self._lasting = False
        self.status = 0
        self.ended = False
        self.closing = False
        self.foreign = False
        self.request_id = b""
        self.trace: bytes | None = None
        self.traceparent: bytes | None = None
        for name, value in self._headers:
            if name in WATCHED:
                self._take_over(name, value)
        if not self.request_id:
            self.request_id = b"%s%08x" % (_RUN, next(_numbers))

    async def receive(self) -> Message:
        """The next part of the request."""
        message = await self._receive()
        if not message.get("more_body"):
            self._whole = True
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """Sends a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            more = [(b"x-request-id", self.request_id)]
            if self.traceparent is not None:
                more.append((b"traceparent", self.traceparent))
            if not self._whole and body_announced(self._headers):
                self._lasting = self.closing = True
            if self.closing:
                more.append((b"connection", b"close"))
            message["headers"] = [*message.get("headers", ()), *more]
        elif self._lasting and not message.get("more_body"):
            return self._send_last(message)
        return self._send(message)

    def break_off(self) -> None:
        """The answer is the last thing on this connection, and the rest of the request is not waited for."""
        self.closing = self._whole = True

    def _take_over(self, name: bytes, value: bytes) -> None:
        """What others call this request, where it can be used."""
        if name == b"sec-fetch-site":
            self.foreign = value not in OWN
        elif name == b"x-request-id":
            if REQUEST_ID.fullmatch(value):
                self.request_id = value
        elif trace := trace_of(value):
            self.trace, self.traceparent = trace, value

    async def _send_last(self, message: Message) -> None:
        """Ends the answer, but for the connection: to close that before the request has come in would reset it."""
        await self._send({**message, "more_body": True})
        await discard(self._receive)
        await self._send({"type": "http.response.body", "body": b""})


current: ContextVar[Exchange | None] = ContextVar("current", default=None)
"""The request that is being answered here."""


def trace_of(traceparent: bytes) -> bytes | None:
    """The trace-id in a ``traceparent``, None where it is not a valid one."""
    found = TRACE.fullmatch(traceparent)
    if found is None:
        return None
    version, trace, parent, more = found.groups()
    if version == b"ff" or (version == b"00" and more is not None):
        return None
    return None if trace.strip(b"0") == b"" or parent.strip(b"0") == b"" else trace
