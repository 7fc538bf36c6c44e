"""The tables and the picture in the documentation: replaced by what was just measured, and nothing around them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from serving_table import Section, markdown

PAGE = Path(__file__).resolve().parent.parent / "docs/explanation/serving-speed.md"
PICTURE = PAGE.with_suffix(".svg")


def fill(sections: Mapping[str, Section], about: str) -> None:
    """Puts each section between the comments that bear its name; the others stay as they are."""
    page = PAGE.read_text()
    for name, section in sections.items():
        page = put(page, name, f"{markdown(section)}\n\nMeasured: {about}")
        if section.picture:
            PICTURE.write_text(section.picture)
    PAGE.write_text(page)


def put(page: str, name: str, content: str) -> str:
    """The page with ``content`` between ``<!-- name -->`` and ``<!-- end of name -->``."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    filled, places = re.subn(
        rf"({re.escape(begin)}\n).*?({re.escape(end)})",
        lambda found: f"{found[1]}{content}\n{found[2]}",
        page,
        flags=re.S,
    )
    if places != 1:
        raise SystemExit(f"{PAGE} has {places} places between {begin} and {end}, not one")
    return filled
