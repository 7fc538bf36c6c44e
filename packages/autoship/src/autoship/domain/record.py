"""One past order and how it was shipped, and the checks that make it one. Decides what is accepted; stores nothing."""

from __future__ import annotations

import difflib
import math
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias, cast

import msgspec

from autoship.domain.prediction import Shipment, Word
from autoship.errors import InvalidInput

Order: TypeAlias = Mapping[str, Any]
"""A free-form JSON object: objects, lists, strings, numbers, booleans and nulls, nested."""

DecidedBy: TypeAlias = Literal["person", "auto"]

REVEALED_AFTER = timedelta(days=1)
"""When an order without ``shipped_at`` counts as shipped, after its ``ordered_at``."""

FIRST_YEAR = 1970
LAST_YEAR = 2199
EARLIEST = datetime(FIRST_YEAR - 1, 12, 31, tzinfo=UTC)
LATEST = datetime(LAST_YEAR + 1, 1, 3, tzinfo=UTC)
"""Nothing becomes known before or after: in UTC it is at most a day to another year, and `REVEALED_AFTER` is one."""
MAX_CUSTOMER_ID = 128
MAX_ORDER_ID = 200
MAX_SHIPMENT_FIELDS = 8
MAX_WORD = 200
MAX_DEPTH = 32
MAX_NODES = 20_000
MAX_NUMBER = 2**63 - 1
"""However a number is written: of a fraction this large, most digits are lost as well."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """An order and how it was shipped. Times are aware and in UTC. Made by `parse_record`, which checks it."""

    customer_id: str
    order_id: str
    ordered_at: datetime
    order: dict[str, Any]
    shipment: Shipment
    shipped_at: datetime | None = None
    decided_by: DecidedBy = "person"
    shipped: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def known_at(self) -> datetime:
        """When the choice became known: ``shipped_at``, or a day after the order."""
        return self.shipped_at if self.shipped_at is not None else self.ordered_at + REVEALED_AFTER


_FIELDS = Record.__struct_fields__


def parse_record(value: object) -> Record:
    """A decoded JSON value as a `Record`; raises `InvalidInput` with the first field that is wrong."""
    if not isinstance(value, dict):
        raise InvalidInput(None, f"a record is a JSON object, not {_kind(value)}")
    for name in value:
        if name not in _FIELDS:
            raise InvalidInput(str(name), unknown_field(name, _FIELDS))
    for name in ("customer_id", "order_id", "ordered_at", "order", "shipment"):
        if name not in value:
            raise InvalidInput(name, "is missing")
    ordered_at = parse_time(value["ordered_at"], "ordered_at")
    shipped_at = value.get("shipped_at")
    shipped = value.get("shipped")
    decided_by = value.get("decided_by", "person")
    if decided_by not in ("person", "auto"):
        raise InvalidInput("decided_by", 'is "person" (somebody looked at the choice) or "auto" (nobody did)')
    return Record(
        customer_id=check_customer_id(value["customer_id"]),
        order_id=check_order_id(value["order_id"]),
        ordered_at=ordered_at,
        order=check_object(value["order"], "order"),
        shipment=check_shipment(value["shipment"]),
        shipped_at=None if shipped_at is None else parse_time(shipped_at, "shipped_at"),
        decided_by=cast(DecidedBy, decided_by),
        shipped={} if shipped is None else check_object(shipped, "shipped"),
    )


def check_customer_id(value: object) -> str:
    """1 to 128 characters, no control characters, no ``/``, not ``.`` or ``..``."""
    text = _identifier(value, "customer_id", MAX_CUSTOMER_ID)
    if "/" in text or text in (".", ".."):
        raise InvalidInput("customer_id", 'must not contain "/" and must not be "." or ".."')
    return text


def check_order_id(value: object) -> str:
    """1 to 200 characters, no control characters."""
    return _identifier(value, "order_id", MAX_ORDER_ID)


def _identifier(value: object, field: str, longest: int) -> str:
    if not isinstance(value, str):
        raise InvalidInput(field, f"is a string, not {_kind(value)}")
    if not 1 <= len(value) <= longest:
        raise InvalidInput(field, f"has 1 to {longest} characters, not {len(value)}")
    if not value.isprintable() and any(unicodedata.category(c) in ("Cc", "Cs") for c in value):
        raise InvalidInput(field, "must not contain control characters or lone surrogates")
    return value


def parse_time(value: object, field: str) -> datetime:
    """RFC 3339 with an offset, from 1970 to 2199, as an aware time in UTC."""
    if isinstance(value, datetime):
        time = value
    elif isinstance(value, str):
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidInput(field, 'is a time such as "2026-01-05T10:00:00Z" (RFC 3339)') from None
    else:
        raise InvalidInput(field, f'is a time such as "2026-01-05T10:00:00Z", not {_kind(value)}')
    if time.tzinfo is None:
        raise InvalidInput(field, 'has no time zone: end it with "Z" or an offset such as "+01:00"')
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise InvalidInput(field, f"lies between the years {FIRST_YEAR} and {LAST_YEAR}")
    return time if time.tzinfo is UTC else time.astimezone(UTC)


def check_shipment(value: object) -> Shipment:
    """A choice: an object of 1 to 8 fields, each a word, a number or a boolean."""
    if not isinstance(value, dict):
        raise InvalidInput("shipment", f'is an object such as {{"carrier": "USPS"}}, not {_kind(value)}')
    if not 1 <= len(value) <= MAX_SHIPMENT_FIELDS:
        raise InvalidInput("shipment", f"has 1 to {MAX_SHIPMENT_FIELDS} fields, not {len(value)}")
    for name, word in value.items():
        _check_word(word, name)
    return value


def _check_word(word: object, name: object) -> None:
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_WORD or not _is_text(name):
        raise InvalidInput("shipment", f"its fields have names of 1 to {MAX_WORD} characters")
    field = f"shipment.{name}"
    if not isinstance(word, str | int | float):
        raise InvalidInput(field, f"is a word, a number or a boolean, not {_kind(word)}")
    if isinstance(word, str) and len(word) > MAX_WORD:
        raise InvalidInput(field, f"has at most {MAX_WORD} characters, not {len(word)}: a choice is words, not text")
    problem = _scalar_problem(word)
    if problem:
        raise InvalidInput(field, problem)


def check_object(value: object, field: str) -> dict[str, Any]:
    """A free-form JSON object of at most 20,000 values in at most 32 levels; refuses numbers that JSON cannot carry."""
    if not isinstance(value, dict):
        raise InvalidInput(field, f"is an object, not {_kind(value)}")
    if count_names(value) is None:
        _find_fault(value, field)
    return value


def count_names(value: dict[str, Any]) -> int | None:
    """How many names the object and all objects in it have, where all of it is plainly good; None where it may not be.

    Each prediction waits for this: it goes level by level and keeps no paths.
    """
    names = nodes = depth = 0
    level: list[Any] = [value]
    while level:
        depth += 1
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            return None
        below: list[Any] = []
        for container in level:
            children = container
            if type(container) is dict:
                names += len(container)
                children = container.values()
                if not _are_text(container):
                    return None
            nodes += len(children)
            for child in children:
                kind = type(child)
                if kind is str:
                    if not child.isascii() and not _is_text(child):
                        return None
                elif kind is dict or kind is list:
                    below.append(child)
                elif kind is int or kind is float:
                    if not -MAX_NUMBER <= child <= MAX_NUMBER:
                        return None
                elif kind is not bool and child is not None:
                    return None
        level = below
    return names if nodes < MAX_NODES else None


_Link: TypeAlias = "tuple[_Link, str] | tuple[None, str]"
"""The place of a value: the place of what it lies in, and its own name there. A path is only made where it is shown."""


def _find_fault(value: dict[str, Any], field: str) -> None:
    """Raises `InvalidInput` with the path of what is wrong, if anything is."""
    nodes = 0
    stack: list[tuple[object, _Link, int]] = [(value, (None, field), 1)]
    while stack:
        node, link, depth = stack.pop()
        nodes += 1
        if nodes > MAX_NODES:
            raise InvalidInput(
                field, f"has more than {MAX_NODES:,} values: leave out what does not decide the shipment"
            )
        if depth > MAX_DEPTH and isinstance(node, dict | list):
            raise InvalidInput(field, f"is nested more than {MAX_DEPTH} levels deep")
        if isinstance(node, dict):
            for name, child in node.items():
                if not isinstance(name, str):
                    raise InvalidInput(_path(link), "its names are strings")
                if not _is_text(name):
                    raise InvalidInput(_path(link), "has a name with a lone surrogate: send valid Unicode")
                stack.append((child, (link, f".{name}"), depth + 1))
        elif isinstance(node, list):
            stack.extend((child, (link, f"[{i}]"), depth + 1) for i, child in enumerate(node))
        else:
            problem = _scalar_problem(node)
            if problem:
                raise InvalidInput(_path(link), problem)


def _path(link: _Link) -> str:
    names = []
    at: _Link | None = link
    while at is not None:
        names.append(at[1])
        at = at[0]
    return "".join(reversed(names))


def _scalar_problem(value: object) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return None if _is_text(value) else "contains a lone surrogate: send valid Unicode"
    if isinstance(value, float) and not math.isfinite(value):
        return "is not a finite number"
    if isinstance(value, int | float):
        return None if -MAX_NUMBER <= value <= MAX_NUMBER else "needs more than 64 bits: send it as a string"
    return f"is not JSON: {_kind(value)}"


def _are_text(names: dict[Any, Any]) -> bool:
    try:
        text = "".join(names)
    except TypeError:
        return False
    return text.isascii() or all(map(_is_text, names))


def _is_text(value: str) -> bool:
    """Whether it is valid Unicode, free of lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def unknown_field(name: object, known: tuple[str, ...]) -> str:
    """What to say of a field that is not known, with the nearest right name."""
    near = difflib.get_close_matches(str(name), known, n=1)
    return f"is not known: did you mean {near[0]}?" if near else f"is not known: the fields are {', '.join(known)}"


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names: tuple[tuple[type, str], ...] = (
        (int, "a number"),
        (float, "a number"),
        (str, "a string"),
        (list, "a list"),
        (dict, "an object"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), type(value).__name__)


def same_choice(one: Mapping[str, Word], other: Mapping[str, Word]) -> bool:
    """Whether two choices are one: whether they have the same `choice_key`."""
    return one == other and all(isinstance(word, bool) == isinstance(other[name], bool) for name, word in one.items())


def choice_key(shipment: Mapping[str, Word]) -> str:
    """The identity of a choice: equal for equal choices, whatever the order of fields; 1 and 1.0 are one number."""
    items = sorted((name, _plain(word)) for name, word in shipment.items())
    return msgspec.json.encode(items).decode()


def _plain(word: Word) -> Word:
    return int(word) if isinstance(word, float) and word.is_integer() and abs(word) < 2**53 else word
