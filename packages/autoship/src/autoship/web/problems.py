"""What is said over HTTP where something went wrong: RFC 9457 problems. One table from errors to statuses."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from starlette.types import Send

from autoship.errors import (
    AutoshipError,
    Forbidden,
    HistoryError,
    HistoryUnavailable,
    InputTooLarge,
    InvalidInput,
    Stopping,
    TooSlow,
    Unauthorized,
)
from autoship.web.response import respond

MEDIA_TYPE = b"application/problem+json"
RETRY_AFTER_S = 5
LONGEST_DETAIL = 1_000


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457, section 3.1. ``field`` is a dotted path into what was sent."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None


STATUSES: tuple[tuple[type[AutoshipError], HTTPStatus, str, str], ...] = (
    (InputTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", "Too large"),
    (InvalidInput, HTTPStatus.BAD_REQUEST, "invalid-input", "Invalid input"),
    (Unauthorized, HTTPStatus.UNAUTHORIZED, "unauthorized", "Unauthorized"),
    (Forbidden, HTTPStatus.FORBIDDEN, "forbidden", "Forbidden"),
    (TooSlow, HTTPStatus.REQUEST_TIMEOUT, "too-slow", "Too slow"),
    (Stopping, HTTPStatus.SERVICE_UNAVAILABLE, "stopping", "Stopping"),
    (HistoryUnavailable, HTTPStatus.SERVICE_UNAVAILABLE, "history-unavailable", "History unavailable"),
    (HistoryError, HTTPStatus.SERVICE_UNAVAILABLE, "history-unusable", "History unusable"),
)
"""The first that fits an error: its status, the end of its type, its title."""


def problem_of(error: Exception) -> Problem:
    """The problem for an error. What is not one of ours says nothing of its inside."""
    for kind, status, name, title in STATUSES:
        if isinstance(error, kind):
            field = error.field if isinstance(error, InvalidInput) else None
            detail = str(error) if not isinstance(error, InvalidInput) else f"{field or ''} {error.problem}".lstrip()
            return Problem(f"urn:autoship:problem:{name}", title, status, detail[:LONGEST_DETAIL], field)
    return problem_of_status(HTTPStatus.INTERNAL_SERVER_ERROR, "The fault is the service's, and it was logged.")


def problem_of_status(status: HTTPStatus, detail: str) -> Problem:
    """A problem that is no more than its status (RFC 9457, section 4.2.1)."""
    return Problem("about:blank", status.phrase, status, detail)


async def send_problem(send: Send, problem: Problem, *headers: tuple[bytes, bytes]) -> None:
    """Answers with a problem; where it may help to try again, says when, and how to show who asks, where that does."""
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers = (*headers, (b"www-authenticate", b'Bearer realm="autoship"'))
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers = (*headers, (b"retry-after", b"%d" % RETRY_AFTER_S))
    await respond(send, msgspec.json.encode(problem), *headers, status=problem.status, media_type=MEDIA_TYPE)


async def send_unknown_customer(send: Send, customer_id: str) -> None:
    """Says that there is no such customer."""
    detail = f"Nothing is known of customer {customer_id}: no order of it was sent to /v1/shipments."
    await send_problem(send, problem_of_status(HTTPStatus.NOT_FOUND, detail))
