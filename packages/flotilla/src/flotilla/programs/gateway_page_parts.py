"""What the status page is made of: texts that cannot be anything else, tables, numbers for people."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

ROWS = 200
DASH = "&ndash;"
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def text(value: object) -> str:
    """A text that can neither be markup nor turn what stands beside it around."""
    shown = _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", str(value))
    return html.escape(shown)


def lasting(time_s: int) -> str:
    """How long something lasts, in its largest unit."""
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if time_s >= 2 * unit:
            return f"{time_s // unit:,} {name}"
    return f"{time_s:,} s"


def clock(time_s: float) -> str:
    """The time of day, UTC."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%H:%M:%S")


def many(count: int, noun: str, nouns: str = "") -> str:
    """So many of something; ``nouns`` is its plural where that does not just end with an s."""
    return f"{count:,} {noun if count == 1 else nouns or f'{noun}s'}"


def share(part: int, whole: int) -> str:
    """A part of a whole in percent, as markup."""
    if not part:
        return "0"
    if not whole:
        return DASH
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.2g} %" if percent >= 0.01 else "&lt; 0.01 %"


def table(name: str, title: str, columns: Mapping[str, bool], rows: Iterable[str]) -> str:
    """A table that scrolls by itself where it is too wide; ``columns`` are numbers where True."""
    head = "".join(f'<th scope="col"{" class=n" if number else ""}>{it}</th>' for it, number in columns.items())
    return (
        f'<div class="wide" id="{name}" role="region" aria-label="{title}: table" tabindex="0">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def row(head: str, *cells: str) -> str:
    """A row of a `table`, of markup."""
    return f'<tr><th scope="row">{head}</th>{"".join(cells)}</tr>'


def number(value: object, tone: str = "") -> str:
    """A cell with a number, of markup; ``tone`` is good, warn or bad."""
    return f'<td class="n {tone}">{value}</td>' if tone else f'<td class="n">{value}</td>'


def cell(value: str, kind: str = "") -> str:
    """A cell with words, of markup."""
    return f'<td class="{kind}">{value}</td>' if kind else f"<td>{value}</td>"


def rest(count: int) -> str:
    """How many rows were left out."""
    return f'<p class="soft">and {count - ROWS:,} more: all are in status.json</p>' if count > ROWS else ""
