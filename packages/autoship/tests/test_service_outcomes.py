"""The service: what came of predictions is told, survives a kill, and is that of the log as it stands."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest
from autoship.adapters.memory import MemoryHistory
from autoship.domain.outcome import Match, Outcome
from autoship.domain.record import Record
from autoship.domain.settings import Chosen, Settings
from autoship.learning import CustomerModel
from autoship.ports import History
from autoship.service import Autoship, customers
from autoship_samples import DAY, GROUND, PRIORITY, hours, record, request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from watched_history import Watched, known, service, until

CHANGING = [record(n, at=n, took=0.5, shipment=GROUND if n % 3 else PRIORITY) for n in range(1, 40)]


async def of_the_log(history: History) -> list[Outcome]:
    """What comes of a log that is learned at once, the newest first."""
    tail = await history.read("acme")
    wanted = (tail.chosen or Chosen()).over(Settings())
    outcomes = CustomerModel(max_error=wanted.max_error, audit=wanted.audit).learn(tail.entries)
    ids = [entry.judged and entry.judged.prediction_id for entry in tail.entries]
    told = [msgspec.structs.replace(one, prediction_id=i) for one, i in zip(outcomes, ids, strict=True) if one]
    return told[::-1]


async def kept(history: History, match: Match | None = None) -> list[Outcome]:
    return list(await history.read_outcomes("acme", match or Match(), limit=1_000))


async def rebuilt(autoship: Autoship) -> None:
    def done() -> bool:
        resident = autoship._customers.at_hand("acme")
        return resident is None or not resident.stale

    await until(done)


async def kill(autoship: Autoship) -> None:
    """Ends a service as a kill does: whatever is under way stops, and nothing is written any more."""
    behind = [autoship._given._behind._task, autoship._learned._behind._task]
    tasks = [*autoship._customers._tasks, *[task for task in behind if task]]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_stranger_has_no_outcomes(history: History) -> None:
    async with service(history) as autoship:
        assert await autoship.outcomes("nobody", Match()) is None
        assert await autoship.order("nobody", "1") is None


async def test_what_came_of_predictions_is_told_as_soon_as_it_is_acknowledged(history: History) -> None:
    async with service(history) as autoship:
        for one in CHANGING:
            await autoship.append([one])
            told = await autoship.outcomes("acme", Match(), limit=1_000)
            assert told == await of_the_log(history)
        assert (
            await autoship.outcomes("acme", Match(right=True), before=20, limit=2)
            == [one for one in await of_the_log(history) if one.right and one.seq < 20][:2]
        )
    assert await kept(history) == await of_the_log(history)


async def test_outcomes_are_written_behind_even_where_nobody_asks(history: History) -> None:
    async with service(history) as autoship:
        await known(autoship)
        await autoship.append(CHANGING)
        await known(autoship)
        await until(lambda: not autoship._learned._waiting)
        assert await kept(history) == await of_the_log(history)


@pytest.mark.parametrize("change", ["correct", "delete", "set"])
async def test_after_a_rebuild_they_are_those_of_the_log_as_it_stands(history: History, change: str) -> None:
    async with service(history) as autoship:
        await autoship.append(CHANGING)
        await autoship.outcomes("acme", Match())
        if change == "correct":
            await autoship.append([record(5, at=5, took=0.5, shipment={"carrier": "DHL"})])
        elif change == "delete":
            assert await autoship.forget_record("acme", "5")
        else:
            assert await autoship.set("acme", {"max_error": 0.2, "audit": 0.9})
        told = await autoship.outcomes("acme", Match(), limit=1_000)
        assert told is not None
        assert ("5", GROUND) not in [(one.order_id, one.shipment) for one in told] or change == "set"
        await rebuilt(autoship)
        assert await autoship.outcomes("acme", Match(), limit=1_000) == await of_the_log(history)


async def test_what_was_not_yet_written_when_it_was_killed_is_made_again() -> None:
    history = Watched()
    autoship = Autoship(history, settings=Settings(), clock=lambda: DAY)
    await autoship.append(CHANGING[:20])
    await known(autoship)
    await autoship.append(CHANGING[20:])
    await kill(autoship)
    assert await kept(history) == []
    async with service(history) as again:
        assert await again.outcomes("acme", Match(), limit=1_000) == await of_the_log(history)


async def test_no_snapshot_is_saved_whose_outcomes_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customers, "SAVED_EVERY", 10)
    history = Watched()
    async with service(history) as autoship:
        await autoship.append(CHANGING[:5])
        await known(autoship)
        history.away = {"outcomes"}
        await autoship.append(CHANGING[5:])
        await until(lambda: "outcomes" in history.calls)
        await until(lambda: not autoship._customers._tasks)
        assert await history.load_snapshot("acme") is None
        history.away = set()
        await autoship.append([record(99, at=99)])
        await until(lambda: "save" in history.calls)
        assert await kept(history) == await of_the_log(history)


async def test_of_a_log_that_is_cut_the_outcomes_of_the_older_entries_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autoship.adapters.memory.LONGEST_READ", 10)
    history = MemoryHistory()
    async with service(history) as autoship:
        for one in CHANGING:
            await autoship.append([one])
            await known(autoship)
        before = await autoship.outcomes("acme", Match(), limit=1_000)
        await autoship.append([record(5, at=5, took=0.5, shipment={"carrier": "DHL"})])
        await rebuilt(autoship)
        after = await autoship.outcomes("acme", Match(), limit=1_000)
    assert before is not None
    assert after is not None
    assert [one for one in after if one.seq < 30] == [one for one in before if one.seq < 30 and one.order_id != "5"]
    assert {one.seq for one in after if one.seq >= 30} == set(range(31, 40))


async def test_of_an_order_its_record_its_outcome_and_its_answer_are_told(history: History) -> None:
    async with service(history) as autoship:
        await autoship.append(CHANGING)
        answer = await autoship.predict(request(order_id="next"))
        asked = await autoship.order("acme", "next")
        assert asked is not None
        assert (asked.record, asked.outcome, asked.answer) == (None, None, msgspec.json.encode(answer))
        shipped = record("next", at=1, took=2)
        await autoship.append([shipped])
        asked = await autoship.order("acme", "next")
        assert asked is not None
        assert asked.outcome is not None
        assert (asked.record, asked.answer) == (shipped, msgspec.json.encode(answer))
        assert (asked.outcome.prediction_id, asked.outcome.served) == (answer.prediction_id, True)
        imported = await autoship.order("acme", "1")
        assert imported is not None
        assert (imported.record, imported.outcome, imported.answer) == (CHANGING[0], None, None)
        assert await autoship.order("acme", "else") is None


one_record = st.builds(
    lambda order_id, at, took, shipment: record(order_id, at=at, took=took, shipment=shipment),
    st.integers(1, 9),
    st.integers(0, 30),
    st.integers(1, 20),
    st.sampled_from([PRIORITY, GROUND]),
)
steps = st.one_of(
    st.tuples(st.just("append"), st.lists(one_record, min_size=1, max_size=5)),
    st.tuples(st.just("predict"), st.integers(1, 9)),
    st.tuples(st.just("forget_record"), st.integers(1, 9)),
    st.tuples(st.just("forget"), st.none()),
    st.tuples(st.just("set"), st.sampled_from([None, 0.02, 0.3])),
    st.tuples(st.just("outcomes"), st.none()),
    st.tuples(st.just("kill"), st.none()),
)


async def carry_out(autoship: Autoship, step: str, value: object) -> None:
    match step, value:
        case "append", list(many):
            await autoship.append(many)
        case "predict", order_id:
            await autoship.predict(request(order_id=str(order_id), ordered_at=DAY))
        case "forget_record", order_id:
            await autoship.forget_record("acme", str(order_id))
        case "forget", _:
            await autoship.forget("acme")
        case "set", float(max_error) | max_error:
            await autoship.set("acme", {"max_error": max_error})
        case "outcomes", _:
            await autoship.outcomes("acme", Match())


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(steps, min_size=1, max_size=4), max_size=8))
def test_whatever_comes_at_once_the_service_ends_as_one_that_has_learned_the_log(
    rounds: list[list[tuple[str, object]]],
) -> None:
    async def run() -> None:
        history = Watched()
        autoship = Autoship(history, settings=Settings(), clock=lambda: DAY + hours(3))
        for together in rounds:
            await asyncio.gather(*(carry_out(autoship, *step) for step in together))
            if any(step == "kill" for step, _ in together):
                await kill(autoship)
                autoship = Autoship(history, settings=Settings(), clock=lambda: DAY + hours(3))
        await rebuilt(autoship)
        told = await autoship.outcomes("acme", Match(), limit=1_000)
        expected = await of_the_log(history)
        tail = await history.read("acme")
        assert (told is None) == (tail.chosen is None)
        assert list(told or []) == expected
        assert (await autoship.predict(request(ordered_at=DAY))).learned_from.orders == len(tail.entries)
        await autoship.close()
        assert await kept(history) == expected
        assert_joined([entry.record for entry in tail.entries], expected)
        async with service(history) as again:
            assert list(await again.outcomes("acme", Match(), limit=1_000) or []) == expected

    asyncio.run(run())


def assert_joined(log: Sequence[Record], outcomes: Sequence[Outcome]) -> None:
    shipped = {one.order_id: one for one in log}
    assert all(one.shipment == shipped[one.order_id].shipment for one in outcomes)
    assert len({one.order_id for one in outcomes}) == len(outcomes)
