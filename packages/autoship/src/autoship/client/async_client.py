"""The client of an application on an event loop. The same calls as `Client`'s, which says what each of them does."""

from __future__ import annotations

import copy
import ssl
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpcore2
import msgspec
from msgspec import UNSET, UnsetType

from autoship.client import calls
from autoship.client.answers import Customer, Health, Intake, Listed, Outcome, Prediction
from autoship.client.attempts import Attempts
from autoship.client.calls import Call, Filters, Format
from autoship.client.deadline import AsyncBackend, Deadline
from autoship.client.errors import CallFailed
from autoship.client.exchange import Gathering, mapped, request_of
from autoship.client.given import Batch, Chunk, Order, SentOrder, SentRecord, refuse_one, together
from autoship.client.options import (
    DEADLINE_S,
    KEEP_ALIVE_S,
    MOST_ATTEMPTS,
    MOST_CONNECTIONS,
    Options,
    address_of,
)
from autoship.client.pace import AsyncPace

T = TypeVar("T")
PAGE = 100


class AsyncClient:
    """`Client`, with calls that are awaited and iterators that are asynchronous. For one event loop of asyncio.

    Close it with `aclose`, or use it in an ``async with`` block.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        deadline_s: float = DEADLINE_S,
        attempts: int = MOST_ATTEMPTS,
        user_agent: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        pace: AsyncPace | None = None,
    ) -> None:
        self._address = address_of(url)
        self._options = Options(deadline_s=deadline_s, attempts=attempts, token=token, user_agent=user_agent)
        self._pace = AsyncPace() if pace is None else pace
        secure = ssl_context or (httpcore2.default_ssl_context() if self._address.scheme == "https" else None)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=secure,
            max_connections=MOST_CONNECTIONS,
            keepalive_expiry=KEEP_ALIVE_S,
            network_backend=AsyncBackend(),
        )

    def __repr__(self) -> str:
        return f"AsyncClient({str(self._address)!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the connections. Nothing is called after that."""
        await self._pool.aclose()

    def with_options(
        self,
        *,
        deadline_s: float | None = None,
        attempts: int | None = None,
        request_id: str | None = None,
        traceparent: str | None = None,
    ) -> Self:
        """As `Client.with_options`."""
        given = {"deadline_s": deadline_s, "attempts": attempts, "request_id": request_id, "traceparent": traceparent}
        other = copy.copy(self)
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        other._options = msgspec.structs.replace(self._options, **changes)
        return other

    async def predict(
        self,
        customer_id: str,
        order: Mapping[str, Any],
        *,
        order_id: str | None = None,
        ordered_at: datetime | None = None,
    ) -> Prediction:
        """As `Client.predict`."""
        asked = Order(customer_id=customer_id, order=order, order_id=order_id, ordered_at=ordered_at)
        return await self._call(calls.predict(asked))

    async def predict_many(
        self, orders: Iterable[SentOrder] | AsyncIterable[SentOrder]
    ) -> list[Prediction | CallFailed]:
        """As `Client.predict_many`; an asynchronous iterable will do as well."""
        refuse_one(orders)
        said: list[Prediction | CallFailed] = []
        batch = Batch()
        async for order in _each(orders):
            batch.add(order)
            if batch.full:
                said += await self._ask(batch)
                batch = Batch()
        return said + await self._ask(batch)

    async def ship(self, records: Iterable[SentRecord] | AsyncIterable[SentRecord]) -> Intake:
        """As `Client.ship`; an asynchronous iterable will do as well."""
        refuse_one(records)
        taken_in = Intake()
        chunk, place = Chunk(), 0
        try:
            async for record in _each(records):
                place += 1
                chunk.add(place, record)
                if chunk.full:
                    taken_in = together(taken_in, await self._send(chunk))
                    chunk = Chunk()
            return together(taken_in, await self._send(chunk))
        except CallFailed as error:
            error.taken_in = taken_in
            raise

    async def customers(self, *, after: str | None = None, page: int = PAGE) -> AsyncIterator[Listed]:
        """As `Client.customers`."""
        while True:
            listed, after = await self._call(calls.customers(after, page))
            for one in listed:
                yield one
            if after is None:
                return

    async def customer(self, customer_id: str) -> Customer:
        """As `Client.customer`."""
        return await self._call(calls.customer(customer_id))

    async def set(
        self, customer_id: str, *, max_error: float | UnsetType | None = UNSET, audit: float | UnsetType | None = UNSET
    ) -> Customer:
        """As `Client.set`."""
        return await self._call(calls.set_(customer_id, max_error, audit))

    async def forget(self, customer_id: str) -> None:
        """As `Client.forget`."""
        await self._call(calls.forget(customer_id))

    async def forget_shipment(self, customer_id: str, order_id: str) -> None:
        """As `Client.forget_shipment`."""
        await self._call(calls.forget_shipment(customer_id, order_id))

    async def predictions(
        self, customer_id: str, *, page: int = PAGE, **filters: Unpack[Filters]
    ) -> AsyncIterator[Outcome]:
        """As `Client.predictions`."""
        cursor: str | None = None
        while True:
            outcomes, cursor = await self._call(calls.predictions(customer_id, filters, cursor, page))
            for one in outcomes:
                yield one
            if cursor is None:
                return

    def export(
        self, customer_id: str, format: Format = "ndjson", **filters: Unpack[Filters]
    ) -> AsyncGenerator[bytes, None]:
        """As `Client.export`."""
        return self._stream(calls.export(customer_id, filters, format))

    async def health(self) -> Health:
        """As `Client.health`."""
        return await self._call(calls.health())

    async def _ask(self, batch: Batch) -> list[Prediction | CallFailed]:
        answered = await self._call(calls.predict_many(batch.count, batch.body)) if batch.count else []
        return batch.placed(answered)

    async def _send(self, chunk: Chunk) -> Intake:
        body = chunk.body
        return chunk.placed(await self._call(calls.ship(body)) if body else Intake())

    async def _call(self, call: Call[T]) -> T:
        async def attempt(request: httpcore2.Request, deadline: Deadline, again: bool) -> T:
            with mapped(self._address, deadline):
                response = await self._pool.handle_async_request(request)
                try:
                    gathering = Gathering(response)
                    await self._gather(response, gathering)
                finally:
                    await response.aclose()
            return call.read(gathering.answer(again))

        return (await self._attempts(call, attempt))[0]

    async def _stream(self, call: Call[None]) -> AsyncGenerator[bytes, None]:
        async def attempt(request: httpcore2.Request, deadline: Deadline, again: bool) -> httpcore2.Response:
            with mapped(self._address, deadline):
                response = await self._pool.handle_async_request(request)
                gathering = Gathering(response)
                if gathering.refused:
                    try:
                        await self._gather(response, gathering)
                    finally:
                        await response.aclose()
            call.read(gathering.answer(again))
            return response

        response, deadline, attempts = await self._attempts(call, attempt)
        try:
            with mapped(self._address, deadline):
                deadline.renew()
                async for part in response.aiter_stream():
                    yield part
                    deadline.renew()
        except CallFailed as error:
            attempts.count(error)
            raise
        finally:
            await response.aclose()

    async def _attempts(
        self, call: Call[Any], attempt: Callable[[httpcore2.Request, Deadline, bool], Awaitable[T]]
    ) -> tuple[T, Deadline, Attempts]:
        """What ``attempt`` returns once it does."""
        options = self._options
        deadline = Deadline(self._pace.now, options.deadline_s)
        attempts = Attempts(1 if call.once else options.attempts, options.name_of_request(), self._pace.random)
        while True:
            deadline.begin()
            try:
                request = request_of(call, self._address, options, attempts.request_id, deadline)
                return await attempt(request, deadline, attempts.again), deadline, attempts
            except CallFailed as error:
                wait = attempts.after(error, left=deadline.left, fresh=deadline.fresh)
            await self._pace.sleep(wait)

    @staticmethod
    async def _gather(response: httpcore2.Response, gathering: Gathering) -> None:
        async for part in response.aiter_stream():
            if not gathering.add(part):
                return


async def _each(given: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    if isinstance(given, AsyncIterable):
        async for one in given:
            yield one
    else:
        for one in given:
            yield one
