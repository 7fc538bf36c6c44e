"""Commands of HAProxy's runtime API put together into lines, and the answers to them taken apart.

Many commands go on one line, parted by semicolons. Each answer ends with an empty line; one without words is success.
With ``set severity-output number`` words begin with a syslog severity in brackets: up to 4 (warning) is a failure, but
for an unknown command or a missing permission, which HAProxy 3.0 tells with 6 (measured).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from flotilla.errors import ProxyError
from flotilla.ports import Answer

COMMANDS = 100
"""A line's most commands: the answers to so many come well within any deadline."""

LINE = 12_000
"""A line's most bytes: HAProxy's buffer has 16,384, unless it is told otherwise."""

SEVERITY = "set severity-output number"
_FAILED = re.compile(r"\[[0-4]\]: ?|\[[5-7]\]: ?(?=Unknown command|Permission denied)")
_ANY = re.compile(r"\[[0-7]\]: ?")


def batches(commands: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The commands in order, in parts that each fit on a line. Raises `ProxyError` for one that would be two."""
    batch: list[str] = []
    length = 0
    for command in commands:
        size = len(command.encode()) + 2
        if "\n" in command or ";" in command or size > LINE:
            raise ProxyError(f"not a command that can be sent to HAProxy: {command[:200]!r}")
        if batch and (len(batch) == COMMANDS or length + size > LINE):
            yield tuple(batch)
            batch, length = [], 0
        batch.append(command)
        length += size
    if batch:
        yield tuple(batch)


def line(batch: Sequence[str]) -> str:
    """The question for one batch."""
    return "; ".join((SEVERITY, *batch))


def split(text: str, count: int) -> tuple[Answer, ...]:
    """The answers to a `line` of ``count`` commands. Raises `ProxyError` where they are not as many."""
    found: list[str] = []
    words: list[str] = []
    for one in text.split("\n")[:-1]:
        if one:
            words.append(one)
        else:
            found.append("\n".join(words))
            words = []
    if len(found) != count + 1:
        raise ProxyError(f"HAProxy gave {max(len(found) - 1, 0)} answers to {count} commands: {text[-300:].strip()!r}")
    return tuple(Answer(text=_ANY.sub("", one, count=1), failed=bool(_FAILED.match(one))) for one in found[1:])
