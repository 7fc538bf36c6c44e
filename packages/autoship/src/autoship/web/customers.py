"""``/v1/customers`` and what lies below it: the list, what was learned of one customer, its settings, its deletion, and
that of one record. What came of its predictions is in `outcomes`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

import msgspec
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from autoship.domain.record import unknown_field
from autoship.domain.settings import Chosen
from autoship.domain.strict_json import decode_json
from autoship.errors import InvalidInput
from autoship.service import Autoship
from autoship.web.body import read_body
from autoship.web.outcomes import OutcomesEndpoint
from autoship.web.problems import problem_of_status, send_problem, send_unknown_customer
from autoship.web.query import Query
from autoship.web.response import no_content, respond

PREFIX = b"/v1/customers/"
SETTINGS_LIMIT = 2**14
MOST_CUSTOMERS = 1_000
CUSTOMERS = 100

_encode = msgspec.json.Encoder().encode

Call: TypeAlias = Callable[[Scope, Receive, Send, Sequence[str]], Awaitable[None]]


class CustomersEndpoint:
    """All customers, a page at a time."""

    def __init__(self, service: Autoship) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = Query(scope, "after", "limit")
        limit = query.number("limit", 1, MOST_CUSTOMERS) or CUSTOMERS
        await respond(send, _encode(await self._service.customers(query.text("after"), limit)))


class CustomerEndpoint:
    """One customer, by the id in the path as it was sent: a slash within an id is no slash of the path."""

    def __init__(self, service: Autoship) -> None:
        self._service = service
        outcomes = OutcomesEndpoint(service)
        self._customer: dict[str, Call] = {"GET": self._tell, "PATCH": self._set, "DELETE": self._forget}
        self._predictions: dict[str, Call] = {"GET": outcomes}
        self._record: dict[str, Call] = {"DELETE": self._forget_record}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        names = scope["raw_path"].removeprefix(PREFIX).split(b"/")
        if not all(names):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        match names:
            case [customer_id]:
                calls, ids = self._customer, [decoded(customer_id, "customer_id")]
            case [customer_id, b"predictions"]:
                calls, ids = self._predictions, [decoded(customer_id, "customer_id")]
            case [customer_id, b"shipments", order_id]:
                calls, ids = self._record, [decoded(customer_id, "customer_id"), decoded(order_id, "order_id")]
            case _:
                raise HTTPException(HTTPStatus.NOT_FOUND)
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        if method not in calls:
            allowed = ", ".join([*calls, "HEAD"] if "GET" in calls else calls)
            raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": allowed})
        await calls[method](scope, receive, send, ids)

    async def _tell(self, scope: Scope, receive: Receive, send: Send, ids: Sequence[str]) -> None:
        Query(scope)
        customer = await self._service.customer(ids[0])
        await (send_unknown_customer(send, ids[0]) if customer is None else respond(send, _encode(customer)))

    async def _set(self, scope: Scope, receive: Receive, send: Send, ids: Sequence[str]) -> None:
        Query(scope)
        changes = settings_in(await read_body(scope, receive, SETTINGS_LIMIT))
        customer = await self._service.set(ids[0], changes)
        await (send_unknown_customer(send, ids[0]) if customer is None else respond(send, _encode(customer)))

    async def _forget(self, scope: Scope, receive: Receive, send: Send, ids: Sequence[str]) -> None:
        Query(scope)
        known = await self._service.forget(ids[0])
        await (no_content(send) if known else send_unknown_customer(send, ids[0]))

    async def _forget_record(self, scope: Scope, receive: Receive, send: Send, ids: Sequence[str]) -> None:
        Query(scope)
        customer_id, order_id = ids
        if await self._service.forget_record(customer_id, order_id):
            await no_content(send)
        else:
            detail = f"Customer {customer_id} has no record of order {order_id}."
            await send_problem(send, problem_of_status(HTTPStatus.NOT_FOUND, detail))


def decoded(name: bytes, field: str) -> str:
    """An id in a path; raises `InvalidInput`."""
    try:
        return unquote_to_bytes(name).decode()
    except UnicodeDecodeError:
        raise InvalidInput(field, "is not UTF-8: encode it as UTF-8, then with percent signs") from None


def settings_in(body: bytes) -> dict[str, float | None]:
    """The settings in a body that are to be changed, None where the default is to hold; raises `InvalidInput`."""
    value = decode_json(body)
    if not isinstance(value, dict):
        raise InvalidInput(None, 'settings are a JSON object: {"max_error": 0.02}')
    for name, share in value.items():
        if name not in Chosen.__struct_fields__:
            raise InvalidInput(name, unknown_field(name, Chosen.__struct_fields__))
        if share is not None and (isinstance(share, bool) or not isinstance(share, int | float)):
            raise InvalidInput(name, "is a share such as 0.02, or null for the default")
    return value
