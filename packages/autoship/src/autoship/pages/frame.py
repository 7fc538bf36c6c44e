"""What every page stands in: head, trail, one heading, footer; and what a browser may do with it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from autoship.pages.style import STYLE
from autoship.report.markup import Child, Markup, element, fragment
from autoship.report.words import NOTHING

ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' "
    "rx='3' fill='%230b57d0'/%3E%3Cpath d='M3 9l3 3 7-8' fill='none' stroke='white' stroke-width='2'/%3E%3C/svg%3E"
)
POLICY = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'; "
    "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy: this style sheet, this icon and forms to the service itself; no script, nothing else."""

Trail = Sequence[tuple[Child, str]]
"""The pages above this one, each with its address."""


def document(title: str, heading: Child, *main: Child, trail: Trail = (), lede: Child = None) -> str:
    """A whole page. ``title`` is the browser's, ``heading`` stands on top of ``main``."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{title} \N{MIDDLE DOT} autoship" if title != "autoship" else title),
        element("link", rel="icon", href=ICON),
        element("style", Markup(STYLE)),
    )
    body = element(
        "body",
        element("a", "To the content", href="#content", class_="skip"),
        element("header", _trail(trail), class_="top"),
        element(
            "main",
            element("h1", heading),
            element("p", lede, class_="lede") if lede else None,
            *main,
            id="content",
            tabindex="-1",
        ),
        element(
            "footer",
            element("p", "Times are UTC. ", element("a", "The same by HTTP", href="/docs"), "."),
        ),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def section(title: Child, *content: Child) -> Markup | None:
    """A part of a page under a heading of its own; None where there is nothing in it."""
    if not any(content):
        return None
    return element("section", element("h2", title), *content)


def notice(*content: Child) -> Markup:
    """Something that is not as it should be, told before everything else."""
    return element("p", *content, class_="notice")


def figures(*pairs: tuple[Child, Child]) -> Markup:
    """A few large numbers, each with its words."""
    return element(
        "ul",
        [element("li", element("strong", figure), element("span", words)) for figure, words in pairs],
        class_="numbers",
    )


def facts(*pairs: tuple[str, Child]) -> Markup:
    """Names and what they are. What is None is a dash."""
    return element(
        "dl",
        [element("div", element("dt", name), element("dd", NOTHING if is_ is None else is_)) for name, is_ in pairs],
        class_="facts",
    )


def _trail(trail: Trail) -> Markup:
    steps = [element("li", element("a", name, href=address)) for name, address in trail]
    home = element("a", "autoship", href="/", class_="home")
    return fragment(home, element("nav", element("ol", steps), aria_label="Where you are") if trail else None)
