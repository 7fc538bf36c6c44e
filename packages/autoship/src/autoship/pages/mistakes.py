"""``/customers/{id}/mistakes``: what was taken for what, in one part of the choice, and the orders behind each."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from autoship.domain.outcome import Match
from autoship.domain.scoreboard import Part
from autoship.pages import addresses
from autoship.pages.filters import span_form
from autoship.pages.frame import document, section
from autoship.pages.listing import Column, listing
from autoship.pages.words import clean, name
from autoship.report.markup import Child, Markup, element
from autoship.report.words import count, percent

MOST_MISTAKES = 200
COLUMNS = (Column("shipped as", words=True), Column("predicted as", words=True), Column("share"), Column("orders"))
ABSENT, EMPTY = "nothing", "an empty text"
"""Shown where one side has no such field, or no text in it."""


def mistakes_page(customer_id: str, parts: Sequence[Part], field: str | None, span: Match) -> str:
    """The mistakes in ``field``, None being the whole choice, between the two times of ``span``."""
    part = next((part for part in parts if part.field == field), Part(field, 0, 0, []))
    others = [
        element(
            "li",
            element(
                "a",
                part_name(other.field),
                f" ({other.wrong:,})",
                href=addresses.mistakes(customer_id, other.field, span),
                aria_current="page" if other.field == field else None,
            ),
        )
        for other in parts
    ]
    left_out = len(part.mistakes) - MOST_MISTAKES
    return document(
        f"Mistakes of {clean(customer_id, 60)}",
        "What was taken for what",
        section(
            "Which orders",
            element("nav", element("ul", others, class_="links"), aria_label="Parts of the choice") if others else None,
            span_form(span, addresses.mistakes(customer_id, None), field),
        ),
        section(
            _title(field),
            mistakes_table(customer_id, part, span, MOST_MISTAKES) if part.wrong else _none(part),
            element("p", f"And {count(left_out, 'rarer kind')}, left out here.") if left_out > 0 else None,
        ),
        trail=[("customers", addresses.HOME), (name(customer_id), addresses.customer(customer_id, span))],
        lede=_lede(part),
    )


def mistakes_table(customer_id: str, part: Part, span: Match, most: int) -> Markup:
    """The most frequent mistakes of a part, each with a link to its orders."""
    rows: list[Sequence[Child]] = []
    for mistake in part.mistakes[:most]:
        match = msgspec.structs.replace(
            span, field=part.field, shipped=mistake.shipped, predicted=mistake.predicted, right=False
        )
        link = element("a", count(mistake.times, "order"), href=addresses.predictions(customer_id, match))
        rows.append((_side(mistake.shipped), _side(mistake.predicted), percent(mistake.times / part.wrong), link))
    return listing(_caption(part), COLUMNS, rows)


def part_name(field: str | None) -> Child:
    """A part of the choice, in words."""
    return "The whole choice" if field is None else name(field)


def _title(field: str | None) -> str:
    return "In the whole choice" if field is None else f"In {clean(field)}"


def _lede(part: Part) -> str:
    if not part.orders:
        return "There is no prediction with such a part in this span of time."
    return f"{part.wrong:,} of {count(part.orders, 'prediction')} were wrong here, {percent(part.wrong / part.orders)}."


def _caption(part: Part) -> str:
    return f"{count(part.wrong, 'mistake')} of {count(len(part.mistakes), 'kind')}, the most frequent first"


def _none(part: Part) -> Markup:
    return element("p", "Nothing was predicted wrong." if part.orders else "Choose another part or span of time.")


def _side(text: str | None) -> Child:
    if text is None:
        return ABSENT
    return name(text) if text else EMPTY
