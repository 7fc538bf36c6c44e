"""``/`` and what lies below ``/customers``: reads an address, asks the service, and has a page made of the answer.
Whatever goes wrong ends as a page, too."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from autoship.domain.outcome import Match, Outcome, word_text
from autoship.domain.scoreboard import scoreboard
from autoship.domain.summary import Numbers
from autoship.errors import AutoshipError, HistoryError
from autoship.pages.customer import Measured, Standing, customer_page
from autoship.pages.customers import customers_page
from autoship.pages.filters import Known
from autoship.pages.mistakes import mistakes_page
from autoship.pages.order import Said, order_page
from autoship.pages.predictions import predictions_page
from autoship.pages.problem import problem_page
from autoship.ports import Listed
from autoship.service import Autoship
from autoship.service.told import ListedCustomer
from autoship.web.customers import decoded
from autoship.web.html import address_of, parts_of_path, send_page
from autoship.web.outcomes import LARGEST_SEQ, match_in
from autoship.web.page_query import Elsewhere, PageQuery, just_before
from autoship.web.problems import RETRY_AFTER_S, Problem, problem_of, problem_of_status

SPAN = ("since", "until")
CUSTOMERS_A_PAGE = 100
PREDICTIONS_A_PAGE = 100
MOST_COUNTED = 20_000
LOOKED_AT_FOR_VALUES = 1_000
MOST_VALUES = 100

_decode_said = msgspec.json.Decoder(Said).decode


def page_routes(service: Autoship) -> list[Route]:
    """Where the pages are."""
    return [Route(path, Pages(service), methods=["GET"]) for path in ("/", "/customers/{page:path}")]


class Pages:
    """All of the pages over one service."""

    def __init__(self, service: Autoship) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            page = await self._page(scope)
        except Elsewhere as elsewhere:
            await send_page(send, "", (b"location", elsewhere.address.encode("latin-1")), status=HTTPStatus.SEE_OTHER)
        except HTTPException as error:
            detail = str(error.detail)
            await send_problem_page(send, problem_of_status(HTTPStatus(error.status_code), detail))
        except AutoshipError as error:
            retry = ((b"retry-after", b"%d" % RETRY_AFTER_S),) if isinstance(error, HistoryError) else ()
            await send_problem_page(send, problem_of(error), *retry)
        else:
            await send_page(send, page)

    async def _page(self, scope: Scope) -> str:
        match parts_of_path(scope):
            case [b""]:
                return await self._customers(scope)
            case [_, *names] if not all(names):
                pass
            case [b"customers", customer_id]:
                return await self._customer(scope, decoded(customer_id, "customer_id"))
            case [b"customers", customer_id, b"mistakes"]:
                return await self._mistakes(scope, decoded(customer_id, "customer_id"))
            case [b"customers", customer_id, b"predictions"]:
                return await self._predictions(scope, decoded(customer_id, "customer_id"))
            case [b"customers", customer_id, b"orders", order_id]:
                PageQuery(scope)
                return await self._order(decoded(customer_id, "customer_id"), decoded(order_id, "order_id"))
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is nothing at {scope['path']}.")

    async def _customers(self, scope: Scope) -> str:
        asked = PageQuery(scope, "q", "after")
        query, after = asked.text("q") or "", asked.text("after")
        start = just_before(query) if after is None else after
        found = await self._service.customers(start, CUSTOMERS_A_PAGE)
        shown = [_listed(one) for one in found.customers if one.customer_id.startswith(query)]
        more_after = found.next if len(shown) == len(found.customers) else None
        return customers_page(shown, query=query, after=after, more_after=more_after, address=address_of(scope))

    async def _customer(self, scope: Scope, customer_id: str) -> str:
        span = match_in(PageQuery(scope, *SPAN))
        standing = await self._standing(customer_id)
        try:
            outcomes = await self._outcomes(customer_id, span, MOST_COUNTED + 1)
        except HistoryError:
            return customer_page(await self._standing(customer_id), None, address_of(scope))
        counted = outcomes[:MOST_COUNTED]
        board = await asyncio.to_thread(scoreboard, counted)
        measured = Measured(board, span, cut=len(counted) < len(outcomes))
        return customer_page(standing, measured, address_of(scope))

    async def _mistakes(self, scope: Scope, customer_id: str) -> str:
        asked = match_in(PageQuery(scope, "field", *SPAN))
        span = Match(since=asked.since, until=asked.until)
        await self._standing(customer_id)
        outcomes = await self._outcomes(customer_id, span, MOST_COUNTED)
        board = await asyncio.to_thread(scoreboard, outcomes)
        return mistakes_page(customer_id, board.parts, asked.field, span)

    async def _predictions(self, scope: Scope, customer_id: str) -> str:
        asked = PageQuery(scope, *Match.__struct_fields__, "cursor")
        match, before = match_in(asked), asked.number("cursor", 1, LARGEST_SEQ)
        await self._standing(customer_id)
        found = await self._outcomes(customer_id, match, PREDICTIONS_A_PAGE + 1, before)
        shown = found[:PREDICTIONS_A_PAGE]
        older = str(shown[-1].seq) if len(found) > len(shown) else None
        known = _known(await self._outcomes(customer_id, Match(), LOOKED_AT_FOR_VALUES))
        return predictions_page(customer_id, match, shown, known=known, cursor=asked.text("cursor"), older=older)

    async def _order(self, customer_id: str, order_id: str) -> str:
        order = await self._service.order(customer_id, order_id)
        if order is None:
            detail = f"Nothing is known of order {order_id} of customer {customer_id}."
            raise HTTPException(HTTPStatus.NOT_FOUND, detail)
        said = None if order.answer is None else _decode_said(order.answer)
        return order_page(
            customer_id, order_id, said=said, said_at=order.served_at, record=order.record, outcome=order.outcome
        )

    async def _standing(self, customer_id: str) -> Standing:
        customer = await self._service.customer(customer_id)
        if customer is None:
            detail = f"Nothing is known of customer {customer_id}: no order of it was sent in as shipped."
            raise HTTPException(HTTPStatus.NOT_FOUND, detail)
        return msgspec.convert({**customer, **customer["settings"]}, Standing)

    async def _outcomes(
        self, customer_id: str, match: Match, limit: int, before: int | None = None
    ) -> Sequence[Outcome]:
        return await self._service.outcomes(customer_id, match, before, limit) or ()


async def send_problem_page(send: Send, problem: Problem, *headers: tuple[bytes, bytes]) -> None:
    """A problem of the API as a page."""
    await send_page(send, problem_page(problem.title, problem.detail), *headers, status=problem.status)


def _listed(customer: ListedCustomer) -> Listed:
    counted = customer.predicted is not None
    numbers = msgspec.convert(msgspec.structs.asdict(customer), Numbers) if counted else None
    return Listed(customer.customer_id, customer.orders, customer.learned_until, numbers)


def _known(outcomes: Sequence[Outcome]) -> Known:
    """The fields and the commonest values of some outcomes."""
    shipments = [outcome.shipment for outcome in outcomes]
    values = Counter(word_text(word) for shipment in shipments for word in shipment.values())
    fields = sorted({name for shipment in shipments for name in shipment})
    return Known(fields, [value for value, _ in values.most_common(MOST_VALUES)])
