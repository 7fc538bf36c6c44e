"""What the address of a page asks for. Forms send fields that were left empty: the same address without them holds."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlencode

from starlette.types import Scope

from autoship.domain.record import MAX_CUSTOMER_ID, parse_time
from autoship.web.query import MOST_FIELDS, Query

LAST_OF_ALL = "\U0010ffff"


class Elsewhere(Exception):
    """The page has a better address than the one that was asked for."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class PageQuery(Query):
    """As the API reads it, but a time may be a day, and the empty fields of a form are `Elsewhere`."""

    def __init__(self, scope: Scope, *known: str) -> None:
        _leave_out_empty(scope)
        super().__init__(scope, *known)

    def time(self, name: str) -> datetime | None:
        """A time as in a record, or the beginning of a day in UTC."""
        text = self.text(name)
        if text is None:
            return None
        try:
            day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            return parse_time(text, name)
        return parse_time(day, name)


def just_before(prefix: str) -> str | None:
    """An id, be it one that no customer has, after which come all ids with this beginning, by their code points; None
    where those are the first of all.

    It is the last possible id with the character before the beginning's last one.
    """
    if not prefix:
        return None
    code = ord(prefix[-1]) - 1
    while code >= 0 and (chr(code) == "/" or unicodedata.category(chr(code)) in ("Cc", "Cs")):
        code -= 1
    if code < 0:
        return prefix[:-1] or None
    start = prefix[:-1] + chr(code)
    return start + LAST_OF_ALL * (MAX_CUSTOMER_ID - len(start))


def _leave_out_empty(scope: Scope) -> None:
    try:
        pairs = parse_qsl(
            scope["query_string"].decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        return
    given = [(name, value) for name, value in pairs if value]
    if given != pairs:
        path = scope["raw_path"].decode("latin-1")
        raise Elsewhere(f"{path}?{urlencode(given, quote_via=quote)}" if given else path)
