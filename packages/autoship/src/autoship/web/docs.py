"""``GET /openapi.json`` and ``GET /docs``: the API, for programs and for people."""

from __future__ import annotations

from autoship.web import openapi
from autoship.web.static import Static

HTML = b"text/html; charset=utf-8"


def openapi_endpoint() -> Static:
    """The document."""
    return Static(openapi.text_of(openapi.document()))


def docs_endpoint() -> Static:
    """The page made from it."""
    return Static(
        openapi.page(openapi.document()).encode(),
        (b"content-security-policy", openapi.POLICY.encode()),
        (b"x-content-type-options", b"nosniff"),
        media_type=HTML,
    )
