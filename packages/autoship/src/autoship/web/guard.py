"""Who may ask, where a token is set: whoever shows it, and, to read pages and numbers, whoever logged in with it. Sends
nothing."""

from __future__ import annotations

import hmac
import time
from urllib.parse import quote, urlsplit

from starlette.types import Scope

from autoship.configuration import Secret
from autoship.errors import Unauthorized
from autoship.web.body import header
from autoship.web.session import Sessions

LOGIN = "/login"
LOGOUT = "/logout"
OPEN = frozenset({"/healthz", "/readyz", LOGIN, LOGOUT})
"""Open to everybody: health, and the way in and out."""

READING = frozenset({"GET", "HEAD"})
"""What the cookie is good for. A call that changes something takes the token alone, so that no other site's page can
have a browser make one."""

WANTED = "send the token: Authorization: Bearer …"


class Guard:
    """Compares in constant time, and never says what would have been right."""

    def __init__(self, token: Secret) -> None:
        self._expected = b"Bearer " + token.reveal().encode()
        self.sessions = Sessions(token)

    def check(self, scope: Scope) -> None:
        """Raises `Unauthorized` where the caller shows neither the token nor a session that is good for this."""
        shown = header(scope, b"authorization")
        if shown is not None and self.is_token(shown):
            return
        if scope["path"] in OPEN:
            return
        if scope["method"] in READING and self.logged_in(scope):
            return
        raise Unauthorized(WANTED if shown is None else f"the token is not the right one: {WANTED}")

    def is_token(self, authorization: bytes) -> bool:
        """Whether an ``Authorization`` header holds the token."""
        if hmac.compare_digest(authorization, self._expected):
            return True
        scheme, _, token = authorization.partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(b"Bearer " + token.strip(), self._expected)

    def logged_in(self, scope: Scope) -> bool:
        """Whether the caller has a session."""
        cookies = header(scope, b"cookie")
        return cookies is not None and self.sessions.holds(cookies, time.time())


def wants_page(scope: Scope) -> bool:
    """Whether a person asks, with a browser, for something to look at."""
    return scope["method"] in READING and b"text/html" in (header(scope, b"accept") or b"")


def login_address(scope: Scope) -> bytes:
    """Where somebody logs in who is to come back here."""
    here = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    return f"{LOGIN}?next={quote(here, safe='/')}".encode()


def safe_next(address: str) -> str:
    """Where to go after the login: a place of this service, and never another site."""
    if not address.isascii() or not address.isprintable() or "\\" in address or not address.startswith("/"):
        return "/"
    parts = urlsplit(address)
    if address.startswith("//") or parts.scheme or parts.netloc or parts.path in (LOGIN, LOGOUT):
        return "/"
    return address
