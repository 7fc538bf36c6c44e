"""What went wrong, for people: the same as a problem of the API says, as a page."""

from __future__ import annotations

from autoship.pages import addresses
from autoship.pages.frame import document
from autoship.pages.words import clean
from autoship.report.markup import element


def problem_page(title: str, detail: str, *, back: str | None = None) -> str:
    """``back`` is an address at which to go on."""
    return document(
        title,
        title,
        element("p", clean(detail, 600)),
        element("p", element("a", "Go on from here", href=back or addresses.HOME)),
        trail=[("customers", addresses.HOME)],
    )
