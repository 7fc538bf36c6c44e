"""How long steps tell of themselves: a line for each, with the time it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

Say: TypeAlias = Callable[[str], None]


def silent(line: str) -> None:
    """Says nothing."""


@contextmanager
def step(say: Say, done: str) -> Iterator[None]:
    """Says that it is done and what it took; of what failed, nothing."""
    begin = time.monotonic()
    yield
    say(f"{done} ({time.monotonic() - begin:.1f} s)")
