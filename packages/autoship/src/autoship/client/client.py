"""The client of an application that waits for its answers. May be shared by threads."""

from __future__ import annotations

import copy
import ssl
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
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
from autoship.client.deadline import Backend, Deadline
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
from autoship.client.pace import Pace

T = TypeVar("T")
PAGE = 100


class Client:
    """The service at ``url``, such as ``http://127.0.0.1:8000``.

    Every call ends within ``deadline_s`` seconds, all its attempts and the waits between them included; what takes
    several requests (`ship`, `predict_many`, `customers`, `predictions`) has as long for each of them. Every call is
    safe to send again, and is, up to ``attempts`` times in all, where that may help. Errors are `CallFailed`, all of
    them. ``user_agent`` names the application; ``ssl_context`` is for certificates of one's own; ``pace`` for tests.

    Close it, or use it in a ``with`` block. Proxies that the environment names are not used.
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
        pace: Pace | None = None,
    ) -> None:
        self._address = address_of(url)
        self._options = Options(deadline_s=deadline_s, attempts=attempts, token=token, user_agent=user_agent)
        self._pace = Pace() if pace is None else pace
        secure = ssl_context or (httpcore2.default_ssl_context() if self._address.scheme == "https" else None)
        self._pool = httpcore2.ConnectionPool(
            ssl_context=secure,
            max_connections=MOST_CONNECTIONS,
            keepalive_expiry=KEEP_ALIVE_S,
            network_backend=Backend(),
        )

    def __repr__(self) -> str:
        return f"Client({str(self._address)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections. Nothing is called after that."""
        self._pool.close()

    def with_options(
        self,
        *,
        deadline_s: float | None = None,
        attempts: int | None = None,
        request_id: str | None = None,
        traceparent: str | None = None,
    ) -> Self:
        """The same client, and the same connections, with other options.

        ``request_id`` (``X-Request-ID``) and ``traceparent`` (W3C Trace Context) are those of the request that the
        application is answering; without a request id each call has one of its own.
        """
        given = {"deadline_s": deadline_s, "attempts": attempts, "request_id": request_id, "traceparent": traceparent}
        other = copy.copy(self)
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        other._options = msgspec.structs.replace(self._options, **changes)
        return other

    def predict(
        self,
        customer_id: str,
        order: Mapping[str, Any],
        *,
        order_id: str | None = None,
        ordered_at: datetime | None = None,
    ) -> Prediction:
        """How an order will be shipped. With its id, the prediction is kept, to be compared with what is shipped."""
        asked = Order(customer_id=customer_id, order=order, order_id=order_id, ordered_at=ordered_at)
        return self._call(calls.predict(asked))

    def predict_many(self, orders: Iterable[SentOrder]) -> list[Prediction | CallFailed]:
        """How each of any number of orders will be shipped, or what is wrong with it, in order."""
        refuse_one(orders)
        said: list[Prediction | CallFailed] = []
        batch = Batch()
        for order in orders:
            batch.add(order)
            if batch.full:
                said += self._ask(batch)
                batch = Batch()
        return said + self._ask(batch)

    def ship(self, records: Iterable[SentRecord]) -> Intake:
        """Takes in what was shipped: records of any number, as values, as dicts or as the lines of an NDJSON file.

        They are sent in chunks, each of which is sent again by itself where that is needed, and no more than one is
        in memory. A record that cannot be used is told in ``rejected`` and spoils no other. Where the call fails, the
        error's ``taken_in`` tells what was taken in before; to ship all of them again is safe.
        """
        refuse_one(records)
        taken_in = Intake()
        chunk = Chunk()
        try:
            for place, record in enumerate(records, 1):
                chunk.add(place, record)
                if chunk.full:
                    taken_in = together(taken_in, self._send(chunk))
                    chunk = Chunk()
            return together(taken_in, self._send(chunk))
        except CallFailed as error:
            error.taken_in = taken_in
            raise

    def customers(self, *, after: str | None = None, page: int = PAGE) -> Iterator[Listed]:
        """All customers by id, or those after one; ``page`` (1 to 1,000) are asked for at once."""
        while True:
            listed, after = self._call(calls.customers(after, page))
            yield from listed
            if after is None:
                return

    def customer(self, customer_id: str) -> Customer:
        """What was learned of a customer; raises `NotFound` where nothing was."""
        return self._call(calls.customer(customer_id))

    def set(
        self, customer_id: str, *, max_error: float | UnsetType | None = UNSET, audit: float | UnsetType | None = UNSET
    ) -> Customer:
        """Changes a customer's settings; None puts the default back. Raises `NotFound` where nothing is known of it."""
        return self._call(calls.set_(customer_id, max_error, audit))

    def forget(self, customer_id: str) -> None:
        """Forgets all that is known of a customer; raises `NotFound` where nothing was."""
        self._call(calls.forget(customer_id))

    def forget_shipment(self, customer_id: str, order_id: str) -> None:
        """Forgets one record, and what was predicted for it; raises `NotFound` where it is not there."""
        self._call(calls.forget_shipment(customer_id, order_id))

    def predictions(self, customer_id: str, *, page: int = PAGE, **filters: Unpack[Filters]) -> Iterator[Outcome]:
        """What was predicted beside what was shipped, newest first, for the orders that fit the `Filters`.

        ``page`` (1 to 1,000) are asked for at once.
        """
        cursor: str | None = None
        while True:
            outcomes, cursor = self._call(calls.predictions(customer_id, filters, cursor, page))
            yield from outcomes
            if cursor is None:
                return

    def export(
        self, customer_id: str, format: Format = "ndjson", **filters: Unpack[Filters]
    ) -> Generator[bytes, None, None]:
        """The same as a file, ``ndjson`` or ``csv``, in the parts in which it arrives: it may have any length.

        Sent again only until the first part is there. After that each part has ``deadline_s`` to come, and an export
        that breaks off raises, and is begun again by whoever wants it. One that is left before its end is to be closed.
        """
        return self._stream(calls.export(customer_id, filters, format))

    def health(self) -> Health:
        """A service that is ready. Asked once only: what is wanted is how it is now."""
        return self._call(calls.health())

    def _ask(self, batch: Batch) -> list[Prediction | CallFailed]:
        answered = self._call(calls.predict_many(batch.count, batch.body)) if batch.count else []
        return batch.placed(answered)

    def _send(self, chunk: Chunk) -> Intake:
        body = chunk.body
        return chunk.placed(self._call(calls.ship(body)) if body else Intake())

    def _call(self, call: Call[T]) -> T:
        def attempt(request: httpcore2.Request, deadline: Deadline, again: bool) -> T:
            with mapped(self._address, deadline):
                response = self._pool.handle_request(request)
                try:
                    gathering = Gathering(response)
                    self._gather(response, gathering)
                finally:
                    response.close()
            return call.read(gathering.answer(again))

        return self._attempts(call, attempt)[0]

    def _stream(self, call: Call[None]) -> Generator[bytes, None, None]:
        def attempt(request: httpcore2.Request, deadline: Deadline, again: bool) -> httpcore2.Response:
            with mapped(self._address, deadline):
                response = self._pool.handle_request(request)
                gathering = Gathering(response)
                if gathering.refused:
                    try:
                        self._gather(response, gathering)
                    finally:
                        response.close()
            call.read(gathering.answer(again))
            return response

        response, deadline, attempts = self._attempts(call, attempt)
        try:
            with mapped(self._address, deadline):
                deadline.renew()
                for part in response.iter_stream():
                    yield part
                    deadline.renew()
        except CallFailed as error:
            attempts.count(error)
            raise
        finally:
            response.close()

    def _attempts(
        self, call: Call[Any], attempt: Callable[[httpcore2.Request, Deadline, bool], T]
    ) -> tuple[T, Deadline, Attempts]:
        """What ``attempt`` returns once it does."""
        options = self._options
        deadline = Deadline(self._pace.now, options.deadline_s)
        attempts = Attempts(1 if call.once else options.attempts, options.name_of_request(), self._pace.random)
        while True:
            deadline.begin()
            try:
                request = request_of(call, self._address, options, attempts.request_id, deadline)
                return attempt(request, deadline, attempts.again), deadline, attempts
            except CallFailed as error:
                wait = attempts.after(error, left=deadline.left, fresh=deadline.fresh)
            self._pace.sleep(wait)

    @staticmethod
    def _gather(response: httpcore2.Response, gathering: Gathering) -> None:
        for part in response.iter_stream():
            if not gathering.add(part):
                return
