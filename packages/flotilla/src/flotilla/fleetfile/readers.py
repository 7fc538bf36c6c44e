"""How a node becomes a value: readers of texts, numbers and words, and those of lists and mappings made of them.

Each reader says in words what it takes (``what``), which is also what the reference says; a node that is something
else becomes a problem at its place and `BROKEN`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final, Protocol

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


class Draft(msgspec.Struct, frozen=True):
    """A mapping that was read: what was good of it, and the place of each key. ``kind`` is the struct to build, None
    for a mapping that stays one, ``tuple`` for one that becomes its values."""

    kind: type[msgspec.Struct] | type[tuple[Any, ...]] | None
    values: Mapping[str, Any]
    places: Mapping[str, Place]


class DraftList(msgspec.Struct, frozen=True):
    """A list that was read: what was good of it, each with its place."""

    entries: tuple[tuple[Any, Place], ...]


def built(value: object, home: Path) -> Any:
    """A value with all the drafts in it built, and paths that begin with ``~`` in the operator's home."""
    match value:
        case Draft(kind=kind, values=values):
            made = {name: built(each, home) for name, each in values.items()}
            if kind is None:
                return made
            return tuple(made.values()) if kind is tuple else kind(**made)
        case DraftList(entries=entries):
            return tuple(built(each, home) for each, _ in entries)
        case Path(parts=("~", *rest)):
            return home.joinpath(*rest)
        case _:
            return value


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
        value = text_of(node)
        if not re.fullmatch(pattern, value, re.ASCII):
            raise Wrong(next((mend for wrong, mend in (mends or {}).items() if re.search(wrong, value)), ""))
        return value

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


def word(words: Sequence[str], make: Callable[[str], object] = str) -> Leaf:
    """One of some words."""

    def parse(node: Text) -> object:
        if node.text in words:
            return make(node.text)
        near = nearest(node.text, words)
        raise Wrong(f"did you mean {near}?" if near else "")

    return Leaf(listed(words), parse)


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


class ListOf(msgspec.Struct, frozen=True):
    """A list whose items one reader takes; equal ones are refused where ``unique``."""

    what: str
    item: Reader
    least: int = 0
    unique: bool = True

    def read(self, node: Node, place: Place) -> object:
        if not isinstance(node, Items):
            mend = f"put it in brackets: [{node.text}]" if isinstance(node, Text) and node.kind is Kind.TEXT else ""
            refuse(self.what, node, place, mend)
            return BROKEN
        if len(node.items) < self.least:
            place.refuse(f"is {self.what}, and this one is empty")
        entries, seen = [], set()
        for index, each in enumerate(node.items):
            at = place.item(index, each.line)
            value = self.item.read(each, at)
            if value is BROKEN:
                continue
            if self.unique and value in seen:
                at.refuse("is there twice: keep one")
            else:
                entries.append((value, at))
                seen.add(value)
        return DraftList(tuple(entries))


class MapOf(msgspec.Struct, frozen=True):
    """A mapping from names to what one reader takes; with ``named`` the field of each for its name, it becomes a tuple
    of them."""

    what: str
    name: str
    pattern: str
    value: Reader
    most: int = 1000
    named: str | None = None

    def read(self, node: Node, place: Place) -> object:
        if not isinstance(node, Keys):
            refuse(self.what, node, place)
            return BROKEN
        if len(node.entries) > self.most:
            place.refuse(f"has {len(node.entries)} entries, at most {self.most}")
        values: dict[str, Any] = {}
        places: dict[str, Place] = {}
        for name, each in node.entries.items():
            at = places[name] = place.at(name, each.line)
            if not re.fullmatch(self.pattern, name, re.ASCII):
                at.refuse(f"{shown_text(name)} is not {self.name}")
            value = self.value.read(each, at)
            if isinstance(value, Draft) and self.named:
                value = Draft(value.kind, {**value.values, self.named: name}, value.places)
            if value is not BROKEN:
                values[name] = value
        return Draft(tuple if self.named else None, values, places)


class Key(msgspec.Struct, frozen=True):
    """A key of a section. ``field`` is the struct's name for it, where that is another."""

    name: str
    reader: Reader
    required: bool = False
    field: str = ""


class Section(msgspec.Struct, frozen=True):
    """A mapping with these keys, some of them required, and no others: the struct ``kind`` in the end.

    ``elsewhere`` are words that people write for a key, as other programs call it.
    """

    kind: type[msgspec.Struct]
    what: str
    keys: tuple[Key, ...]
    elsewhere: Mapping[str, str] = {}

    def read(self, node: Node, place: Place) -> object:
        if not isinstance(node, Keys):
            refuse(self.what, node, place)
            return BROKEN
        known = {key.name: key for key in self.keys}
        values: dict[str, Any] = {}
        places: dict[str, Place] = {}
        for name, each in node.entries.items():
            at = place.at(name, each.line)
            if name not in known:
                at.refuse("" if place.problems.full else f"not known; {self._meant(name)}")
                continue
            field = known[name].field or name
            places[field] = at
            value = known[name].reader.read(each, at)
            if value is not BROKEN:
                values[field] = value
        for key in self.keys:
            if key.required and key.name not in node.entries:
                place.refuse(f"{key.name} is missing: it is {key.reader.what}")
        return Draft(self.kind, values, places)

    def _meant(self, name: str) -> str:
        names = [key.name for key in self.keys]
        within = next((key for key in self.keys if name in _names_of(key.reader)), None)
        if within and name not in self.elsewhere:
            return f"it belongs into {within.name}: {{{name}: …}}"
        meant = self.elsewhere.get(name) or nearest(name, names)
        if meant:
            return f"did you mean {meant}?"
        return f"the keys here are {listed(names, 'and')}"


def _names_of(reader: Reader) -> list[str]:
    return [key.name for key in reader.keys] if isinstance(reader, Section) else []


class OneOf(msgspec.Struct, frozen=True):
    """What one reader takes as a scalar and another as a mapping."""

    what: str
    scalar: Reader
    mapping: Reader

    def read(self, node: Node, place: Place) -> object:
        if isinstance(node, Keys):
            return self.mapping.read(node, place)
        if isinstance(node, Text) and node.kind is not Kind.NOTHING:
            return self.scalar.read(node, place)
        refuse(self.what, node, place)
        return BROKEN
