"""Progress on the terminal, a line a step; bytes on a line that is written over. On stderr: stdout has results."""

from __future__ import annotations

import sys
import time
from typing import TextIO

EVERY_S = 0.2
UNITS = ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB"))


class TerminalVoice:
    """See `flotilla.operator.world.Voice`. Bytes are shown only where ``out`` is a terminal."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._amounts: dict[tuple[str, str], int] = {}
        self._shown = 0.0
        self._open = False

    def say(self, machine: str, text: str) -> None:
        """A line."""
        self._clear()
        name = f"{machine}  " if machine else ""
        print(f"{name}{text}", file=self._out, flush=True)

    def amount(self, machine: str, what: str, count: int) -> None:
        """How much has been sent of everything that is under way."""
        self._amounts[machine, what] = count
        if not self._out.isatty() or time.monotonic() - self._shown < EVERY_S:
            return
        self._shown = time.monotonic()
        self._clear()
        parts = [f"{at} {size(sent)}" for (at, _), sent in self._amounts.items()]
        print("sent: " + ", ".join(parts[:4]), end="", file=self._out, flush=True)
        self._open = True

    def _clear(self) -> None:
        if self._open:
            print("\r\x1b[K", end="", file=self._out)
            self._open = False


def size(count: int) -> str:
    """A number of bytes for people."""
    for unit, name in UNITS:
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} B"
