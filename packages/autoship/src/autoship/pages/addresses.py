"""The addresses of the pages: every view is one, its filters in it. `autoship.web` reads what is written here."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote, urlencode

import msgspec

from autoship.domain.outcome import Match
from autoship.pages.words import rfc3339

HOME = "/"


def customers(query: str = "", after: str | None = None) -> str:
    """The customers whose id begins with ``query``, those after one of them."""
    return HOME + _query(q=query or None, after=after)


def customer(customer_id: str, span: Match | None = None) -> str:
    """One customer, of all time or what became known between the two times of ``span``."""
    return _customer(customer_id) + _query(**_words(span))


def mistakes(customer_id: str, field: str | None, span: Match | None = None) -> str:
    """What was taken for what, in one field or (None) in the whole choice."""
    return f"{_customer(customer_id)}/mistakes{_query(**{**_words(span), 'field': field})}"


def predictions(customer_id: str, match: Match | None = None, cursor: str | None = None) -> str:
    """The predictions that ``match`` fits."""
    return f"{_customer(customer_id)}/predictions{_query(**_words(match), cursor=cursor)}"


def export(customer_id: str, match: Match, form: str) -> str:
    """The same as a file: ``csv`` or ``ndjson``."""
    return f"/v1{predictions(customer_id)}{_query(**_words(match), format=form)}"


def order(customer_id: str, order_id: str) -> str:
    """One order, and what was said of it."""
    return f"{_customer(customer_id)}/orders/{quote(order_id, safe='')}"


def api(customer_id: str) -> str:
    """The customer in the API."""
    return f"/v1{_customer(customer_id)}"


def _customer(customer_id: str) -> str:
    return f"/customers/{quote(customer_id, safe='')}"


def _words(match: Match | None) -> dict[str, str | bool | datetime | None]:
    return {} if match is None else msgspec.structs.asdict(match)


def _query(**values: str | bool | datetime | None) -> str:
    words = {name: _word(value) for name, value in values.items() if value is not None}
    return f"?{urlencode(words, quote_via=quote)}" if words else ""


def _word(value: str | bool | datetime) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else rfc3339(value)
