"""What is asked for behind the question mark of an address. What is unknown, doubled or malformed is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar
from urllib.parse import parse_qsl

from starlette.types import Scope

from autoship.domain.record import parse_time, unknown_field
from autoship.errors import InvalidInput

T = TypeVar("T")

MOST_FIELDS = 100


class Query:
    """The parameters of a request, of those that there are: each at most once, never empty."""

    def __init__(self, scope: Scope, *known: str) -> None:
        self._values = _parsed(scope["query_string"], known)

    def text(self, name: str) -> str | None:
        """A parameter as it is, None where it is not there."""
        return self._values.get(name)

    def number(self, name: str, least: int, most: int) -> int | None:
        """A whole number."""
        text = self.text(name)
        if text is None:
            return None
        if not re.fullmatch(r"[0-9]{1,10}", text, re.ASCII) or not least <= int(text) <= most:
            raise InvalidInput(name, f"is a whole number from {least:,} to {most:,}")
        return int(text)

    def flag(self, name: str) -> bool | None:
        """Whether it is so."""
        return self.one_of(name, {"true": True, "false": False})

    def time(self, name: str) -> datetime | None:
        """A time as in a record."""
        text = self.text(name)
        return None if text is None else parse_time(text, name)

    def one_of(self, name: str, meanings: Mapping[str, T]) -> T | None:
        """One of several words, as what it means."""
        text = self.text(name)
        if text is not None and text not in meanings:
            raise InvalidInput(name, f"is {' or '.join(meanings)}")
        return None if text is None else meanings[text]


def _parsed(query: bytes, known: tuple[str, ...]) -> dict[str, str]:
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except UnicodeDecodeError:
        raise InvalidInput(None, "the query is not UTF-8: encode it as UTF-8, then with percent signs") from None
    except ValueError:
        raise InvalidInput(None, f"the query has more than {MOST_FIELDS} parameters") from None
    values: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            raise InvalidInput(name, unknown_field(name, known))
        if name in values:
            raise InvalidInput(name, "appears twice: send it once")
        if not value:
            raise InvalidInput(name, "is empty: leave it out")
        values[name] = value
    return values
