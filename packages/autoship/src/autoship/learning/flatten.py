"""What a free-form order says, as short values that can be counted. Decides what of an order the learner sees at all.

Each leaf gets a path (``ship_to.country``, ``items[].sku``). A path has one value: the leaf's, or, in a list, the set
of its leaves. A number is also given in two widths of bins, so that 498 and 503 grams have something in common (but
for small whole numbers, which speak for themselves); a code such as a postal code also by its first characters. Long
text and lists are also given as bags: each word, each element.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from datetime import datetime
from hashlib import blake2b
from itertools import islice
from typing import NamedTuple, TypeAlias

from autoship.domain.record import Order

Value: TypeAlias = str | int | float | None
"""A leaf as it is counted; booleans as words, so that ``true`` and 1 stay apart."""

SEPARATOR = "\x1f"
"""Parts a path from the name of a view of it. No field's own name holds it unless somebody means mischief, and then two
fields are taken for one."""
OCTAVE, QUARTER, PREFIX = SEPARATOR + "octave", SEPARATOR + "quarter", SEPARATOR + "prefix"
"""What is appended to a path for a number's bins (a factor of 2, of the fourth root of 2) and a code's beginning."""
COUNT = SEPARATOR + "count"
"""What is appended to a list's path for its length."""
WORDS = SEPARATOR + "words"
"""What is appended to a text's path for the bag of its words."""
WEEKDAY = SEPARATOR + "weekday"
"""The path of the day of the week on which the order came, 0 for Monday."""

MAX_LEAVES = 400
MAX_ELEMENTS = 24
MAX_WORDS = 32
MAX_TEXT = 120
PREFIX_LENGTH = 3
MAX_PATH = 200
"""Characters of a path; a longer one ends in its digest."""
MAX_NAMES = 4_000
"""Of an order's names, those beyond are not looked at; it has at most `MAX_LEAVES` values all the same."""
MAX_PATHS = 5_000
"""Places that are remembered: at most some 30 MB, with the longest names there are."""

_WORD = re.compile(r"[^\W_]+")
_QUARTERS = (2**-0.75, 2**-0.5, 2**-0.25)
_TRUE, _FALSE = "\x00true", "\x00false"


class Flat(NamedTuple):
    """One order: a value for each path, and the members of its bags, as pairs of path and member, each once. A list
    counts as one value, its set of members, as well."""

    values: dict[str, Value]
    bags: list[tuple[str, Value]]


class _Path:
    """A place in orders: its path and those of its views, made once; ``stem``, which the paths of the places below it
    begin with; and these places by name."""

    __slots__ = ("below", "count", "elements", "octave", "path", "prefix", "quarter", "stem", "words")

    def __init__(self, path: str, stem: str) -> None:
        self.path = path
        self.stem = stem
        self.octave, self.quarter = path + OCTAVE, path + QUARTER
        self.prefix, self.words, self.count = path + PREFIX, path + WORDS, path + COUNT
        self.below: dict[str, _Path] = {}
        self.elements: _Path | None = None


class _Paths:
    """The places that were met lately, at most `MAX_PATHS`: then it forgets all of them, before the next order. What it
    remembers changes nothing but the time that an order takes."""

    def __init__(self) -> None:
        self._top = _Path("", "")
        self._made = 0

    def top(self) -> _Path:
        """The order itself."""
        if self._made >= MAX_PATHS:
            self._top, self._made = _Path("", ""), 0
        return self._top

    def below(self, at: _Path, name: str) -> _Path:
        """The place of a field in an object; to be asked for where ``at.below`` does not have it yet."""
        path = at.stem + name[:MAX_TEXT]
        if len(path) > MAX_PATH:
            path = f"{path[: MAX_PATH - 17]}…{blake2b(path.encode(), digest_size=8).hexdigest()}"
        made = _Path(path, path + ".")
        if self._made < MAX_PATHS:
            self._made += 1
            at.below[name] = made
        return made

    def elements(self, at: _Path) -> _Path:
        """The place of a list's elements."""
        if at.elements is None:
            self._made += 1
            at.elements = _Path(at.path + "[]", at.path + "[].")
        return at.elements


_paths = _Paths()
_Bags: TypeAlias = dict[tuple[str, Value], None]
_Lists: TypeAlias = dict[str, tuple[_Path, list[Value]]]


def flatten(order: Order, ordered_at: datetime) -> Flat:
    """An order as values and bags."""
    values: dict[str, Value] = {}
    bags: _Bags = {}
    lists: _Lists = {}
    _collect(order, _paths.top(), values, bags, lists, [MAX_NAMES])
    for path, (at, leaves) in lists.items():
        _add_list(path, at, leaves, values, bags)
    values[WEEKDAY] = ordered_at.weekday()
    return Flat(values, list(bags))


def _collect(order: Order, above: _Path, values: dict[str, Value], bags: _Bags, lists: _Lists, left: list[int]) -> None:
    """Single leaves into ``values``, those in lists into ``lists``; stops after `MAX_LEAVES` values or nodes of lists,
    or where none of the names to be looked at is ``left``."""
    below = above.below
    items = order.items() if len(order) <= left[0] else islice(order.items(), left[0])
    left[0] -= min(left[0], len(order))
    for name, node in items:
        at = below.get(name) or _paths.below(above, name)
        kind = type(node)
        if kind is str:
            _add_text(at, node, values, bags)
        elif kind is int or kind is float:
            _add_number(at, node, values)
        elif kind is dict:
            _collect(node, at, values, bags, lists, left)
        elif kind is list:
            _collect_list(node, at, lists)
        else:
            values[at.path] = _leaf(node)
        if len(values) >= MAX_LEAVES:
            return


