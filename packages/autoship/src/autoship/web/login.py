"""``GET /login``, ``POST /login``, ``POST /logout``: the token, shown once by a person, for a cookie."""

from __future__ import annotations

import time
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from autoship.errors import InvalidInput
from autoship.pages.login import login_page
from autoship.web.body import header, read_body
from autoship.web.guard import LOGIN, Guard, safe_next
from autoship.web.html import send_page

LONGEST_FORM = 16 * 2**10


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
            await send_page(send, login_page(there))

    async def _log_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        form = _values(await read_body(scope, receive, LONGEST_FORM))
        there = safe_next(form.get("next", "/"))
        if self._guard is None:
            await go(send, there)
        elif self._guard.is_token(b"Bearer " + form.get("token", "").encode()):
            cookie = self._guard.sessions.open(time.time(), secure=is_secure(scope))
            await go(send, there, (b"set-cookie", cookie))
        else:
            await send_page(send, login_page(there, "This is not the token."), status=HTTPStatus.FORBIDDEN)


class Logout:
    """Ends the session of this browser."""

    def __init__(self, guard: Guard | None) -> None:
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._guard is None:
            await go(send, "/")
        else:
            await go(send, LOGIN, (b"set-cookie", self._guard.sessions.close(secure=is_secure(scope))))


def is_secure(scope: Scope) -> bool:
    """Whether the browser speaks https, to us or to a proxy before us. Who lies only spoils the cookie it gets."""
    return scope["scheme"] == "https" or header(scope, b"x-forwarded-proto") == b"https"


async def go(send: Send, where: str, *headers: tuple[bytes, bytes]) -> None:
    """Sends the browser on."""
    await send_page(send, "", (b"location", where.encode()), *headers, status=HTTPStatus.SEE_OTHER)


def _values(form: bytes) -> dict[str, str]:
    try:
        found = parse_qs(form.decode(), keep_blank_values=True, max_num_fields=10, errors="strict")
    except ValueError:
        raise InvalidInput(None, "is no form: send it as a browser does") from None
    return {name: values[0] for name, values in found.items()}
