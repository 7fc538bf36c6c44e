"""``GET /login``, ``POST /login``, ``POST /logout``: the token, shown once by a person, for a cookie."""

from __future__ import annotations

import time
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from autoship.errors import Forbidden, InvalidInput
from autoship.report.markup import Markup, element, fragment
from autoship.web.body import header, read_body
from autoship.web.guard import LOGIN, Guard, safe_next
from autoship.web.response import respond

LONGEST_FORM = 16 * 2**10
HTML = b"text/html; charset=utf-8"
SHUT = (
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
     b"frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)  # fmt: skip
"""The page holds a secret while somebody types: nothing from elsewhere, in no frame, kept nowhere."""

STYLE = Markup(
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:22rem;margin:15vh auto;padding:0 1rem;color-scheme:light dark}"
    "input,button{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;margin:.25rem 0 1rem}"
)


class Login:
    """The form, and what becomes of it. Without a token there is nothing to log into."""

    def __init__(self, guard: Guard | None) -> None:
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            await self._log_in(scope, receive, send)
            return
        there = safe_next(_values(scope["query_string"]).get("next", "/"))
        if self._guard is None or self._guard.logged_in(scope):
            await go(send, there)
        else:
            await _show(send, there, HTTPStatus.OK)

    async def _log_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        refuse_other_sites(scope)
        form = _values(await read_body(scope, receive, LONGEST_FORM))
        there = safe_next(form.get("next", "/"))
        if self._guard is None:
            await go(send, there)
        elif self._guard.is_token(b"Bearer " + form.get("token", "").encode()):
            cookie = self._guard.sessions.open(time.time(), secure=is_secure(scope))
            await go(send, there, (b"set-cookie", cookie))
        else:
            await _show(send, there, HTTPStatus.FORBIDDEN, "This is not the token.")


class Logout:
    """Ends the session of this browser."""

    def __init__(self, guard: Guard | None) -> None:
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refuse_other_sites(scope)
        if self._guard is None:
            await go(send, "/")
        else:
            await go(send, LOGIN, (b"set-cookie", self._guard.sessions.close(secure=is_secure(scope))))


def login_page(there: str, problem: str | None) -> str:
    """The page of the form, with what was wrong with the last try."""
    form = element(
        "form",
        element("label", "Token", for_="token"),
        element(
            "input",
            type="password", id="token", name="token", autocomplete="current-password", required="", autofocus="",
            aria_describedby=problem and "problem",
        ),
        element("input", type="hidden", name="next", value=there),
        element("button", "Log in", type="submit"),
        method="post", action=LOGIN,
    )  # fmt: skip
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", "autoship: log in"),
        element("style", STYLE),
    )
    told = problem and element("p", problem, id="problem", role="alert")
    main = element("main", element("h1", "autoship"), told, form)
    return fragment(Markup("<!doctype html>"), element("html", head, element("body", main), lang="en"))


def is_secure(scope: Scope) -> bool:
    """Whether the browser speaks https, to us or to a proxy before us. Who lies only spoils the cookie it gets."""
    return scope["scheme"] == "https" or header(scope, b"x-forwarded-proto") == b"https"


def refuse_other_sites(scope: Scope) -> None:
    """Raises `Forbidden` where the browser says that another site's page sent this."""
    if header(scope, b"sec-fetch-site") not in (None, b"same-origin", b"none"):
        raise Forbidden("the page of another site sent this: send it from here")


async def go(send: Send, where: str, *headers: tuple[bytes, bytes]) -> None:
    """Sends the browser on."""
    await respond(
        send, b"", (b"location", where.encode()), *SHUT, *headers, status=HTTPStatus.SEE_OTHER, media_type=HTML
    )


async def _show(send: Send, there: str, status: HTTPStatus, problem: str | None = None) -> None:
    page = login_page(there, problem)
    await respond(send, page.encode(), *SHUT, status=status, media_type=HTML)


def _values(form: bytes) -> dict[str, str]:
    try:
        found = parse_qs(form.decode(), keep_blank_values=True, max_num_fields=10, errors="strict")
    except ValueError:
        raise InvalidInput(None, "is no form: send it as a browser does") from None
    return {name: values[0] for name, values in found.items()}