def _collect_list(nodes: list[object], at: _Path, lists: _Lists) -> None:
    _list(lists, at.count, at).append(len(nodes))
    elements = _paths.elements(at)
    queue: list[tuple[_Path, object]] = [(elements, node) for node in nodes[:MAX_LEAVES]]
    for seen, (place, node) in enumerate(queue):
        if seen >= MAX_LEAVES:
            return
        if isinstance(node, dict):
            queue += [
                (place.below.get(name) or _paths.below(place, name), child)
                for name, child in islice(node.items(), MAX_LEAVES)
            ]
        elif isinstance(node, list):
            _list(lists, place.count, place).append(len(node))
            inner = _paths.elements(place)
            queue += [(inner, child) for child in node[:MAX_LEAVES]]
        else:
            _list(lists, place.path, place).append(_leaf(node))


def _list(lists: _Lists, path: str, at: _Path) -> list[Value]:
    found = lists.get(path)
    if found is None:
        found = lists[path] = (at, [])
    return found[1]


def _leaf(node: object) -> Value:
    if isinstance(node, str):
        return node if len(node) <= MAX_TEXT else node[:MAX_TEXT] + "…"
    if isinstance(node, bool):
        return _TRUE if node else _FALSE
    if isinstance(node, int | float):
        return node
    return None


def _add_list(path: str, at: _Path, leaves: list[Value], values: dict[str, Value], bags: _Bags) -> None:
    """A list's one member as a single value, its several as a set in one word; and each of them into the bag. ``path``
    is the list's own, or that of its lengths."""
    if len(values) >= MAX_LEAVES:
        return
    lengths = path.endswith(COUNT)
    if lengths and len(leaves) == 1:
        values[path] = leaves[0]
        return
    if len(leaves) == 1 or len(members := sorted(set(leaves), key=_order)[:MAX_ELEMENTS]) == 1:
        _add(_Path(path, path) if lengths else at, leaves[0], values, bags)
        bags[path, leaves[0]] = None
        return
    values[path] = "|".join([str(member) for member in members])[:MAX_TEXT]
    for member in members:
        bags[path, member] = None
        if isinstance(member, str) and " " in member:
            _add_words(at, member, bags)


def _order(value: Value) -> tuple[int, float, str]:
    """A total order over values of several types."""
    if isinstance(value, str):
        return (2, 0.0, value)
    return (0, 0.0, "") if value is None else (1, float(value), "")


def _add(at: _Path, value: Value, values: dict[str, Value], bags: _Bags) -> None:
    if isinstance(value, str):
        _add_text(at, value, values, bags)
    elif value is None:
        values[at.path] = None
    else:
        _add_number(at, value, values)


def _add_text(at: _Path, text: str, values: dict[str, Value], bags: _Bags) -> None:
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT] + "…"
    values[at.path] = text
    if " " in text:
        _add_words(at, text, bags)
    elif len(text) > PREFIX_LENGTH and not text.isalpha() and text[0] != "\x00":
        values[at.prefix] = text[:PREFIX_LENGTH]


def _add_number(at: _Path, number: float, values: dict[str, Value]) -> None:
    values[at.path] = number
    values[at.octave], values[at.quarter] = bins(number)


def _add_words(at: _Path, text: str, bags: _Bags) -> None:
    words = _WORD.findall(text)
    if len(words) >= 3:
        path = at.words
        for word in words[:MAX_WORDS]:
            bags[path, word.lower()] = None


def field_of(path: str) -> str:
    """The field that a path is a view of: itself, without what is appended for bins, beginnings and lengths."""
    return path.partition(SEPARATOR)[0].removesuffix("[]")


def bins(value: float) -> tuple[int, int]:
    """The octave and the quarter octave of a number, from its binary exponent: the same on every machine. Negative
    numbers mirror the positive ones; 0 has a bin of its own (0, 0)."""
    mantissa, exponent = math.frexp(abs(value))
    if mantissa == 0.0:
        return 0, 0
    octave = exponent + 2000
    quarter = 4 * octave + bisect_right(_QUARTERS, mantissa)
    return (octave, quarter) if value > 0 else (-octave, -quarter)


def bin_range(path: str, value: Value) -> tuple[float, float] | None:
    """The numbers, from and below, that share the bin ``value`` of a path of bins; None for any other path, and for
    0."""
    if not isinstance(value, int) or value == 0:
        return None
    magnitude = abs(value)
    if path.endswith(OCTAVE):
        low, high = _power(magnitude - 2001), _power(magnitude - 2000)
    elif path.endswith(QUARTER):
        low, high = _power(magnitude / 4 - 2001), _power((magnitude + 1) / 4 - 2001)
    else:
        return None
    return (low, high) if value > 0 else (-high, -low)


def _power(exponent: float) -> float:
    """2 to this power; infinite where that is more than any number."""
    return 2.0**exponent if exponent < 1024 else math.inf
