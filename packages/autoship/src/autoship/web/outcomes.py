"""``GET /v1/customers/{id}/predictions``: predictions beside what was shipped, a page of them, or all as a file."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

import msgspec
from starlette.types import Receive, Scope, Send

from autoship.domain.outcome import Match, Outcome
from autoship.errors import InvalidInput
from autoship.service import Autoship, Compared, compared
from autoship.web.export import Format, csv_header, csv_lines, ndjson
from autoship.web.problems import send_unknown_customer
from autoship.web.query import Query
from autoship.web.response import respond, stream

MOST = 1_000
PAGE = 100
FETCHED_AT_ONCE = 500
LARGEST_SEQ = 2**32 - 1
MOST_FIELDS = 100
"""A column is made for each field of the choice, and a file of more of them is no table."""
FORMATS = {"json": "json", "ndjson": "ndjson", "csv": "csv"}
PARAMETERS = (
    "field", "shipped", "predicted", "right", "approved", "since", "until", "cursor", "limit", "format",
)  # fmt: skip


class OutcomesEndpoint:
    """The outcomes of one customer, the newest first."""

    def __init__(self, service: Autoship) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send, ids: Sequence[str]) -> None:
        query = Query(scope, *PARAMETERS)
        match = match_in(query)
        before, limit = query.number("cursor", 1, LARGEST_SEQ), query.number("limit", 1, MOST)
        shape = query.one_of("format", FORMATS) or "json"
        asked = (limit or PAGE) + 1 if shape == "json" else 0
        first = await self._service.outcomes(ids[0], match, before, asked)
        if first is None:
            await send_unknown_customer(send, ids[0])
        elif shape == "json":
            await respond(send, _encode(page_of(first, limit or PAGE)))
        else:
            await _send_file(receive, send, shape, Found(self._service, ids[0], match, before, limit))


class Page(msgspec.Struct, frozen=True):
    """Some of the predictions, and the cursor to ask with for the next ones, None where there are none."""

    predictions: list[Compared]
    next: str | None


class Found:
    """All outcomes that fit, or ``limit`` of them, a part in memory at a time."""

    def __init__(
        self, service: Autoship, customer_id: str, match: Match, before: int | None, limit: int | None
    ) -> None:
        self._service = service
        self._customer_id = customer_id
        self._match = match
        self._before = before
        self._limit = limit

    async def fields(self) -> list[str]:
        """The fields of all choices in them, in the order in which they are met; what comes in from now on is left out.

        Raises `InvalidInput` where there are more than a table has columns for.
        """
        names: dict[str, None] = {}
        newest: int | None = None
        async for outcomes in self._parts():
            newest = outcomes[0].seq if newest is None else newest
            for outcome in outcomes:
                names |= dict.fromkeys((*outcome.predicted, *outcome.shipment))
            if len(names) > MOST_FIELDS:
                raise InvalidInput("format", f"has no room for the more than {MOST_FIELDS} fields: use ndjson")
        self._before = 1 if newest is None else newest + 1
        return list(names)

    async def formatted(self, form: Format, head: bytes = b"") -> AsyncGenerator[bytes]:
        """The bytes of a file of them."""
        async for outcomes in self._parts():
            yield head + form(compared(outcomes))
            head = b""
        yield head

    async def _parts(self) -> AsyncGenerator[Sequence[Outcome]]:
        before, left = self._before, self._limit
        ended = False
        while not ended:
            size = FETCHED_AT_ONCE if left is None else min(left, FETCHED_AT_ONCE)
            part = await self._service.outcomes(self._customer_id, self._match, before, size)
            if part:
                yield part
                before = part[-1].seq
                left = None if left is None else left - len(part)
            ended = not part or len(part) < size or left == 0


_encode = msgspec.json.Encoder().encode


def match_in(query: Query) -> Match:
    """Which outcomes are asked for; raises `InvalidInput`."""
    return Match(
        field=query.text("field"),
        shipped=query.text("shipped"),
        predicted=query.text("predicted"),
        right=query.flag("right"),
        approved=query.flag("approved"),
        since=query.time("since"),
        until=query.time("until"),
    )


def page_of(found: Sequence[Outcome], limit: int) -> Page:
    """A page, of one outcome more than it holds, where there are more."""
    shown = found[:limit]
    return Page(compared(shown), str(shown[-1].seq) if len(found) > limit else None)


async def _send_file(receive: Receive, send: Send, shape: str, found: Found) -> None:
    if shape == "ndjson":
        parts, media_type = found.formatted(ndjson), b"application/x-ndjson"
    else:
        fields = await found.fields()
        parts, media_type = found.formatted(csv_lines(fields), csv_header(fields)), b"text/csv; charset=utf-8"
    named = (b"content-disposition", b'attachment; filename="predictions.%s"' % shape.encode())
    await stream(receive, send, parts, named, media_type=media_type)
