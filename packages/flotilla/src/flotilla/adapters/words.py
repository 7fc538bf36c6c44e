"""How commands and what they wrote are shown to people: short, in one line or a few."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

LONGEST_COMMAND = 120
LONGEST_TAIL = 2_000


def shown(argv: Sequence[str]) -> str:
    """A command as one could type it, cut where it is long."""
    text = " ".join(shlex.join(argv).split())
    return text if len(text) <= LONGEST_COMMAND else text[: LONGEST_COMMAND - 1] + "…"


def tail(said: bytes, lines: int = 8) -> str:
    """The last lines of what a program wrote. A line that would begin in its middle is left out, so that half a word
    is never taken for a whole one."""
    text = said[-LONGEST_TAIL:].decode(errors="replace")
    found = text.strip().splitlines()
    if len(said) > LONGEST_TAIL:
        found = found[1:]
    return "\n".join(line.rstrip() for line in found[-lines:])
