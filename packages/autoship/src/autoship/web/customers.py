"""``GET /v1/customers/{id}``: what was learned of a customer."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import unquote_to_bytes

import msgspec
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from autoship.errors import InvalidInput
from autoship.service import Autoship
from autoship.web.problems import problem_of_status, send_problem
from autoship.web.response import respond

PREFIX = b"/v1/customers/"


class CustomerEndpoint:
    """One customer, by the id in the path as it was sent: a slash within an id is no slash of the path."""

    def __init__(self, service: Autoship) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        customer_id = customer_in(scope["raw_path"])
        customer = await self._service.customer(customer_id)
        if customer is None:
            detail = f"Nothing is known of customer {customer_id}: no order of it was sent to /v1/shipments."
            await send_problem(send, problem_of_status(HTTPStatus.NOT_FOUND, detail))
        else:
            await respond(send, msgspec.json.encode(customer))


def customer_in(raw_path: bytes) -> str:
    """The customer's id in a path; raises `InvalidInput`, or a 404 where the path is none of a customer."""
    name = raw_path.removeprefix(PREFIX)
    if not name or b"/" in name:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    try:
        return unquote_to_bytes(name).decode()
    except UnicodeDecodeError:
        raise InvalidInput("customer_id", "is not UTF-8: encode it as UTF-8, then with percent signs") from None
