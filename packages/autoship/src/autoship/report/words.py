"""Numbers and names as people read them, the same in the terminal and on the page."""

from __future__ import annotations

from autoship.domain.prediction import Reason

NOTHING = "\N{EN DASH}"
TIED = "\N{NO-BREAK SPACE}"

REASONS: dict[str, str] = {
    Reason.NO_HISTORY: "nothing had been learned of this customer yet",
    Reason.LITTLE_EVIDENCE: "too few predictions had been compared with what was shipped",
    Reason.NOT_RIGHT_ENOUGH: "at no confidence had predictions been right often enough",
    Reason.UNSURE: "the prediction was not sure enough",
    Reason.WAYS_CHANGED: "the customer's ways had changed, and approving had stopped",
    Reason.AUDIT: "held back for a person, as a check",
}
"""Why orders were not approved, by `Reason`."""


def percent(share: float | None) -> str:
    """``93.1 %`` with a space that does not break; a dash where there was nothing to divide by."""
    return NOTHING if share is None else f"{share * 100:.1f}{TIED}%"


def count(number: int, one: str, many: str | None = None) -> str:
    """``1 order``, ``2,806 orders``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def of_hundred(share: float) -> str:
    """How many of 100, in whole numbers where that says it: ``2``, ``fewer than 1``, ``none``."""
    if share == 0:
        return "none"
    return f"{share * 100:.0f}" if share >= 0.01 else "fewer than 1"


def printable(text: str, longest: int = 40) -> str:
    """A name from the data on one line: no control characters, and no longer than it should be."""
    clean = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"
