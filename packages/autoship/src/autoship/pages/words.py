"""Names, times and choices from the data, as they stand on a page."""

from __future__ import annotations

from datetime import datetime

from autoship.domain.outcome import choice_text, word_text
from autoship.domain.prediction import Shipment
from autoship.report.markup import Markup, element
from autoship.report.words import NOTHING

JOINERS = "\u200c\u200d"
"""Zero-width non-joiner and joiner: scripts and emoji need them."""


def clean(text: str, longest: int = 200) -> str:
    """A text from the data on one line: controls, those of direction too, are shown as what they are not."""
    shown = "".join(c if c.isprintable() or c in JOINERS else "\N{REPLACEMENT CHARACTER}" for c in text)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def name(text: str, longest: int = 200) -> Markup:
    """The same with its direction kept to itself, so that Arabic or Hebrew does not turn round what is beside it."""
    return element("bdi", clean(text, longest), class_="name")


def moment(time: datetime | None) -> str:
    """A time to the minute, a dash for none."""
    return NOTHING if time is None else element("time", f"{time:%Y-%m-%d %H:%M}", datetime=rfc3339(time))


def rfc3339(time: datetime) -> str:
    """A time as it is written in addresses and records."""
    return time.isoformat().replace("+00:00", "Z")


def choice(shipment: Shipment) -> Markup:
    """A whole choice."""
    return name(choice_text(shipment), 400)


def marked_choice(shipment: Shipment, wrong: list[str]) -> Markup:
    """A whole choice; the fields named in ``wrong`` stand out."""
    words = []
    for place, field in enumerate(sorted(shipment)):
        text = clean(word_text(shipment[field]), 80)
        words.append(" \N{MIDDLE DOT} " if place else None)
        words.append(element("em", text) if field in wrong else text)
    return element("bdi", words, class_="name")
