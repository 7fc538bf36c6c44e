"""The service: what is known when, what is loaded and rebuilt how often, and what happens while the history is away."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import msgspec
import pytest
from autoship.adapters.memory import MemoryHistory
from autoship.errors import HistoryUnavailable, InvalidInput
from autoship.learning import CustomerModel
from autoship.ports import History, Snapshot
from autoship.service import Autoship, Counters, Line, Settings, customers, intake
from autoship.service import given as given_out
from autoship.service.answer import rounded
from autoship.service.turns import Teacher
from autoship_samples import DAY, GROUND, PRIORITY, hours, line, record, records, request, served
from history_maker import MakeHistory
from hypothesis import given
from hypothesis import strategies as st
from watched_history import ALL, Watched, known, service, until


async def test_a_customer_without_history_gets_no_shipment_and_the_reason(history: History) -> None:
    async with service(history) as autoship:
        answer = await autoship.predict(request("nobody"))
        assert (answer.shipment, answer.approved, answer.reason) == (None, False, "no_history")
        assert await autoship.customer("nobody") is None


async def test_what_was_acknowledged_the_next_prediction_knows(history: History) -> None:
    async with service(history) as autoship:
        for n in range(1, 6):
            await autoship.append([record(n, at=n)])
            assert await known(autoship) == n


async def test_what_is_always_chosen_is_predicted(history: History) -> None:
    async with service(history) as autoship:
        await autoship.append(records(30))
        answer = await autoship.predict(request(order_id="next", ordered_at=DAY + hours(100)))
        assert answer.shipment == PRIORITY
        assert answer.order_id == "next"
        assert answer.learned_from.until == DAY + hours(35)
        assert answer.degraded == ()


async def test_each_prediction_has_an_id_of_its_own(history: History) -> None:
    async with service(history) as one, service(history) as other:
        ids = {(await autoship.predict(request())).prediction_id for autoship in (one, other) for _ in range(50)}
        assert len(ids) == 100


async def test_a_customer_is_told_with_what_was_learned(history: History) -> None:
    async with service(history) as autoship:
        await autoship.append(records(3))
        told = await autoship.customer("acme")
        assert told is not None
        assert (told["customer_id"], told["orders"], told["degraded"]) == ("acme", 3, ())
        with pytest.raises(InvalidInput):
            await autoship.customer("../etc")


async def test_counts_add_up_over_customers(history: History) -> None:
    async with service(history) as autoship:
        await autoship.append([record(1, "a"), record(1, "b")])
        counts = await autoship.append([record(1, "a"), record(1, "b", shipment=GROUND), record(2, "c")])
        assert (counts.accepted, counts.unchanged, counts.replaced) == (1, 1, 1)


async def test_a_model_is_loaded_once_however_many_ask() -> None:
    history = Watched()
    await history.append("acme", records(5))
    history.calls.clear()
    async with service(history) as autoship:
        history.open.clear()
        asking = [asyncio.create_task(known(autoship)) for _ in range(50)]
        await until(lambda: history.calls)
        history.open.set()
        assert await asyncio.gather(*asking) == [5] * 50
        assert history.calls.count("load") == 1
        assert history.calls.count("read") == 1


async def test_one_who_gives_up_waiting_takes_nothing_from_the_others() -> None:
    history = Watched()
    await history.append("acme", records(5))
    async with service(history) as autoship:
        history.open.clear()
        first, second = (asyncio.create_task(known(autoship)) for _ in range(2))
        await until(lambda: "load" in history.calls)
        first.cancel()
        history.open.set()
        assert await second == 5


async def test_for_a_customer_who_is_not_in_memory_records_are_only_appended() -> None:
    history = Watched()
    async with service(history) as autoship:
        await autoship.append(records(5))
        assert history.calls == ["append"]
        assert await known(autoship) == 5


async def test_records_that_come_while_a_model_is_loaded_are_known_to_it() -> None:
    history = Watched()
    await history.append("acme", records(3))
    async with service(history) as autoship:
        history.open.clear()
        asking = asyncio.create_task(known(autoship))
        await until(lambda: "load" in history.calls)
        appending = asyncio.create_task(autoship.append([record(4, at=4)]))
        await until(lambda: history.calls.count("append") == 2)
        history.open.set()
        await appending
        await asking
        assert await known(autoship) == 4


async def test_strangers_leave_nothing_in_memory() -> None:
    history = Watched()
    async with service(history) as autoship:
        for n in range(20):
            assert await known(autoship, f"stranger{n}") == 0
        assert len(autoship._customers._residents) == 0
        assert autoship._customers._loading == {}
        assert len(autoship._customers._locks) == 0


async def test_learning_gives_others_a_turn_after_each_slice_however_many_models_learn() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    history = MemoryHistory()
    await history.append("acme", records(200))
    entries = (await history.read("acme")).entries
    waiting = asyncio.create_task(others())
    models = [CustomerModel() for _ in range(3)]
    teacher = Teacher(slice_s=0)
    await asyncio.gather(*(teacher.teach(model, entries) for model in models))
    waiting.cancel()
    assert [model.orders for model in models] == [200] * 3
    assert turns >= 600


async def test_a_correction_leads_to_one_rebuild_and_says_so_until_it_is_done() -> None:
    history = Watched()
    async with service(history) as autoship:
        await autoship.append(records(20))
        await known(autoship)
        history.calls.clear()
        await autoship.append([record(n, at=n, shipment=GROUND) for n in range(1, 21)])
        answer = await autoship.predict(request())
        assert (answer.shipment, answer.degraded) == (PRIORITY, ("rebuilding",))
        await until(lambda: not autoship._customers.peek("acme").stale)
        answer = await autoship.predict(request())
        assert (answer.shipment, answer.degraded) == (GROUND, ())
        assert history.calls.count("read") == 1


async def test_many_corrections_at_once_lead_to_two_rebuilds_at_most() -> None:
    history = Watched()
    async with service(history) as autoship:
        await autoship.append(records(20))
        await known(autoship)
        history.calls.clear()
        for n in range(1, 21):
            await autoship.append([record(n, at=n, shipment=GROUND)])
        await until(lambda: not autoship._customers.peek("acme").stale)
        assert (await autoship.predict(request())).shipment == GROUND
        assert history.calls.count("read") <= 20
        history.calls.clear()
        await asyncio.gather(*(autoship.append([record(n, at=n)]) for n in range(1, 21)))
        await until(lambda: not autoship._customers.peek("acme").stale)
        assert history.calls.count("read") <= 2
        assert (await autoship.predict(request())).shipment == PRIORITY


async def test_records_that_come_during_a_rebuild_are_known_before_and_after_it() -> None:
    history = Watched()
    async with service(history) as autoship:
        await autoship.append(records(20))
        await known(autoship)
        await autoship.append([record(1, at=1, shipment=GROUND)])
        await until(lambda: history.calls.count("read") == 2)
        await autoship.append([record(21, at=21)])
        answer = await autoship.predict(request())
        assert answer.learned_from.orders == 21
        await until(lambda: not autoship._customers.peek("acme").stale)
        answer = await autoship.predict(request())
        assert (answer.learned_from.orders, answer.degraded) == (21, ())


async def test_a_rebuild_waits_for_a_history_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customers, "RETRY_S", (0.001,))
    history = Watched()
    async with service(history) as autoship:
        await autoship.append(records(20))
        await known(autoship)
        history.away = {"read"}
        history.calls.clear()
        await autoship.append([record(1, at=1, shipment=GROUND)])
        await until(lambda: history.calls.count("read") > 2)
        assert (await autoship.predict(request())).degraded == ("rebuilding", "history_away")
        history.away = set()
        await until(lambda: not autoship._customers.peek("acme").stale)
        assert (await autoship.predict(request())).degraded == ()


async def test_while_a_model_is_at_hand_a_lost_history_does_not_make_a_prediction_fail() -> None:
    history = Watched()
    async with service(history) as autoship:
        await autoship.append(records(5))
        assert await known(autoship) == 5
        history.away = ALL
        with pytest.raises(HistoryUnavailable):
            await autoship.append([record(6, at=6)])
        answer = await autoship.predict(request())
        assert (answer.learned_from.orders, answer.degraded) == (5, ("history_away",))
        with pytest.raises(HistoryUnavailable):
            await autoship.predict(request("other"))
        history.away = set()
        await autoship.append([record(6, at=6)])
        assert await known(autoship) == 6


async def test_a_restart_begins_with_the_snapshot_and_the_tail_of_the_log() -> None:
    history = Watched()
    async with service(history) as autoship:
        await autoship.append(records(5))
        await known(autoship)
    await history.append("acme", [record(6, at=6)])
    history.calls.clear()
    async with service(history) as autoship:
        assert await known(autoship) == 6
    assert history.calls.count("read") == 0
    assert "tail" in history.calls


async def test_a_model_from_a_snapshot_predicts_like_one_that_lived_on(history: History) -> None:
    async with service(history) as one:
        await one.append([record(n, at=n, shipment=GROUND if n % 3 else PRIORITY) for n in range(1, 60)])
        expected = await one.predict(request(ordered_at=DAY + hours(99)))
    async with service(history) as other:
        answer = await other.predict(request(ordered_at=DAY + hours(99)))
    assert (answer.shipment, answer.confidence, answer.alternatives) == (
        expected.shipment,
        expected.confidence,
        expected.alternatives,
    )


@pytest.mark.parametrize("data", [b"", b"\x00" * 100, b"\x93"])
async def test_a_snapshot_that_is_of_no_use_is_dropped_and_the_model_built_from_the_log(
    history: History, data: bytes
) -> None:
    await history.append("acme", records(5))
    await history.save_snapshot("acme", Snapshot(5, 0, data))
    async with service(history) as autoship:
        assert await known(autoship) == 5


async def test_a_snapshot_is_saved_after_so_many_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customers, "SAVED_EVERY", 10)
    history = Watched()
    async with service(history) as autoship:
        await autoship.append(records(3))
        await known(autoship)
        for n in range(4, 30):
            await autoship.append([record(n, at=n)])
        await until(lambda: history.calls.count("save") == 2)


async def test_a_prediction_given_out_judges_the_record_of_its_order(history: History) -> None:
    clock = itertools.count()
    async with service(history, clock=lambda: DAY + hours(next(clock) / 100)) as autoship:
        await autoship.append(records(20))
        answer = await autoship.predict(request(order_id="next"))
        await autoship.append([record("next", at=0, took=50)])
    entry = (await history.read("acme")).entries[-1]
    assert entry.judged is not None
    assert (entry.judged.shipment, entry.judged.through) == (answer.shipment, 20)


async def test_predictions_given_out_are_kept_together_and_at_the_end(history: History) -> None:
    async with service(history) as autoship:
        await autoship.append(records(20))
        answers = [await autoship.predict(request(order_id=f"o{n}")) for n in range(5)]
        await autoship.predict(request())
    for n, answer in enumerate(answers):
        kept = await history.find_answer("acme", f"o{n}")
        assert kept is not None
        assert kept.judged.prediction_id == answer.prediction_id
        assert kept.answer == msgspec.json.encode(answer)


async def test_predictions_given_out_wait_for_a_history_that_is_away_within_bounds() -> None:
    history = Watched()
    await history.append("acme", records(1))
    waiting = given_out.GivenOut(history, Counters(), every_s=0.001, most=3)
    history.away = ALL
    for n in range(5):
        waiting.add(served(n))
    await until(lambda: history.calls.count("keep") > 2)
    history.away = set()
    await waiting.close()
    kept = [n for n in range(5) if await history.find_answer("acme", str(n))]
    assert kept == [2, 3, 4]


async def lines(*texts: bytes | InvalidInput) -> AsyncIterator[Line]:
    for number, text in enumerate(texts, 1):
        yield Line(number, text)


async def test_a_bad_line_spoils_no_good_one(history: History) -> None:
    async with service(history) as autoship:
        taken = await autoship.take_in(
            lines(line(record(1)), b"{", line(record(2), shipment={}), InvalidInput(None, "too long"), line(record(3)))
        )
        assert (taken.accepted, taken.rejected_total) == (2, 3)
        assert [(one.line, one.field) for one in taken.rejected] == [(2, None), (3, "shipment"), (4, None)]
        assert await known(autoship) == 2


async def test_of_many_bad_lines_the_first_are_told_and_all_are_counted(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MOST_REJECTED", 3)
    async with service(history) as autoship:
        taken = await autoship.take_in(lines(*[b"x"] * 10))
        assert (len(taken.rejected), taken.rejected_total) == (3, 10)


async def test_a_stream_is_kept_chunk_by_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "CHUNK_RECORDS", 2)
    history = Watched()

    async def broken() -> AsyncIterator[Line]:
        for number, one in enumerate(records(5), 1):
            yield Line(number, line(one))
        raise ConnectionError

    async with service(history) as autoship:
        with pytest.raises(ConnectionError):
            await autoship.take_in(broken())
        assert await known(autoship) == 4
        again = await autoship.take_in(lines(*map(line, records(5))))
        assert (again.unchanged, again.accepted) == (4, 1)


async def test_a_history_lost_in_the_middle_of_a_stream_says_what_was_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "CHUNK_RECORDS", 2)
    history = Watched()

    async def then_away() -> AsyncIterator[Line]:
        for number, one in enumerate(records(6), 1):
            history.away = ALL if number > 4 else set()
            yield Line(number, line(one))

    async with service(history) as autoship:
        with pytest.raises(HistoryUnavailable, match="4 records sent before were kept"):
            await autoship.take_in(then_away())


async def test_in_a_batch_a_bad_order_spoils_only_its_own_place(history: History) -> None:
    async with service(history) as autoship:
        good = b'{"customer_id":"acme","order":{}}'
        places = await autoship.predict_many([good, b'{"customer_id":"acme"}', good])
        assert isinstance(places[1], InvalidInput)
        assert [isinstance(place, bytes) and b'"shipment":null' in place for place in places] == [True, False, True]


async def test_in_a_batch_a_customer_who_cannot_be_loaded_is_asked_for_once() -> None:
    history = Watched()
    async with service(history) as autoship:
        await autoship.append(records(5))
        await known(autoship)
        history.away = ALL
        history.calls.clear()
        orders = [b'{"customer_id":"%s","order":{}}' % name for name in (b"acme", b"x", b"x", b"x", b"acme")]
        places = await autoship.predict_many(orders)
        assert [isinstance(place, HistoryUnavailable) for place in places] == [False, True, True, True, False]
        assert history.calls == ["load"]


async def test_step_by_step_and_rebuilt_from_the_log_are_one(make_history: MakeHistory) -> None:
    history = make_history()
    async with service(history) as autoship:
        for start in range(0, 40, 7):
            batch = [record(n, at=n, shipment=GROUND if n % 4 else PRIORITY) for n in range(start, start + 7)]
            await autoship.append(batch)
            step_by_step = await autoship.predict(request(ordered_at=DAY + hours(99)))
    rebuilt = CustomerModel()
    for _ in rebuilt.learn((await history.read("acme")).entries):
        pass
    prediction = rebuilt.predict({"total": 41.5}, DAY + hours(99))
    assert (prediction.shipment, rounded(prediction.confidence)) == (step_by_step.shipment, step_by_step.confidence)


@given(st.floats(0, 1))
def test_a_confidence_is_rounded_but_never_up_to_certainty(confidence: float) -> None:
    short = rounded(confidence)
    assert short < 1 or confidence == 1
    assert abs(short - confidence) <= 0.00011
    assert short == round(short, 4)


async def test_what_is_being_written_when_the_service_ends_is_written_once() -> None:
    history = Watched()
    autoship = Autoship(history, settings=Settings(), clock=lambda: DAY)
    await autoship.append(records(5))
    await known(autoship)
    history.open.clear()
    await autoship.predict(request(order_id="next"))
    await until(lambda: "keep" in history.calls)
    closing = asyncio.create_task(autoship.close())
    await asyncio.sleep(0)
    history.open.set()
    await closing
    assert history.calls.count("keep") == 1
    assert await history.find_answer("acme", "next") is not None
