"""YAML as a tree of texts, lists and mappings that know their lines, and nothing more of YAML than that.

What a fleet file has no use for, and what may hide something, is refused: anchors, aliases and tags, a key that comes
twice, a second document, more than `MOST_BYTES`, `MOST_EVENTS` or `MOST_LEVELS`. Nothing is decided about values: a
text that YAML would read as a number or a date is still the text as it was written.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec
import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from yaml.reader import ReaderError

from flotilla.fleetfile.problems import Place, Problems, shown_text

MOST_BYTES = 256 * 1024
MOST_EVENTS = 20_000
MOST_LEVELS = 10

_MENDS = {
    "found character '\\t'": "indent with spaces, not with tabs",
    "found unexpected end of stream": "close the quotes",
    "mapping values are not allowed": "put a value that has a colon and a space in it in quotes",
    "could not find expected ':'": "a colon and a space belong between a key and its value",
    "expected <block end>": "check the indentation: the keys of one mapping begin in one column",
    "expected ',' or": "close the bracket, or put the value in quotes",
}


class Kind(StrEnum):
    """What YAML reads a scalar as."""

    TEXT = "text"
    NUMBER = "a number"
    BOOLEAN = "a boolean"
    NOTHING = "nothing"
    DATE = "a date"
    SIGN = "a sign of YAML's"


_KINDS = {
    "str": Kind.TEXT,
    "int": Kind.NUMBER,
    "float": Kind.NUMBER,
    "bool": Kind.BOOLEAN,
    "null": Kind.NOTHING,
    "timestamp": Kind.DATE,
}


class Text(msgspec.Struct, frozen=True):
    """A scalar as it was written. ``plain`` is whether it has no quotes."""

    line: int
    text: str
    kind: Kind
    plain: bool


class Items(msgspec.Struct, frozen=True):
    """A list."""

    line: int
    items: list[Node]


class Keys(msgspec.Struct, frozen=True):
    """A mapping. The line of what belongs to a key is the key's."""

    line: int
    entries: dict[str, Node]


class Refused(msgspec.Struct, frozen=True):
    """Stands where something was refused."""

    line: int


Node: TypeAlias = Text | Items | Keys | Refused


class _Broken(Exception):
    """There is no tree; why is among the problems."""


def compose(text: str, problems: Problems) -> Node | None:
    """The tree of a text, and None where it is no YAML, or empty, or too much."""
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        problems.add(1, "", f"has more than {MOST_BYTES // 1024} KiB")
        return None
    node = None
    try:
        composer = _Composer(text, problems)
        for event in composer.events:
            if isinstance(event, DocumentStartEvent) and node is not None:
                problems.add(_line(event), "", "a second document begins here: one file is one fleet")
                return None
            if isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent | AliasEvent):
                node = composer.node(event, Place(problems, line=_line(event)), 0)
    except _Broken:
        return None
    if node is None:
        problems.add(1, "", "is empty")
    return node


def _line(event: Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


class _Composer:
    """Makes nodes of PyYAML's events."""

    def __init__(self, text: str, problems: Problems) -> None:
        self._text, self._problems = text, problems
        self._resolve: Any = yaml.resolver.Resolver().resolve
        self.events = self._events()

    def _events(self) -> Iterator[Event]:
        """PyYAML's events. What it raises is a problem: its own errors, and those of Python that slip through it."""
        loader: Any = None
        try:
            loader = yaml.SafeLoader(self._text)
            for _ in range(MOST_EVENTS):
                if not loader.check_event():
                    return
                yield loader.get_event()
            self._problems.add(int(loader.line) + 1, "", f"has more than {MOST_EVENTS:,} parts up to here")
        except ReaderError as error:
            line = self._text.count("\n", 0, error.position) + 1
            self._problems.add(line, "", f"has a character that YAML does not allow: U+{error.character:04X}")
        except yaml.MarkedYAMLError as error:
            self._problems.add(*_told(error))
        except (ValueError, OverflowError):
            line = int(loader.line) + 1 if loader else 1
            self._problems.add(line, "", "is not valid YAML: a number or a character's code here is out of range")
        raise _Broken

    def node(self, event: Event, place: Place, level: int) -> Node:
        """The node that begins with ``event``; its line is the place's."""
        if isinstance(event, AliasEvent):
            place.refuse(f"the alias *{event.anchor} is not read: write out what it stands for")
            return Refused(place.line)
        if not isinstance(event, ScalarEvent | CollectionStartEvent):
            raise AssertionError(f"PyYAML gives {event} where a node belongs")
        if event.anchor is not None:
            place.refuse(f"the anchor &{event.anchor} is not read: leave it out")
        if event.tag is not None:
            place.refuse(f"the tag {shown_text(event.tag)} is not read: leave it out")
        if isinstance(event, ScalarEvent):
            return self._scalar(event, place)
        if level >= MOST_LEVELS:
            place.refuse(f"is nested more than {MOST_LEVELS} levels deep")
            raise _Broken
        if isinstance(event, SequenceStartEvent):
            return self._items(place, level)
        return self._keys(place, level)

    def _scalar(self, event: ScalarEvent, place: Place) -> Node:
        plain = event.style is None
        tag = self._resolve(yaml.ScalarNode, event.value, (plain, not plain))
        kind = _KINDS.get(tag.rpartition(":")[2], Kind.SIGN)
        if any("\ud800" <= letter <= "\udfff" for letter in event.value):
            place.refuse("has half of a surrogate pair: write the character itself")
            return Refused(place.line)
        return Text(place.line, event.value, kind, plain)

    def _items(self, place: Place, level: int) -> Node:
        items: list[Node] = []
        for event in self.events:
            if isinstance(event, SequenceEndEvent):
                break
            items.append(self.node(event, place.item(len(items), _line(event)), level + 1))
        return Items(place.line, items)

    def _keys(self, place: Place, level: int) -> Node:
        entries: dict[str, Node] = {}
        for event in self.events:
            if isinstance(event, MappingEndEvent):
                break
            key = self.node(event, Place(self._problems, place.path, _line(event)), level + 1)
            value = next(self.events)
            if not isinstance(key, Text):
                if not isinstance(key, Refused):
                    self._problems.add(key.line, place.path, "has a key that is no word")
                self.node(value, Place(self._problems, place.path, key.line), level + 1)
                continue
            at = place.at(key.text, key.line)
            node = self.node(value, at, level + 1)
            if key.text in entries:
                at.refuse(f"is there twice, first in line {entries[key.text].line}: keep one")
            else:
                entries[key.text] = node
        return Keys(place.line, entries)


def _told(error: yaml.MarkedYAMLError) -> tuple[int, str, str]:
    """A syntax error as a problem: where, and what PyYAML says of it, with a mend where one is known."""
    mark = error.problem_mark or error.context_mark
    said = " ".join(" ".join(part for part in (error.context, error.problem) if part).split())
    mend = next((mend for begins, mend in _MENDS.items() if (error.problem or "").startswith(begins)), "")
    text = f"is not valid YAML: {mend} ({said})" if mend else f"is not valid YAML: {said}"
    return (mark.line + 1 if mark else 1), "", text
