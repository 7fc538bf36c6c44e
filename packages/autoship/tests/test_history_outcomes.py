"""The conformance suite, outcomes: what is kept of what came of predictions, and how it is found."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from autoship.adapters.sqlite import outcomes as came_of
from autoship.domain.outcome import Match, Outcome
from autoship.ports import History
from autoship_samples import DAY, GROUND, PRIORITY, hours, outcome, record, records
from history_maker import MakeHistory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EVERYTHING = Match()


async def seqs(history: History, match: Match = EVERYTHING, before: int | None = None, limit: int = 100) -> list[int]:
    return [one.seq for one in await history.read_outcomes("acme", match, before=before, limit=limit)]


async def test_a_stranger_has_no_outcomes(history: History) -> None:
    assert not await history.keep_outcomes("nobody", [outcome(1)], revision=0)
    assert await history.read_outcomes("nobody", EVERYTHING, limit=10) == []


async def test_an_outcome_comes_back_as_it_was(history: History) -> None:
    await history.append("acme", records(4))
    kept = [
        outcome(1, predicted={"carrier": "ü", "boxes": 2, "signed": True}, shipment={"carrier": "ü", "boxes": 2.5}),
        outcome(2, predicted={"a": 1}, shipment={"a": True}, decided_by="auto", served=True, prediction_id="p2"),
        outcome(3, predicted={"a": 1}, shipment={"a": 1.0}, approved=True, commonest=False),
        outcome(4, known_at=DAY + timedelta(microseconds=1), confidence=0.1 + 0.2, score=1e-300),
    ]
    assert await history.keep_outcomes("acme", kept, revision=0)
    assert list(await history.read_outcomes("acme", EVERYTHING, limit=10)) == kept[::-1]


async def test_the_newest_come_first_and_page_by_page(history: History) -> None:
    await history.append("acme", records(9))
    await history.append("other", records(3, "other"))
    await history.keep_outcomes("acme", [outcome(n) for n in range(1, 10)], revision=0)
    await history.keep_outcomes("other", [outcome(n) for n in range(1, 4)], revision=0)
    assert await seqs(history, limit=4) == [9, 8, 7, 6]
    assert await seqs(history, before=6, limit=4) == [5, 4, 3, 2]
    assert await seqs(history, before=2, limit=4) == [1]
    assert await seqs(history, before=1) == []
    assert await seqs(history, limit=0) == []


async def test_an_outcome_takes_the_place_of_the_one_of_its_seq(history: History) -> None:
    await history.append("acme", records(3))
    await history.keep_outcomes("acme", [outcome(1), outcome(2)], revision=0)
    await history.keep_outcomes("acme", [outcome(2, approved=True), outcome(3)], revision=0)
    assert [one.approved for one in await history.read_outcomes("acme", EVERYTHING, limit=10)] == [False, True, False]


async def test_a_rebuild_replaces_those_from_some_seq_on(history: History) -> None:
    await history.append("acme", records(5))
    await history.keep_outcomes("acme", [outcome(n) for n in range(1, 6)], revision=0)
    await history.keep_outcomes("acme", [outcome(4)], revision=0, since=3)
    assert await seqs(history) == [4, 2, 1]
    await history.keep_outcomes("acme", [], revision=0, since=0)
    assert await seqs(history) == []


async def test_outcomes_of_another_revision_are_refused_and_leave_what_is_there(history: History) -> None:
    await history.append("acme", records(3))
    await history.keep_outcomes("acme", [outcome(n) for n in (1, 2, 3)], revision=0)
    await history.append("acme", [record(3, at=3, shipment=GROUND)])
    assert not await history.keep_outcomes("acme", [outcome(1)], revision=0, since=0)
    assert await seqs(history) == [2, 1]
    assert await history.keep_outcomes("acme", [outcome(3, shipment=GROUND)], revision=1)
    assert await seqs(history, Match(right=False)) == [3]


words = st.sampled_from(["USPS", "UPS", "1", "true"]) | st.sampled_from([1, True, 2.5])
choices = st.dictionaries(st.sampled_from(["carrier", "box"]), words, min_size=1)
flags = st.none() | st.booleans()
times = st.none() | st.integers(0, 20).map(lambda n: DAY + hours(n))
matches = st.builds(
    Match,
    field=st.none() | st.sampled_from(["carrier", "box", "else"]),
    shipped=st.none() | st.sampled_from(["USPS", "1", "true"]),
    predicted=st.none() | st.sampled_from(["UPS", "2.5"]),
    right=flags,
    approved=flags,
    since=times,
    until=times,
)


outcomes = st.lists(st.tuples(choices, choices, st.booleans()), max_size=12).map(
    lambda many: [
        outcome(seq, predicted=predicted, shipment=shipment, approved=approved)
        for seq, (predicted, shipment, approved) in enumerate(many, 1)
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(outcomes, matches, st.none() | st.integers(1, 13), st.integers(1, 13))
def test_those_are_found_that_fit(
    make_history: MakeHistory, kept: list[Outcome], match: Match, before: int | None, limit: int
) -> None:
    async def found() -> list[Outcome]:
        history = make_history()
        await history.append("acme", records(1))
        await history.keep_outcomes("acme", kept, revision=0)
        return list(await history.read_outcomes("acme", match, before=before, limit=limit))

    fitting = [one for one in reversed(kept) if match.fits(one) and (before is None or one.seq < before)]
    assert asyncio.run(found()) == fitting[:limit]


async def test_few_are_found_among_many_in_several_looks(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(came_of, "LOOKED_AT", 3)
    await history.append("acme", records(20))
    kept = [outcome(n, predicted=GROUND if n % 7 == 0 else PRIORITY) for n in range(1, 21)]
    await history.keep_outcomes("acme", kept, revision=0)
    assert await seqs(history, Match(right=False)) == [14, 7]
    assert await seqs(history, Match(predicted="UPS"), limit=1) == [14]
    assert await seqs(history, limit=7) == [20, 19, 18, 17, 16, 15, 14]
