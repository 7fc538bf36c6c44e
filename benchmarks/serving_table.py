"""What was measured, as text for a terminal and as Markdown for a page."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Sequence
from typing import Any

import msgspec

WIDTH = 120


class Target(msgspec.Struct, frozen=True):
    """One number and what it is held to: at least, or at most; ``goal`` is what would be better still."""

    name: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None
    goal: float | None = None

    @property
    def verdict(self) -> str:
        """Whether the target is reached, in a word, and the target."""
        if self.at_least is not None:
            word, bound = "ok" if self.value >= self.at_least else "short", f"at least {short(self.at_least)}"
        elif self.at_most is not None:
            word, bound = "ok" if self.value <= self.at_most else "short", f"at most {short(self.at_most)}"
        else:
            return ""
        return f"{word} ({bound})" if self.goal is None else f"{word} ({bound}; goal {short(self.goal)})"


class Table(msgspec.Struct, frozen=True):
    """Rows of cells; the first cell of each names it."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


class Section(msgspec.Struct, frozen=True):
    """One benchmark: how it was done, its table, what it was to reach, the numbers behind it, an SVG if it has one."""

    title: str
    about: str
    table: Table
    targets: Sequence[Target]
    data: Any = None
    picture: str = ""


def text(section: Section) -> str:
    """For a terminal."""
    table = section.table
    widths = [max(map(len, column)) for column in zip(table.heads, *table.rows, strict=True)]
    lines = [section.title, *textwrap.wrap(section.about, WIDTH - 2, initial_indent="  ", subsequent_indent="  "), ""]
    for row in (table.heads, *table.rows):
        cells = [
            f"{row[0]:<{widths[0]}}",
            *(f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True)),
        ]
        lines.append(f"  {'  '.join(cells)}".rstrip())
    lines.append("")
    lines += [
        f"  {one.name:<46}{short(one.value):>10} {one.unit:<10}  {one.verdict}".rstrip() for one in section.targets
    ]
    return "\n".join(lines)


def markdown(section: Section) -> str:
    """For a page: without the title, which is the page's own."""
    parts = [section.about, _markdown(section.table)]
    if section.targets:
        rows = [(one.name, f"{short(one.value)} {one.unit}", one.verdict) for one in section.targets]
        parts.append(_markdown(Table(("held to a target", "measured", ""), rows)))
    return "\n\n".join(parts)


def spread(values: Sequence[float]) -> str:
    """The median, and from the lowest to the highest."""
    middle = short(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({short(min(values))} to {short(max(values))})"


def short(value: float) -> str:
    """Three digits, or all before the point."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _markdown(table: Table) -> str:
    lines = [table.heads, ["---"] + ["---:"] * (len(table.heads) - 1), *table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
