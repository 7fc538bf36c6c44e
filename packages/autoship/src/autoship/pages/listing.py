"""A table of the pages: its caption, headings with scope, and rows that become blocks on a narrow screen."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from autoship.report.markup import Child, Markup, element


class Column(msgspec.Struct, frozen=True):
    """What a column has for a heading; words stand to the left, numbers to the right."""

    head: str
    words: bool = False


def listing(caption: Child, columns: Sequence[Column], rows: Sequence[Sequence[Child]]) -> Markup:
    """The table. The first cell of a row is its heading."""
    return element(
        "table",
        element("caption", caption),
        element(
            "thead",
            element("tr", [_head(column, first=not place) for place, column in enumerate(columns)], role="row"),
            role="rowgroup",
        ),
        element("tbody", [_row(columns, row) for row in rows], role="rowgroup"),
        class_="list",
        role="table",
    )


def _head(column: Column, *, first: bool) -> Markup:
    words = column.words or first
    return element("th", column.head, scope="col", role="columnheader", class_="words" if words else None)


def _row(columns: Sequence[Column], row: Sequence[Child]) -> Markup:
    cells = [
        element(
            "td",
            element("span", cell),
            data_label=column.head,
            role="cell",
            class_="words" if column.words else None,
        )
        for column, cell in zip(columns[1:], row[1:], strict=True)
    ]
    return element("tr", element("th", row[0], scope="row", role="rowheader"), cells, role="row")
