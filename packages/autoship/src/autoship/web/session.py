"""The cookie of somebody who logged in: it says until when, signed with a key made from the token. Nothing is kept, so
that every copy of the service knows it; a new token ends all sessions. Decides nothing about what it opens."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator

from autoship.configuration import Secret

COOKIE = "autoship_session"
LASTS_S = 12 * 3600
_PURPOSE = b"autoship session 1"
_VALUE = re.compile(r"([0-9]{1,12})\.([0-9a-f]{64})")


class Sessions:
    """Makes and checks cookies. Times are in seconds since 1970."""

    def __init__(self, token: Secret) -> None:
        self._key = hmac.digest(token.reveal().encode(), _PURPOSE, hashlib.sha256)

    def open(self, now: float, *, secure: bool) -> bytes:
        """The ``Set-Cookie`` of a session that begins now. Not for scripts, and not for other sites' forms."""
        until = str(int(now) + LASTS_S)
        return _cookie(f"{until}.{self._signature(until)}", LASTS_S, secure=secure)

    def close(self, *, secure: bool) -> bytes:
        """The ``Set-Cookie`` that ends a session."""
        return _cookie("", 0, secure=secure)

    def holds(self, cookies: bytes, now: float) -> bool:
        """Whether a ``Cookie`` header has a session in it that has not ended."""
        return any(self._is_good(value, now) for value in _values(cookies))

    def _is_good(self, value: str, now: float) -> bool:
        found = _VALUE.fullmatch(value)
        if found is None:
            return False
        until, signature = found.groups()
        return hmac.compare_digest(signature, self._signature(until)) and now < int(until)

    def _signature(self, until: str) -> str:
        return hmac.digest(self._key, until.encode(), hashlib.sha256).hex()


def _values(cookies: bytes) -> Iterator[str]:
    for cookie in cookies.decode("latin-1").split(";"):
        name, _, value = cookie.strip().partition("=")
        if name == COOKIE:
            yield value


def _cookie(value: str, lasts_s: int, *, secure: bool) -> bytes:
    text = f"{COOKIE}={value}; Max-Age={lasts_s}; Path=/; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"
    return text.encode()
