"""What is wrong with a fleet file: every problem with its line and the path of its key, collected while reading goes
on, told in the order of lines."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence

import msgspec

MOST_PROBLEMS = 100
_LONGEST_SHOWN = 60
_LONGEST_NAME = 40


class Problem(msgspec.Struct, frozen=True, order=True):
    """One problem: its line (from 1), the path of the key (empty for the file as a whole), and what is wrong."""

    line: int
    path: str
    text: str

    def told(self, file: str) -> str:
        """The problem as one line: ``fleet.yaml:12: services.autoship.copys: not known; did you mean copies?``"""
        return f"{file}:{self.line}: {self.path}: {self.text}" if self.path else f"{file}:{self.line}: {self.text}"


class Problems:
    """The problems found so far. After a hundred they are counted and kept no longer."""

    def __init__(self) -> None:
        self._kept: set[Problem] = set()
        self._more = 0

    def add(self, line: int, path: str, text: str) -> None:
        """Notes one."""
        if len(self._kept) < MOST_PROBLEMS:
            self._kept.add(Problem(line, path, text))
        else:
            self._more += 1

    def __bool__(self) -> bool:
        return bool(self._kept)

    @property
    def full(self) -> bool:
        """Whether what is added is only counted: then no work is due for its text."""
        return len(self._kept) >= MOST_PROBLEMS

    def told(self, file: str) -> list[str]:
        """A line for each, in the order of the file."""
        lines = [problem.told(file) for problem in sorted(self._kept)]
        return [*lines, f"{file}: and {self._more} more"] if self._more else lines


class Place:
    """Where in the file something is read: the path of its key, its line, and the problems to add to."""

    __slots__ = ("line", "path", "problems")

    def __init__(self, problems: Problems, path: str = "", line: int = 1) -> None:
        self.problems, self.path, self.line = problems, path, line

    def at(self, key: str, line: int) -> Place:
        """The place of a key in the mapping at this one."""
        shown = key if key.isprintable() and len(key) <= _LONGEST_NAME else shown_text(key)
        return Place(self.problems, f"{self.path}.{shown}" if self.path else shown, line)

    def item(self, index: int, line: int) -> Place:
        """The place of an item in the list at this one; they are counted from 1, as people do."""
        return Place(self.problems, f"{self.path}[{index + 1}]", line)

    def refuse(self, text: str) -> None:
        """Notes what is wrong here."""
        self.problems.add(self.line, self.path, text)


def shown_text(text: str) -> str:
    """A text in quotes, on one line, cut where it is long, with escapes for what cannot be seen."""
    cut = json.dumps(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…", ensure_ascii=False)
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in cut).replace(
        "\x7f", "\\u007f"
    )


def listed(words: Iterable[str], last: str = "or") -> str:
    """``a, b or c``"""
    *most, end = words
    return f"{', '.join(most)} {last} {end}" if most else end


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word that is nearest to this one, capitals or not, if any is near."""
    if len(word) > _LONGEST_NAME:
        return None
    by_small = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), by_small, n=1)
    return by_small[near[0]] if near else None
