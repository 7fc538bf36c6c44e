"""A page as an ASGI response, with what a browser may do with it."""

from __future__ import annotations

from starlette.types import Scope, Send

from autoship.pages.frame import POLICY
from autoship.web.body import header
from autoship.web.response import respond

HTML = b"text/html; charset=utf-8"
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


async def send_page(send: Send, page: str, *headers: tuple[bytes, bytes], status: int = 200) -> None:
    """Sends the whole page."""
    await respond(send, page.encode(), *HEADERS, *headers, status=status, media_type=HTML)


def wants_page(scope: Scope) -> bool:
    """Whether it is a browser that asks, for somebody to read: it names HTML among what it takes."""
    return b"text/html" in (header(scope, b"accept") or b"")


def address_of(scope: Scope, default: str = "http://127.0.0.1:8000") -> str:
    """The service's address as its client knows it, for commands to copy."""
    host = (header(scope, b"host") or b"").decode("latin-1")
    plain = host and all(character.isascii() and (character.isalnum() or character in "-._:[]") for character in host)
    return f"{scope['scheme']}://{host}" if plain else default


def parts_of_path(scope: Scope) -> list[bytes]:
    """The path as it was sent, between its slashes: a slash within a part is percent-encoded."""
    path: bytes = scope["raw_path"]
    return path.split(b"/")[1:]
