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

_WORD = re.compile(r"[^\W_]+")
_QUARTERS = (2**-0.75, 2**-0.5, 2**-0.25)
_TRUE, _FALSE = "\x00true", "\x00false"


class Flat(NamedTuple):
    """One order: a value for each path, and the members of its bags, as pairs of path and member, each once. A list
    counts as one value, its set of members, as well."""

    values: dict[str, Value]
    bags: list[tuple[str, Value]]


def flatten(order: Order, ordered_at: datetime) -> Flat:
    """An order as values and bags."""
    values: dict[str, Value] = {}
    bags: dict[tuple[str, Value], None] = {}
    lists: dict[str, list[Value]] = {}
    _collect(order, "", values, bags, lists)
    for path, leaves in lists.items():
        _add_list(path, leaves, values, bags)
    values[WEEKDAY] = ordered_at.weekday()
    return Flat(values, list(bags))


def _collect(
    order: Order,
    prefix: str,
    values: dict[str, Value],
    bags: dict[tuple[str, Value], None],
    lists: dict[str, list[Value]],
) -> None:
    """Single leaves into ``values``, those in lists into ``lists``; stops after `MAX_LEAVES` values or nodes of
    lists."""
    for name, node in order.items():
        path = prefix + (name if len(name) <= MAX_TEXT else name[:MAX_TEXT])
        kind = type(node)
        if kind is str:
            _add_text(path, node, values, bags)
        elif kind is int or kind is float:
            _add_number(path, node, values)
        elif kind is dict:
            _collect(node, path + ".", values, bags, lists)
        elif kind is list:
            _collect_list(node, path, lists)
        else:
            values[path] = _leaf(node)
        if len(values) >= MAX_LEAVES:
            return


def _collect_list(nodes: list[object], path: str, lists: dict[str, list[Value]]) -> None:
    lists.setdefault(path + COUNT, []).append(len(nodes))
    path += "[]"
    queue: list[tuple[str, object]] = [(path, node) for node in nodes[:MAX_LEAVES]]
    for seen, (at, node) in enumerate(queue):
        if seen >= MAX_LEAVES:
            return
        if isinstance(node, dict):
            queue.extend([(f"{at}.{name[:MAX_TEXT]}", child) for name, child in node.items()])
        elif isinstance(node, list):
            lists.setdefault(at + COUNT, []).append(len(node))
            queue.extend([(at + "[]", child) for child in node[:MAX_LEAVES]])
        else:
            lists.setdefault(at, []).append(_leaf(node))


def _leaf(node: object) -> Value:
    if isinstance(node, str):
        return node if len(node) <= MAX_TEXT else node[:MAX_TEXT] + "…"
    if isinstance(node, bool):
        return _TRUE if node else _FALSE
    if isinstance(node, int | float):
        return node
    return None


def _add_list(path: str, leaves: list[Value], values: dict[str, Value], bags: dict[tuple[str, Value], None]) -> None:
    """A list's one member as a single value, its several as a set in one word; and each of them into the bag."""
    if len(values) >= MAX_LEAVES:
        return
    if path.endswith(COUNT) and len(leaves) == 1:
        values[path] = leaves[0]
        return
    if len(leaves) == 1 or len(members := sorted(set(leaves), key=_order)[:MAX_ELEMENTS]) == 1:
        _add(path, leaves[0], values, bags)
        bags[path, leaves[0]] = None
        return
    values[path] = "|".join([str(member) for member in members])[:MAX_TEXT]
    for member in members:
        bags[path, member] = None
        if isinstance(member, str) and " " in member:
            _add_words(path, member, bags)


def _order(value: Value) -> tuple[int, float, str]:
    """A total order over values of several types."""
    if isinstance(value, str):
        return (2, 0.0, value)
    return (0, 0.0, "") if value is None else (1, float(value), "")


def _add(path: str, value: Value, values: dict[str, Value], bags: dict[tuple[str, Value], None]) -> None:
    if isinstance(value, str):
        _add_text(path, value, values, bags)
    elif value is None:
        values[path] = None
    else:
        _add_number(path, value, values)


def _add_text(path: str, text: str, values: dict[str, Value], bags: dict[tuple[str, Value], None]) -> None:
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT] + "…"
    values[path] = text
    if " " in text:
        _add_words(path, text, bags)
    elif len(text) > PREFIX_LENGTH and not text.isalpha() and text[0] != "\x00":
        values[path + PREFIX] = text[:PREFIX_LENGTH]


def _add_number(path: str, number: float, values: dict[str, Value]) -> None:
    values[path] = number
    values[path + OCTAVE], values[path + QUARTER] = bins(number)


def _add_words(path: str, text: str, bags: dict[tuple[str, Value], None]) -> None:
    words = _WORD.findall(text)
    if len(words) >= 3:
        path += WORDS
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
