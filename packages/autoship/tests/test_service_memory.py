"""The service: models are kept within their bound, the least recently used go first, and nothing is lost by that."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from autoship.adapters.memory import MemoryHistory
from autoship.adapters.sqlite import SqliteHistory
from autoship.domain.outcome import Match
from autoship.learning import CustomerModel
from autoship.ports import History, Snapshot
from autoship.service import Autoship, Settings, customers
from autoship_samples import DAY, GROUND, PRIORITY, hours, record, records, request
from watched_history import Watched, known, until


@asynccontextmanager
async def bounded(history: History, most: int) -> AsyncIterator[Autoship]:
    autoship = Autoship(history, settings=Settings(), clock=lambda: DAY, memory_bytes=most)
    try:
        yield autoship
    finally:
        await autoship.close()


def in_memory(autoship: Autoship) -> list[str]:
    return [resident.customer_id for resident in autoship._customers._residents]


async def size_of_one() -> int:
    history = MemoryHistory()
    async with bounded(history, 2**30) as autoship:
        await autoship.append(records(5))
        await known(autoship)
        return autoship._customers._residents.nbytes


async def settled(autoship: Autoship) -> None:
    await until(lambda: not autoship._customers._tasks)


def test_a_model_is_measured_by_what_it_takes() -> None:
    learned = [record(n, at=n, order={"sku": n % 50, "city": n % 300, "total": n * 1.5}) for n in range(1, 1_000)]
    history = MemoryHistory()
    entries = asyncio.run(history.append("acme", learned)).entries
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    model = CustomerModel()
    for _ in model.learn(entries):
        pass
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert 0.7 < model.nbytes() / taken < 1.5


async def test_those_that_were_not_used_for_longest_go_first(history: History) -> None:
    async with bounded(history, 4 * await size_of_one()) as autoship:
        for name in "abcde":
            await autoship.append(records(5, name))
        for name in ("a", "b", "c", "a", "d"):
            await known(autoship, name)
            await settled(autoship)
        assert in_memory(autoship) == ["c", "a", "d"]
        await autoship.customers(None, 10)
        await known(autoship, "e")
        await settled(autoship)
        assert in_memory(autoship) == ["a", "d", "e"]


async def test_a_customer_larger_than_the_bound_is_served_and_stays_while_it_is_the_last(history: History) -> None:
    async with bounded(history, 1) as autoship:
        for name in ("a", "b"):
            await autoship.append(records(300, name))
        for name, more in (("a", 301), ("a", 302), ("b", 301), ("a", 303)):
            assert await known(autoship, name) == more - 1
            await autoship.append([record(more, name, at=more)])
            assert await known(autoship, name) == more
            await settled(autoship)
            assert in_memory(autoship) == [name]


async def test_what_a_model_had_learned_when_it_went_is_there_when_it_comes_again(history: History) -> None:
    async with bounded(history, 1) as autoship:
        for name in ("a", "b"):
            for n in range(40):
                shipped = record(n, name, at=n, took=0.5, shipment=GROUND if n % 3 else PRIORITY)
                await autoship.append([shipped])
                await known(autoship, name)
        before = await autoship.predict(request("a", ordered_at=DAY + hours(99)))
        told = await autoship.outcomes("a", Match())
        await settled(autoship)
        await known(autoship, "b")
        await settled(autoship)
        assert in_memory(autoship) == ["b"]
        after = await autoship.predict(request("a", ordered_at=DAY + hours(99)))
        assert (after.shipment, after.confidence, after.because) == (before.shipment, before.confidence, before.because)
        assert await autoship.outcomes("a", Match()) == told


async def test_a_model_is_saved_before_it_goes_only_if_it_has_learned() -> None:
    history = Watched()
    async with bounded(history, 1) as autoship:
        for name in ("a", "b"):
            await autoship.append(records(5, name))
        for name in "abababab":
            await known(autoship, name)
            await settled(autoship)
        assert history.calls.count("save") == 2
        assert history.calls.count("read") == 2


async def test_where_no_time_is_left_models_are_not_saved_and_the_log_has_them() -> None:
    history = Watched()
    autoship = Autoship(history, settings=Settings(), clock=lambda: DAY)
    for name in ("a", "b"):
        await autoship.append(records(5, name))
        await known(autoship, name)
    autoship.close_by(0.0)
    await autoship.close()
    assert "save" not in history.calls
    async with bounded(history, 2**30) as again:
        assert [await known(again, name) for name in ("a", "b")] == [5, 5]


async def test_models_that_learned_most_are_saved_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customers, "SAVED_AT_ONCE", 1)
    history = Watched()
    async with bounded(history, 2**30) as autoship:
        for name, number in (("few", 3), ("most", 9), ("some", 5)):
            await autoship.append(records(number, name))
            await known(autoship, name)
        saved: list[str] = []
        save = history.save_snapshot

        async def kept(customer_id: str, snapshot: Snapshot) -> None:
            saved.append(customer_id)
            await save(customer_id, snapshot)

        monkeypatch.setattr(history, "save_snapshot", kept)
    assert saved == ["most", "some", "few"]


async def test_a_model_that_is_in_use_does_not_go() -> None:
    history = Watched()
    async with bounded(history, 1) as autoship:
        for name in ("a", "b"):
            await autoship.append(records(5, name))
        await known(autoship, "a")
        history.calls.clear()
        history.open.clear()
        appending = asyncio.create_task(autoship.append([record(6, "a", at=6)]))
        await until(lambda: "append" in history.calls)
        asking = asyncio.create_task(known(autoship, "b"))
        await until(lambda: "load" in history.calls)
        assert in_memory(autoship) == ["a"]
        history.open.set()
        await appending
        assert await asking == 5
        assert await known(autoship, "a") == 6


async def test_a_model_that_waits_to_be_rebuilt_does_not_go_before_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customers, "RETRY_S", (0.001,))
    history = Watched()
    async with bounded(history, 1) as autoship:
        for name in ("b", "a"):
            await autoship.append(records(5, name))
            await known(autoship, name)
            await settled(autoship)
        history.away = {"read"}
        await autoship.append([record(1, "a", at=1, shipment=GROUND)])
        await until(lambda: history.calls[-1] == "read")
        await known(autoship, "b")
        await until(lambda: "b" in in_memory(autoship))
        assert in_memory(autoship) == ["a", "b"]
        history.away = set()
        await settled(autoship)
        await known(autoship, "b")
        await settled(autoship)
        assert in_memory(autoship) == ["b"]
        assert (await autoship.predict(request("a"))).degraded == ()


async def test_where_nothing_can_be_written_the_bound_holds_and_nothing_is_lost() -> None:
    history = Watched()
    async with bounded(history, 1) as autoship:
        for name in ("a", "b"):
            await autoship.append(records(20, name))
        history.away = {"save", "outcomes", "keep"}
        for name in "abab":
            assert await known(autoship, name) == 20
        await settled(autoship)
        assert in_memory(autoship) == ["b"]
        assert set(autoship._learned._waiting) == {"b"}
        history.away = set()
        for name in "ab":
            told = await autoship.outcomes(name, Match())
            assert told is not None
            assert len(told) == 15


async def test_thousands_of_customers_come_and_go_and_memory_does_not_grow(tmp_path: Path) -> None:
    count, history = 500, SqliteHistory(tmp_path / "a.db")
    most = 50 * await size_of_one()
    left_behind = []
    async with bounded(history, most) as autoship:
        await autoship.append([record(n, f"c{c}", at=n) for c in range(count) for n in range(5)])
        tracemalloc.start()
        for _ in range(4):
            for c in range(0, count, 50):
                asked = await asyncio.gather(*(known(autoship, f"c{n}") for n in range(c, c + 50)))
                assert asked == [5] * 50
                assert autoship._customers._residents.nbytes <= most * 1.2
            await settled(autoship)
            await until(lambda: not autoship._learned._waiting)
            gc.collect()
            left_behind.append(tracemalloc.get_traced_memory()[0] - autoship._customers._residents.nbytes)
        tracemalloc.stop()
        parts = autoship._customers
        assert (len(parts._loading), len(parts._locks), len(parts._tasks)) == (0, 0, 0)
        assert len(parts._residents) <= 50
        assert left_behind[3] < left_behind[1] + 100_000
    assert len(await history.list_customers(None, 2_000)) == count
    await history.close()
