"""The service: predicts, takes in what was shipped, tells what was learned of a customer and what came of predictions,
forgets."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import count
from math import inf
from typing import Any

import msgspec

from autoship.domain.outcome import Match, Outcome
from autoship.domain.record import Record, check_customer_id, check_order_id, unknown_field
from autoship.domain.request import PredictionRequest, decode_request
from autoship.domain.served import Served
from autoship.domain.settings import Settings
from autoship.errors import AutoshipError, HistoryError, InvalidInput
from autoship.learning.approval import Approval
from autoship.ports import History
from autoship.service.answer import Answer, answer
from autoship.service.builder import Builder
from autoship.service.counters import Counters
from autoship.service.customers import Customers
from autoship.service.given import GivenOut
from autoship.service.intake import Counts, Intake, Line, take_in
from autoship.service.learned import Learned
from autoship.service.resident import Resident
from autoship.service.told import CustomerPage, OneOrder, listed
from autoship.service.turns import Teacher, Turns
from autoship.service.watch import HistoryWatch

REBUILDING = "rebuilding"
HISTORY_AWAY = "history_away"
MEMORY_BYTES = 2**30

_encode = msgspec.json.Encoder().encode


class Autoship:
    """For one event loop: made, used and closed on it. ``clock`` gives the time, aware and in UTC.

    Every method that needs the history raises `HistoryError` where it cannot be had; a prediction needs it only where
    the customer's model is not in memory. Models take at most about ``memory_bytes``. ``counters`` count what it does.
    """

    def __init__(
        self,
        history: History,
        *,
        settings: Settings,
        clock: Callable[[], datetime],
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self._history = history
        self._clock = clock
        self.counters = counters = Counters()
        self._defaults = settings
        teacher = Teacher()
        builder = Builder(history, teacher, settings, counters)
        self._blank = builder.blank()
        self._given = GivenOut(history, counters)
        self._learned = Learned(history)
        self._customers = Customers(
            history, builder, teacher, self._given, self._learned, counters, most_bytes=memory_bytes
        )
        self._watch = HistoryWatch(history)
        self._closed_by = inf
        self._run = secrets.token_hex(8)
        self._numbers = count(1)

    @property
    def history_trouble(self) -> str | None:
        """Why the history's last call failed, None where it did not. While it is away, whoever asks has it looked
        after, so that this does not stay for want of a call that succeeds."""
        return self._watch.trouble

    @property
    def models(self) -> int:
        """How many models are in memory."""
        return len(self._customers)

    @property
    def model_bytes(self) -> int:
        """What the models in memory take, in bytes."""
        return self._customers.nbytes

    @property
    def predictions_waiting(self) -> int:
        """How many predictions given out are not in the history yet."""
        return len(self._given)

    async def predict(self, request: PredictionRequest) -> Answer:
        """The answer for one order. Keeps it, where the order has an id, to be compared with what is shipped."""
        resident = self._at_hand(request.customer_id) or await self._customers.get(request.customer_id)
        return self._tell(request, resident)[0]

    async def predict_text(self, request: PredictionRequest) -> bytes:
        """The same, as JSON text."""
        resident = self._at_hand(request.customer_id) or await self._customers.get(request.customer_id)
        return self._tell(request, resident)[1]

    async def predict_many(self, orders: Iterable[bytes | msgspec.Raw]) -> list[bytes | AutoshipError]:
        """For each order, a request as JSON text, its answer, as JSON text too, or what is wrong with it, in order.

        A customer whose history cannot be had is asked for once, and not again for each of its orders.
        """
        away: dict[str, HistoryError] = {}
        places: list[bytes | AutoshipError] = []
        turns = Turns()
        for order in orders:
            places.append(await self._predict_one(bytes(order), away))
            if turns.over:
                await turns.give()
        return places

    async def append(self, records: Sequence[Record]) -> Counts:
        """Takes in records, of several customers or one. Returns once all of them are kept and known."""
        await self._given.flush_for({(record.customer_id, record.order_id) for record in records})
        of_customers: dict[str, list[Record]] = {}
        for record in records:
            of_customers.setdefault(record.customer_id, []).append(record)
        parts = await asyncio.gather(*(self._append(*one) for one in of_customers.items()))
        return sum(parts, Counts())

    async def learn(self, customer_id: str) -> None:
        """Has the customer's model made of what the history has of it, so that the first prediction need not wait."""
        await self._customers.get(customer_id)

    async def take_in(self, lines: AsyncIterator[Line]) -> Intake:
        """Takes in records as they arrive, each a line of JSON, a chunk at a time; tells what is wrong with a line."""
        intake = await take_in(lines, self.append)
        self.counters.records["rejected"] += intake.rejected_total
        return intake

    async def customer(self, customer_id: str) -> dict[str, Any] | None:
        """What was learned of a customer, None where nothing was; raises `InvalidInput` for what can be no customer."""
        resident = await self._customers.get(check_customer_id(customer_id))
        if resident is None:
            return None
        learned = msgspec.structs.asdict(resident.model.summary())
        settings = msgspec.structs.asdict(resident.settings)
        return {"customer_id": customer_id, **learned, "settings": settings, "degraded": self._degraded(resident)}

    async def customers(self, after: str | None, limit: int) -> CustomerPage:
        """At most ``limit`` customers with an id after ``after``, by the code points of their ids."""
        found = await self._history.list_customers(after, limit + 1)
        page = []
        for customer in found[:limit]:
            resident = self._customers.peek(customer.customer_id)
            page.append(listed(customer, None if resident is None else resident.model.summary().numbers()))
        return CustomerPage(page, page[-1].customer_id if len(found) > limit else None)

    async def set(self, customer_id: str, changes: Mapping[str, float | None]) -> dict[str, Any] | None:
        """Changes a customer's settings, each by its name; None puts the default back. The customer as it is then, None
        for a stranger; raises `InvalidInput` for what can be no setting."""
        given = {name: value for name, value in changes.items() if value is not None}
        Approval(**msgspec.structs.asdict(msgspec.structs.replace(self._defaults, **given)))
        known = await self._customers.set(check_customer_id(customer_id), changes)
        return await self.customer(customer_id) if known else None

    async def forget(self, customer_id: str) -> bool:
        """Forgets a customer, everywhere; says whether there was one."""
        return await self._customers.forget(check_customer_id(customer_id))

    async def forget_record(self, customer_id: str, order_id: str) -> bool:
        """Forgets one order of a customer, everywhere; says whether there was such a record. The customer's model is
        rebuilt in the background as if it had never come."""
        return await self._customers.forget_record(check_customer_id(customer_id), check_order_id(order_id))

    async def outcomes(
        self, customer_id: str, match: Match, before: int | None = None, limit: int = 100
    ) -> Sequence[Outcome] | None:
        """What came of the customer's predictions: at most ``limit`` that fit ``match``, with a seq below ``before``,
        the newest first by seq; None for a stranger. Raises `InvalidInput` for a field that no choice of it has."""
        resident = await self._customers.get(check_customer_id(customer_id))
        if resident is None:
            return None
        fields = tuple({name: None for shipment in resident.model.classes() for name in shipment})
        if match.field is not None and fields and match.field not in fields:
            raise InvalidInput("field", f"{match.field} {unknown_field(match.field, fields)}")
        await self._learned.flush(customer_id)
        return await self._history.read_outcomes(customer_id, match, before=before, limit=limit)

    async def order(self, customer_id: str, order_id: str) -> OneOrder | None:
        """What is known of one order, None where nothing is."""
        if await self._customers.get(check_customer_id(customer_id)) is None:
            return None
        await self._learned.flush(customer_id)
        await self._given.flush_for({(customer_id, check_order_id(order_id))})
        served = await self._history.find_answer(customer_id, order_id)
        answer, served_at = (None, None) if served is None else (served.answer, served.served_at)
        entry = await self._history.find_record(customer_id, order_id)
        if entry is None:
            return None if answer is None else OneOrder(None, None, answer, served_at)
        nearest = await self._history.read_outcomes(customer_id, Match(), before=entry.seq + 1, limit=1)
        outcome = nearest[0] if nearest and nearest[0].seq == entry.seq else None
        return OneOrder(entry.record, outcome, answer, served_at)

    def close_by(self, until: float) -> None:
        """Has `close` save no more models from then on, by the monotonic clock: the log makes them again."""
        self._closed_by = until

    async def close(self) -> None:
        """Keeps what waits to be kept, and the models' snapshots. The history stays open: its maker closes it."""
        await self._watch.close()
        await self._given.close()
        await self._customers.close(self._closed_by)
        await self._learned.close()

    def _at_hand(self, customer_id: str) -> Resident | None:
        resident = self._customers.at_hand(customer_id)
        if resident is not None:
            self.counters.hits += 1
        return resident

    def _tell(self, request: PredictionRequest, resident: Resident | None) -> tuple[Answer, bytes]:
        order_id, now = request.order_id, self._clock()
        model = self._blank if resident is None else resident.model
        prediction = model.predict(request.order, request.ordered_at or now, order_id)
        self.counters.predictions[prediction.reason] += 1
        prediction_id = f"{self._run}{next(self._numbers):08x}"
        told = answer(prediction, prediction_id=prediction_id, order_id=order_id, degraded=self._degraded(resident))
        text = _encode(told)
        if order_id is not None and (judged := prediction.judged(prediction_id)) is not None:
            self._given.add(Served(request.customer_id, order_id, now, judged, text))
        return told, text

    async def _predict_one(self, order: bytes, away: dict[str, HistoryError]) -> bytes | AutoshipError:
        try:
            request = decode_request(order)
        except InvalidInput as error:
            return error
        if request.customer_id in away:
            return away[request.customer_id]
        try:
            return await self.predict_text(request)
        except HistoryError as error:
            away[request.customer_id] = error
            return error

    async def _append(self, customer_id: str, records: Sequence[Record]) -> Counts:
        appended = await self._customers.append(customer_id, records)
        counts = self.counters.records
        counts["accepted"] += appended.accepted
        counts["unchanged"] += appended.unchanged
        counts["replaced"] += appended.replaced
        if appended.accepted:
            self.counters.last_learned = self._clock().timestamp()
        return Counts(appended.accepted, appended.unchanged, appended.replaced)

    def _degraded(self, resident: Resident | None) -> tuple[str, ...]:
        if self._history.trouble is None and (resident is None or not resident.stale):
            return ()
        rebuilding = (REBUILDING,) if resident is not None and resident.stale else ()
        return rebuilding if self._watch.trouble is None else (*rebuilding, HISTORY_AWAY)
