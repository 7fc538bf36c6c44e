"""HTML and SVG elements as text in which everything that comes from data is escaped, unless it is markup already."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import TypeAlias

VOID = frozenset({"meta", "link", "input", "br", "hr"})


class Markup(str):
    """Text that is markup, and is not escaped again."""

    __slots__ = ()


Child: TypeAlias = "str | Iterable[Child] | None"


def element(name: str, /, *children: Child, **attributes: str | float | None) -> Markup:
    """One element. Children are text (escaped), `Markup`, nested iterables of them, or None.

    ``class_`` becomes ``class``, other underscores become hyphens; an attribute that is None is left out, numbers are
    written with at most two decimals.
    """
    opening = name + "".join(
        f' {key.strip("_").replace("_", "-")}="{html.escape(number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{opening}>" if name in VOID else f"<{opening}>{fragment(*children)}</{name}>")


def fragment(*children: Child) -> Markup:
    """Several children side by side, with no element around them."""
    return Markup("".join(_text(child) for child in children))


def number(value: str | float) -> str:
    """A coordinate or another attribute, short."""
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


def _text(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, str):
        return child if isinstance(child, Markup) else html.escape(child)
    return "".join(_text(each) for each in child)
