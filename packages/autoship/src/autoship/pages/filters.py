"""A form for what is asked for: plain GET, so that the filters are in the address."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time

import msgspec

from autoship.domain.outcome import Match
from autoship.pages.words import clean, rfc3339
from autoship.report.markup import Child, Markup, element


class Known(msgspec.Struct, frozen=True):
    """The fields of this customer's choices and the values that they had lately, for people to choose from."""

    fields: Sequence[str] = ()
    values: Sequence[str] = ()


def predictions_form(match: Match, known: Known, action: str) -> Markup:
    """All filters of the predictions of a customer."""
    fields = list(dict.fromkeys([*known.fields, *([match.field] if match.field else [])]))
    return element(
        "form",
        _choice(
            "field", "Part of the choice", [("", "the whole"), *((f, clean(f)) for f in fields)], match.field or ""
        ),
        _text("shipped", "Shipped as", match.shipped, "values"),
        _text("predicted", "Predicted as", match.predicted, "values"),
        _choice("right", "Right or wrong", [("", "both"), ("true", "right"), ("false", "wrong")], _said(match.right)),
        _choice(
            "approved",
            "Approved",
            [("", "or not"), ("true", "approved"), ("false", "not approved")],
            _said(match.approved),
        ),
        _moment("since", "Known since", match.since),
        _moment("until", "Known before", match.until),
        element("datalist", [element("option", value=value) for value in known.values], id="values"),
        element("button", "Show", type="submit"),
        method="get",
        action=action,
    )


def span_form(span: Match, action: str, field: str | None = None) -> Markup:
    """A span of time, and what else the address holds."""
    return element(
        "form",
        element("input", type="hidden", name="field", value=field) if field is not None else None,
        _moment("since", "Known since", span.since),
        _moment("until", "Known before", span.until),
        element("button", "Show", type="submit"),
        method="get",
        action=action,
    )


def _choice(name: str, label: str, options: Sequence[tuple[str, str]], chosen: str) -> Markup:
    items = [
        element("option", shown, value=value, selected="selected" if value == chosen else None)
        for value, shown in options
    ]
    return element("label", label, element("select", items, name=name))


def _text(name: str, label: str, value: str | None, suggestions: str) -> Markup:
    field = element("input", type="text", name=name, value=value or "", list=suggestions, autocomplete="off")
    return element("label", label, field)


def _moment(name: str, label: str, value: datetime | None) -> Child:
    """A day to pick; a moment within a day stays as it is, for no picker of days could show it."""
    if value is None or value.timetz().replace(tzinfo=None) == time():
        day = f"{value:%Y-%m-%d}" if value else ""
        field = element("input", type="date", name=name, value=day, min="1970-01-02", max="2199-12-30")
    else:
        field = element("input", type="text", name=name, value=rfc3339(value))
    return element("label", label, field)


def _said(value: bool | None) -> str:
    return "" if value is None else "true" if value else "false"
