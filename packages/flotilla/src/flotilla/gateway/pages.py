"""The pages that the gateway itself answers with: plain, small, and without a word of what it is made of."""

from __future__ import annotations

from flotilla.gateway.words import quoted

TYPE = "'text/html; charset=utf-8'"

_PAGES = {
    400: ("Bad request", "The request could not be understood."),
    403: ("Forbidden", "This page is not for your address."),
    404: ("Not found", "There is nothing at this address."),
    408: ("Request timeout", "The request did not come in time."),
    413: ("Content too large", "The body of the request is longer than this service takes."),
    414: ("URI too long", "The address of the request is too long."),
    431: ("Headers too large", "The headers of the request are too long."),
    500: ("Internal error", "Something went wrong here. Please try again."),
    502: ("Bad gateway", "The service did not give a proper answer. Please try again."),
    503: ("Service unavailable", "The service is not there at the moment. Please try again in a few seconds."),
    504: ("Gateway timeout", "The service took too long to answer."),
}

_OF_HAPROXY = (400, 403, 408, 413, 500, 502, 503, 504)
_AGAIN = " hdr Retry-After 2"


def error_lines() -> list[str]:
    """What ``defaults`` says of the errors that HAProxy itself answers."""
    return [f"http-error status {status} content-type {TYPE} string {_body(status)}{_more(status)}"
            for status in _OF_HAPROXY]  # fmt: skip


def answer(status: int) -> str:
    """``return …``, for a rule: the page of a status."""
    return f"return status {status} content-type {TYPE} string {_body(status)}{_more(status)}"


def away(what: str) -> str:
    """For a backend: the page of a part of the gateway that is not there."""
    body = _html("503 Service unavailable", f"{what} is away at the moment; requests to the services go on.")
    return f"http-error status 503 content-type {TYPE} string {body}{_AGAIN}"


def _more(status: int) -> str:
    return (_AGAIN if status == 503 else "") + " hdr Cache-Control no-store"


def _body(status: int) -> str:
    title, words = _PAGES[status]
    return _html(f"{status} {title}", words)


def _html(title: str, words: str) -> str:
    return quoted(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1><p>{words}</p>'
        "</html>"
    )
