"""What both clients share of an exchange: every error of the library as one of ours, and the answer put together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import httpcore2

from autoship.client.calls import Answer, Call
from autoship.client.deadline import Deadline
from autoship.client.errors import (
    AnswerUnreadable,
    CallFailed,
    CannotConnect,
    ConnectionLost,
    DeadlineExceeded,
    NotSendable,
)
from autoship.client.options import Address, Options

LARGEST_ANSWER = 64 * 2**20
LARGEST_REFUSAL = 2**16

ERRORS: tuple[tuple[type[Exception], type[CallFailed], str], ...] = (
    (httpcore2.TimeoutException, DeadlineExceeded, "no answer in time"),
    (httpcore2.ConnectError, CannotConnect, "cannot connect"),
    (httpcore2.ProxyError, CannotConnect, "cannot connect"),
    (httpcore2.NetworkError, ConnectionLost, "the connection was lost"),
    (httpcore2.ConnectionNotAvailable, ConnectionLost, "the connection was lost"),
    (httpcore2.RemoteProtocolError, AnswerUnreadable, "what answered does not speak HTTP"),
    (httpcore2.ProtocolError, NotSendable, "cannot be sent"),
    (httpcore2.UnsupportedProtocol, NotSendable, "cannot be sent"),
    (OSError, ConnectionLost, "the connection was lost"),
)
"""The first that fits an error of the library: ours, and what to say."""


@contextmanager
def mapped(address: Address, deadline: Deadline) -> Iterator[None]:
    """Raises what the library raises as an error of ours."""
    try:
        yield
    except tuple(kind for kind, _, _ in ERRORS) as error:
        raise _ours(error, address, deadline) from error


def _ours(error: Exception, address: Address, deadline: Deadline) -> CallFailed:
    ours, text = next((ours, text) for kind, ours, text in ERRORS if isinstance(error, kind))
    if ours is AnswerUnreadable and deadline.ended:
        ours, text = ConnectionLost, "the connection was closed before the end of the answer"
    said = f"{address}: {text}: {error}" if str(error) else f"{address}: {text}"
    return NotSendable(None, said) if ours is NotSendable else ours(said)


class Gathering:
    """An answer on its way in. Bounded: a stranger may answer without end."""

    def __init__(self, response: httpcore2.Response) -> None:
        self.status = response.status
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def refused(self) -> bool:
        """Whether it is no success."""
        return not 200 <= self.status < 300

    def add(self, part: bytes) -> bool:
        """Adds a part of the body; whether to go on. Raises `AnswerUnreadable` where there is too much of it."""
        self._parts.append(part)
        self._size += len(part)
        if self.refused:
            return self._size < LARGEST_REFUSAL
        if self._size > LARGEST_ANSWER:
            raise AnswerUnreadable(f"the answer has more than {LARGEST_ANSWER:,} bytes")
        return True

    def answer(self, again: bool) -> Answer:
        """The whole of it."""
        return Answer(self.status, self.headers, b"".join(self._parts), datetime.now(UTC), again)


def request_of(
    call: Call[object], address: Address, options: Options, request_id: str, deadline: Deadline
) -> httpcore2.Request:
    """The request of one attempt."""
    headers = options.headers(call, address, request_id)
    if call.body is not None:
        headers.append(("Content-Length", str(len(call.body))))
    elif call.method != "GET":
        headers.append(("Content-Length", "0"))
    return httpcore2.Request(
        call.method,
        address.url(call.target),
        headers=headers,
        content=call.body,
        extensions={"timeout": deadline.timeouts()},
    )
