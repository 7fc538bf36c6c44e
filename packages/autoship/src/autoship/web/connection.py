"""A connection of the HTTP server, bounded where the server's own is not: in what a client may send that is no body.

A body is bounded by who reads it. What comes around it (a head, the sizes of chunks, trailers) is gathered by the
parser without end, and so are requests that do not wait for an answer: one connection could fill the memory.
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from autoship.web.cork import Cork, Turn
from autoship.web.problems import MEDIA_TYPE, problem_of_status

MOST_AROUND = 64 * 2**10
"""Bytes, give or take what is read at once, that may come without a byte of a body among them."""

MOST_WAITING = 100
"""Requests that may wait on one connection for the answer to the one before it. Those beyond are not answered."""

NOT_HTTP = "This is no HTTP/1.1 request that can be read: see RFC 9112."
HEAD_TOO_LARGE = f"The head of a request has at most {MOST_AROUND:,} bytes: send less in its address and headers."


OFFER = re.compile(rb"\r\nupgrade:[ \t]*h2c[ \t]*(?=\r\n[^ \t]|$)", re.IGNORECASE)


def stay_with_http_1(data: bytes) -> bytes:
    """The beginning of a request, without an offer to go on in HTTP/2: Java's ``HttpClient`` makes one with each plain
    request. A server need not take it up (RFC 9110, section 7.8), but the parser would, and take the body for HTTP/2's.
    An offer in a head that comes in pieces is left, and refused with its body."""
    head, end, rest = data.partition(b"\r\n\r\n")
    return OFFER.sub(b"", head) + end + rest if end else data


class Shared(ServerState):
    """What all connections share."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = Turn()


class Connection(HttpToolsProtocol):
    """What cannot be read as a request is answered with a problem, and the connection closed."""

    server_state: Shared
    _around = 0
    _between = True
    _deaf = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Cork(transport, self.server_state.turn))  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._between and b"h2c" in data:
            data = stay_with_http_1(data)
        self._around += len(data)
        if self._around > MOST_AROUND and self._around > len(data):
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, HEAD_TOO_LARGE)
        else:
            super().data_received(data)

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= MOST_WAITING:
            raise OverflowError  # the parser stops here, and the rest is refused as what cannot be read
        self._around = 0
        self._between = False
        super().on_message_begin()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.pipeline:
            self.flow.pause_reading()

    def on_body(self, body: bytes) -> None:
        self._around = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._around = 0
        self._between = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(HTTPStatus.BAD_REQUEST, NOT_HTTP)

    def _unsupported_upgrade_warning(self) -> None:
        """Ends the connection after this answer: the parser takes the body of a request to change protocols for the new
        protocol's, so that a body could pass as the next request."""
        self._deaf = True
        self.cycle.keep_alive = False

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """Answers where it is this request's turn, and closes; a request before it, if it came whole, is answered."""
        self._deaf = True
        cycle = self.cycle
        answering = cycle is not None and not cycle.response_complete
        if answering and not cycle.more_body:
            cycle.keep_alive = False
            return
        if answering:
            cycle.disconnected = True
            cycle.message_event.set()
        if not answering or not (cycle.response_started or self.pipeline):
            body = msgspec.json.encode(problem_of_status(status, detail))
            head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {MEDIA_TYPE.decode()}\r\n"
            self.transport.write(f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        self.transport.close()
