"""The service: what is deleted is gone, from memory, from the disk and on its way between them; settings are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest
from autoship.domain.outcome import Match
from autoship.errors import HistoryUnavailable, InvalidInput
from autoship.ports import History
from autoship.service import Autoship
from autoship_samples import DAY, GROUND, hours, record, records, request
from watched_history import ALL, Watched, known, service, until


async def test_of_a_forgotten_customer_nothing_is_known(history: History) -> None:
    async with service(history) as autoship:
        await autoship.append(records(20))
        await autoship.predict(request(order_id="next"))
        await autoship.outcomes("acme", Match())
        assert await autoship.forget("acme")
        assert not await autoship.forget("acme")
        assert await autoship.customer("acme") is None
        assert await autoship.outcomes("acme", Match()) is None
        assert (await autoship.customers(None, 10)).customers == []
        assert (await autoship.predict(request())).reason == "no_history"
        await autoship.append(records(1))
        assert await known(autoship) == 1
    assert await history.find_answer("acme", "next") is None


Forget = Callable[[Autoship], Coroutine[Any, Any, bool]]


async def test_a_prediction_that_waits_to_be_written_goes_with_its_customer_or_its_order() -> None:
    history = Watched()
    async with service(history) as autoship:
        await autoship.append([*records(20), *records(20, "other")])
        for name in ("acme", "other"):
            for order_id in ("a", "b"):
                await autoship.predict(request(name, order_id=order_id))
        await autoship.append([record("a", "other")])
        await autoship.forget("acme")
        await autoship.forget_record("other", "a")
        await autoship.append(records(2))
    found = {
        (name, order_id)
        for name in ("acme", "other")
        for order_id in ("a", "b")
        if await history.find_answer(name, order_id)
    }
    assert found == {("other", "b")}


@pytest.mark.parametrize("held", ["keep", "delete"])
async def test_a_prediction_that_is_just_being_written_goes_too(held: str) -> None:
    history = Watched()
    async with service(history) as autoship:
        await autoship.append(records(20))
        await autoship.predict(request(order_id="20", ordered_at=DAY))
        history.calls.clear()
        history.open.clear()
        flushing = asyncio.create_task(autoship._given.flush()) if held == "keep" else None
        if flushing:
            await until(lambda: "keep" in history.calls)
        forgetting = asyncio.create_task(autoship.forget_record("acme", "20"))
        if not flushing:
            await until(lambda: "delete" in history.calls)
            await autoship.predict(request(order_id="20", ordered_at=DAY))
        history.open.set()
        assert await forgetting
        await autoship.append([record(20, at=20)])
    assert await history.find_answer("acme", "20") is None
    entry = await history.find_record("acme", "20")
    assert entry is not None
    assert entry.judged is None


@pytest.mark.parametrize("stage", ["load", "read", "tail"])
@pytest.mark.parametrize("comes_again", [False, True])
async def test_a_customer_that_is_forgotten_while_its_model_is_loaded_is_not_brought_back(
    stage: str, comes_again: bool
) -> None:
    history = Watched()
    async with service(history) as autoship:
        await autoship.append(records(20))
        await autoship.append([record(1, at=1, shipment=GROUND)])
        history.calls.clear()
        asking = asyncio.create_task(autoship.predict(request(order_id="next")))
        await until(lambda: stage in history.calls)
        await autoship.forget("acme")
        if comes_again:
            await autoship.append(records(2))
        await asking
        assert await known(autoship) == (2 if comes_again else 0)
        assert autoship._customers._forgotten == set()
    assert (await history.list_customers(None, 9) != []) is comes_again
    assert await history.find_answer("acme", "next") is None or comes_again


async def test_a_customer_that_is_forgotten_while_it_is_rebuilt_is_not_brought_back() -> None:
    history = Watched()
    async with service(history) as autoship:
        await autoship.append(records(20))
        await known(autoship)
        history.calls.clear()
        await autoship.append([record(1, at=1, shipment=GROUND)])
        await until(lambda: "read" in history.calls)
        await autoship.forget("acme")
        await until(lambda: not autoship._customers._tasks)
        assert await known(autoship) == 0
        assert len(autoship._customers._locks) == 0
    assert await history.list_customers(None, 9) == []


async def test_until_it_is_rebuilt_a_model_that_knows_a_forgotten_record_says_so() -> None:
    history = Watched()
    async with service(history) as autoship:
        await autoship.append(records(20))
        await known(autoship)
        history.away = {"read"}
        await autoship.forget_record("acme", "20")
        assert "rebuilding" in (await autoship.predict(request())).degraded


async def test_a_deletion_that_fails_leaves_everything_as_it_was() -> None:
    history = Watched()
    async with service(history) as autoship:
        await autoship.append(records(20))
        await autoship.predict(request(order_id="next"))
        history.away = ALL
        for forget in (autoship.forget("acme"), autoship.forget_record("acme", "1")):
            with pytest.raises(HistoryUnavailable):
                await forget
        assert await known(autoship) == 20
        history.away = set()
    assert await history.find_answer("acme", "next") is not None


async def test_one_who_goes_away_while_something_is_forgotten_leaves_no_half() -> None:
    history = Watched()
    async with service(history) as autoship:
        await autoship.append(records(20))
        await known(autoship)
        history.open.clear()
        forgetting = asyncio.create_task(autoship.forget("acme"))
        await until(lambda: "delete" in history.calls)
        forgetting.cancel()
        history.open.set()
        await until(lambda: not autoship._customers._tasks)
        assert await known(autoship) == 0


async def test_a_forgotten_record_is_as_if_it_had_never_come(history: History) -> None:
    unusual = record(10, at=10, took=0.5, order={"rare": "yes"}, shipment={"carrier": "X"})
    others = [record(n, at=n, took=0.5, shipment=GROUND if n % 3 else {"carrier": "DHL"}) for n in range(30) if n != 10]
    async with service(history) as autoship:
        await autoship.append([*others, unusual])
        await autoship.append([msgspec.structs.replace(one, customer_id="never") for one in others])
        await known(autoship)
        assert not await autoship.forget_record("acme", "nothing")
        assert not await autoship.forget_record("nobody", "1")
        assert await autoship.forget_record("acme", "10")
        await until(lambda: not autoship._customers.peek("acme").stale)
        told = await autoship.predict(request(ordered_at=DAY + hours(99)))
        never = await autoship.predict(request("never", ordered_at=DAY + hours(99)))
        assert (told.learned_from, told.shipment, told.confidence) == (
            never.learned_from,
            never.shipment,
            never.confidence,
        )
        customer = await autoship.customer("acme")
        assert customer is not None
        assert (customer["orders"], customer["choices"]) == (29, 2)


async def test_a_customer_without_any_record_left_is_still_known_by_its_settings(history: History) -> None:
    async with service(history) as autoship:
        await autoship.append(records(1))
        await autoship.set("acme", {"max_error": 0.02})
        await autoship.forget_record("acme", "1")
        await until(lambda: not autoship._customers.peek("acme").stale)
        customer = await autoship.customer("acme")
        assert customer is not None
        assert (customer["orders"], customer["settings"]["max_error"]) == (0, 0.02)
        assert (await autoship.predict(request())).reason == "no_history"
    async with service(history) as again:
        assert await again.customer("acme") is not None


async def test_settings_are_kept_and_hold_after_a_rebuild_and_after_a_restart(history: History) -> None:
    async with service(history) as autoship:
        await autoship.append(records(200))
        await known(autoship)
        customer = await autoship.set("acme", {"max_error": 0.02})
        assert customer is not None
        assert (customer["settings"], customer["degraded"]) == ({"max_error": 0.02, "audit": 0.1}, ("rebuilding",))
        await until(lambda: not autoship._customers.peek("acme").stale)
        customer = await autoship.customer("acme")
        assert customer is not None
        assert customer["outcomes_needed"] == 228
    async with service(history) as autoship:
        customer = await autoship.set("acme", {"audit": 0.5})
        assert customer is not None
        assert customer["settings"] == {"max_error": 0.02, "audit": 0.5}
        await until(lambda: not autoship._customers.peek("acme").stale)
        assert autoship._customers.peek("acme").model.approval.audit == 0.5
        customer = await autoship.set("acme", {"audit": None, "max_error": None})
        assert customer is not None
        assert customer["settings"] == {"max_error": 0.05, "audit": 0.1}


async def test_what_is_set_to_what_it_is_already_rebuilds_nothing(history: History) -> None:
    async with service(history) as autoship:
        await autoship.append(records(5))
        await known(autoship)
        for _ in range(2):
            customer = await autoship.set("acme", {"max_error": 0.02})
            await until(lambda: not autoship._customers.peek("acme").stale)
        assert customer is not None
        assert customer["degraded"] == ()


async def test_what_is_set_while_it_is_rebuilt_holds_in_the_end() -> None:
    history = Watched()
    async with service(history) as autoship:
        await autoship.append(records(20))
        await known(autoship)
        history.calls.clear()
        await autoship.set("acme", {"max_error": 0.02})
        await until(lambda: "read" in history.calls)
        await asyncio.gather(*(autoship.set("acme", {"max_error": 0.1 + n / 100, "audit": n / 10}) for n in range(5)))
        await until(lambda: not autoship._customers.peek("acme").stale)
        resident = autoship._customers.peek("acme")
        chosen = await history.load_settings("acme")
        assert chosen is not None
        assert (resident.model.approval.max_error, resident.model.approval.audit) == (chosen.max_error, chosen.audit)
        assert history.calls.count("read") <= 3


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"max_error": 0.001}, "max_error"), ({"max_error": 0.6}, "max_error"), ({"audit": -0.1}, "audit")],
)
async def test_what_can_be_no_setting_is_refused(history: History, changes: dict[str, float], field: str) -> None:
    async with service(history) as autoship:
        await autoship.append(records(1))
        with pytest.raises(InvalidInput) as caught:
            await autoship.set("acme", changes)
        assert caught.value.field == field
        assert await autoship.set("nobody", {"max_error": 0.02}) is None


async def test_customers_are_listed_with_numbers_that_live_and_those_of_their_snapshots(history: History) -> None:
    async with service(history) as autoship:
        for name in ("a", "b", "c"):
            await autoship.append(records(20, name))
        await known(autoship, "b")
    async with service(history) as autoship:
        await autoship.append([record(99, "b", at=99)])
        await known(autoship, "c")
        page = await autoship.customers(None, 2)
        assert [one.customer_id for one in page.customers] == ["a", "b"]
        assert page.next == "b"
        a, b = page.customers
        assert (a.orders, a.learned_until, a.predicted, a.approving) == (20, DAY + hours(25), None, None)
        assert (b.orders, b.predicted, b.right, b.approving) == (21, 15, 15, False)
        page = await autoship.customers("b", 2)
        assert ([one.customer_id for one in page.customers], page.next) == (["c"], None)
        assert page.customers[0].predicted == 15
