"""How lists and mappings become values: sections with their keys, mappings from names, lists of one kind.

What is read is a draft first: good values beside broken ones, with their places, so that `flotilla.fleetfile.checks`
can look at all of it before a struct is built.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from flotilla.fleetfile.nodes import Items, Keys, Kind, Node, Text
from flotilla.fleetfile.problems import Place, listed, nearest, shown_text
from flotilla.fleetfile.readers import BROKEN, Reader, refuse


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


class ListOf(msgspec.Struct, frozen=True):
    """A list whose items one reader takes; equal ones are refused where ``unique``."""

    what: str
    item: Reader
    least: int = 0
    unique: bool = True
    words: bool = False

    def read(self, node: Node, place: Place) -> object:
        if not isinstance(node, Items):
            refuse(self.what, node, place, self._mend(node))
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

    def _mend(self, node: Node) -> str:
        if not isinstance(node, Text) or not node.text.isprintable() or not 0 < len(node.text) <= 60:
            return ""
        if self.words:
            return f"write each word by itself: {json.dumps(node.text.split(), ensure_ascii=False)}"
        return f"put it in brackets: [{node.text}]"


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
        meant: set[str] = set()
        values: dict[str, Any] = {}
        places: dict[str, Place] = {}
        for name, each in node.entries.items():
            at = place.at(name, each.line)
            if name not in known:
                near, hint = ("", "") if place.problems.full else self._meant(name)
                at.refuse(f"not known; {hint}")
                meant.add(near)
                continue
            field = known[name].field or name
            places[field] = at
            value = known[name].reader.read(each, at)
            if value is not BROKEN:
                values[field] = value
        for key in self.keys:
            if key.required and key.name not in node.entries and key.name not in meant:
                place.refuse(f"{key.name} is missing: it is {key.reader.what}")
        return Draft(self.kind, values, places)

    def _meant(self, name: str) -> tuple[str, str]:
        """The key that was meant instead of one that is not known (empty where that is open), and a hint."""
        names = [key.name for key in self.keys]
        within = next((key.name for key in self.keys if name in _names_of(key.reader)), None)
        if within and name not in self.elsewhere:
            return within, f"it belongs into {within}: {{{name}: …}}"
        near = self.elsewhere.get(name) or nearest(name, names)
        if near:
            return near, f"did you mean {near}?"
        if name.partition(":")[0] in names:
            return name.partition(":")[0], "a space belongs after the colon"
        return "", f"the keys here are {listed(names, 'and')}" if len(names) > 1 else f"the key here is {names[0]}"


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
