"""How a scalar becomes a value: readers of texts, numbers, words, times and sizes.

Each reader says in words what it takes (``what``), which is also what the reference says; a node that is something
else becomes a problem at its place and `BROKEN`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Final, Protocol

import msgspec

from flotilla.fleetfile.nodes import Items, Keys, Kind, Node, Refused, Text
from flotilla.fleetfile.problems import Place, listed, nearest, shown_text


class _Broken(Enum):
    BROKEN = "broken"


BROKEN: Final = _Broken.BROKEN
"""Stands for a value that was refused; why is among the problems."""


class Wrong(Exception):
    """A text is not what its reader takes; ``mend`` is what to do about it, where that is known."""

    def __init__(self, mend: str = "") -> None:
        super().__init__(mend)
        self.mend = mend


class Reader(Protocol):
    """Makes a value of a node. ``what`` is what it takes, in words that follow "is"."""

    @property
    def what(self) -> str: ...

    def read(self, node: Node, place: Place) -> object: ...


def found(node: Node) -> str:
    """A node as a problem shows it."""
    match node:
        case Items():
            return "a list"
        case Keys():
            return "a mapping"
        case Text(kind=Kind.NOTHING):
            return "nothing"
        case Text(text=text, kind=Kind.TEXT):
            return shown_text(text)
        case Text(text=text):
            return shown_text(text)[1:-1]
        case _:
            return "this"


def refuse(what: str, node: Node, place: Place, mend: str = "") -> None:
    """Says what was meant, what is there, and the mend."""
    if not isinstance(node, Refused):
        place.refuse(f"is {what}, not {found(node)}" + (f": {mend}" if mend else ""))


class Leaf(msgspec.Struct, frozen=True):
    """Reads a scalar with ``parse``, which raises `Wrong`. ``mend`` is for a list or a mapping in its place."""

    what: str
    parse: Callable[[Text], object]
    mend: str = ""

    def read(self, node: Node, place: Place) -> object:
        if not isinstance(node, Text) or (node.kind is Kind.NOTHING and node.plain):
            refuse(self.what, node, place, self.mend)
            return BROKEN
        try:
            return self.parse(node)
        except Wrong as wrong:
            refuse(self.what, node, place, wrong.mend)
            return BROKEN


def text_of(node: Text) -> str:
    """The text, where YAML too reads it as one: it would be a surprise if 1.10 were a text here and a number there."""
    if node.kind is not Kind.TEXT:
        raise Wrong(f"YAML reads it as {node.kind}, so put it in quotes: {shown_text(node.text)}")
    if "\0" in node.text:
        raise Wrong("a text has no NUL in it")
    return node.text


def text(what: str, pattern: str = r"[\s\S]*", mends: Mapping[str, str] | None = None, mend: str = "") -> Leaf:
    """Texts that match a pattern as a whole. ``mends`` are patterns of what people write instead, with what to do."""

    def parse(node: Text) -> str:
        if not re.fullmatch(pattern, node.text, re.ASCII):
            raise Wrong(next((mend for wrong, mend in (mends or {}).items() if re.search(wrong, node.text)), ""))
        return text_of(node)

    return Leaf(what, parse, mend)


_FRACTION = r"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?"


def whole(what: str, least: int, most: int) -> Leaf:
    """Whole numbers; ``what`` is of what, such as ``port``."""

    def parse(node: Text) -> int:
        return int(_number(node, r"[+-]?(0|[1-9][0-9]{0,17})", least, most))

    return Leaf(f"{what} from {least} to {most}", parse)


def seconds(most: float, least: float = 0.1) -> Leaf:
    """A time."""
    return Leaf(
        f"a number of seconds from {least:g} to {most:,.0f}",
        lambda node: float(_number(node, _FRACTION, least, most)),
    )


def number(what: str, least: float, most: float) -> Leaf:
    """A number, with a fraction or without."""
    return Leaf(
        f"{what} from {least:g} to {most:,.0f}",
        lambda node: float(_number(node, _FRACTION, least, most)),
    )


def _number(node: Text, pattern: str, least: float, most: float) -> float:
    if not re.fullmatch(pattern, node.text, re.ASCII):
        unit = re.fullmatch(r"([0-9.]+) ?(s|sec|seconds)", node.text)
        raise Wrong(f"leave out the unit: {unit[1]}" if unit else "")
    if not node.plain:
        raise Wrong("leave out the quotes")
    value = float(node.text) if "." in node.text else int(node.text)
    if not least <= value <= most:
        raise Wrong
    return value


def flag() -> Leaf:
    """``true`` or ``false``; YAML's other words for them are refused."""

    def parse(node: Text) -> bool:
        if node.plain and node.text in ("true", "false"):
            return node.text == "true"
        word = node.text.lower()
        meant = "true" if word in ("yes", "on", "true", "1") else "false" if word in ("no", "off", "false", "0") else ""
        raise Wrong(f"write {meant}" if meant else "")

    return Leaf("true or false", parse)


def word(words: Sequence[str], make: Callable[[str], object] = str, what: str = "") -> Leaf:
    """One of some words."""

    def parse(node: Text) -> object:
        if node.text in words:
            return make(node.text)
        near = nearest(node.text, words)
        raise Wrong(f"did you mean {near}?" if near else "")

    return Leaf(what or listed(words), parse)


_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_SIZE = re.compile(r"([0-9]{1,12})([kmg]?)", re.ASCII)
_OTHER_SIZE = re.compile(r"([0-9]{1,12}) ?([kmg])(?:i?b)?", re.ASCII | re.IGNORECASE)


def size(least: str, most: str) -> Leaf:
    """Bytes: ``64k``, ``512m``, ``2g`` (of 1024), or a number of them."""

    def bytes_of(text: str) -> int:
        match = _SIZE.fullmatch(text)
        assert match is not None
        return int(match[1]) * _UNITS[match[2]]

    def parse(node: Text) -> int:
        if not _SIZE.fullmatch(node.text):
            other = _OTHER_SIZE.fullmatch(node.text)
            raise Wrong(f"write {other[1]}{other[2].lower()}" if other else "")
        if not bytes_of(least) <= bytes_of(node.text) <= bytes_of(most):
            raise Wrong
        return bytes_of(node.text)

    return Leaf(f"a size from {least} to {most}", parse)
