"""What a refused request says, as an error. One table from statuses and problem types to classes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import msgspec

from autoship.client.errors import (
    Encoded,
    Forbidden,
    HistoryUnavailable,
    HistoryUnusable,
    InvalidInput,
    NotFound,
    Refused,
    ServiceFault,
    Stopping,
    TooLarge,
    TooSlow,
    Unauthorized,
    Unavailable,
)

PROBLEM = "urn:autoship:problem:"
LONGEST_DETAIL = 300

BY_TYPE: dict[str, type[Refused]] = {
    f"{PROBLEM}invalid-input": InvalidInput,
    f"{PROBLEM}too-large": TooLarge,
    f"{PROBLEM}encoded": Encoded,
    f"{PROBLEM}unauthorized": Unauthorized,
    f"{PROBLEM}forbidden": Forbidden,
    f"{PROBLEM}too-slow": TooSlow,
    f"{PROBLEM}stopping": Stopping,
    f"{PROBLEM}history-unavailable": HistoryUnavailable,
    f"{PROBLEM}history-unusable": HistoryUnusable,
}
BY_STATUS: dict[int, type[Refused]] = {
    400: InvalidInput,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    408: Unavailable,
    413: TooLarge,
    415: Encoded,
    429: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457, section 3.1. Any of it may be missing."""

    type: str = "about:blank"
    title: str = ""
    status: int = 0
    detail: str = ""
    field: str | None = None


def refusal_of(problem: Problem, retry_after: float | None) -> Refused:
    """The error for a problem; one that is not known is an error of its status."""
    by_status = BY_STATUS.get(problem.status, ServiceFault if problem.status >= 500 else Refused)
    kind = BY_TYPE.get(problem.type, by_status)
    title = problem.title or _phrase(problem.status)
    return kind(problem.status, problem.type, title, problem.detail, field=problem.field, retry_after=retry_after)


def problem_in(status: int, headers: Mapping[str, str], body: bytes) -> Problem:
    """The problem in an answer, or what can be said of one that tells none, such as a proxy's page."""
    if "json" in headers.get("content-type", ""):
        try:
            return msgspec.structs.replace(msgspec.json.decode(body, type=Problem), status=status)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    text = " ".join(body[: 4 * LONGEST_DETAIL].decode(errors="replace").split())
    return Problem(status=status, detail=text[:LONGEST_DETAIL])


def retry_after_in(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds of ``Retry-After`` (RFC 9110, section 10.2.3), which may be a time; None where there is none."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) < 10 else math.inf
    try:
        time = parsedate_to_datetime(text)
    except ValueError:
        return None
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return max(0.0, (time - now).total_seconds())


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Refused"
