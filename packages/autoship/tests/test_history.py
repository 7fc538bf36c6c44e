"""The conformance suite: what every history does, whatever it keeps things in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from autoship import ports
from autoship.ports import History, Retention, Snapshot
from autoship_samples import DAY, GROUND, hours, record, records, served
from history_maker import MakeHistory


async def test_a_stranger_has_no_log_and_no_snapshot(history: History) -> None:
    assert (await history.read("nobody")).entries == ()
    assert await history.load_snapshot("nobody") is None
    assert (await history.read("nobody")).chosen is None
    assert await history.find_record("nobody", "1") is None
    assert await history.find_answer("nobody", "1") is None
    assert not await history.save_snapshot("nobody", Snapshot(0, 0, b"x"))


async def test_what_was_appended_is_read_as_it_was_given_out(history: History) -> None:
    first = await history.append("acme", records(3))
    second = await history.append("acme", [record(4, at=4), record(5, at=9)])
    assert (first.accepted, first.after) == (3, 0)
    assert (second.accepted, second.after) == (2, 3)
    tail = await history.read("acme")
    assert tail.entries == first.entries + second.entries
    assert [entry.seq for entry in tail.entries] == [1, 2, 3, 4, 5]
    assert (await history.read("acme", 3)).entries == second.entries
    assert (await history.read("acme", 5)).entries == ()


async def test_every_field_of_a_record_comes_back_as_it_was(history: History) -> None:
    order = {"z": 1, "a": [1.0, -(2**62), 2**62, 1e300, True, None, "ü\u0000😀", {}, []], "m": {"n": {"o": ""}}}
    one = record(
        "ö 1",
        order=order,
        shipment={"b": 1, "a": True, "c": 1.5},
        shipped={"cost": 7.95},
        decided_by="auto",
        took=0.001,
    )
    await history.append("acme", [one])
    read = (await history.read("acme")).entries[0].record
    assert read == one
    assert list(read.order) == ["z", "a", "m"]


async def test_the_same_again_changes_nothing(history: History) -> None:
    await history.append("acme", records(3))
    again = await history.append("acme", records(4))
    assert (again.accepted, again.unchanged, again.replaced) == (1, 3, 0)
    assert again.revision == 0
    assert len((await history.read("acme")).entries) == 4


async def test_a_correction_takes_the_place_of_what_it_corrects_and_raises_the_revision(history: History) -> None:
    before = (await history.append("acme", records(3))).entries
    corrected = await history.append("acme", [record(2, at=2, shipment=GROUND)])
    assert (corrected.replaced, corrected.entries, corrected.revision, corrected.after) == (1, (), 1, 3)
    tail = await history.read("acme")
    assert tail.revision == 1
    assert [entry.seq for entry in tail.entries] == [1, 2, 3]
    assert tail.entries[1].record.shipment == GROUND
    assert tail.entries[1].foreseen_after == before[1].foreseen_after


async def test_customers_do_not_meet(history: History) -> None:
    await history.append("acme", [record(1)])
    await history.append("other", [record(1, "other", shipment=GROUND)])
    assert [entry.record.customer_id for entry in (await history.read("acme")).entries] == ["acme"]
    assert (await history.read("other")).entries[0].seq == 1


async def test_of_a_long_log_the_last_entries_are_read(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autoship.adapters.memory.LONGEST_READ", 5)
    monkeypatch.setattr("autoship.adapters.sqlite.log.LONGEST_READ", 5)
    assert ports.LONGEST_READ == 20_000
    await history.append("acme", records(8))
    tail = await history.read("acme")
    assert [entry.seq for entry in tail.entries] == [4, 5, 6, 7, 8]
    assert tail.cut
    tail = await history.read("acme", 3)
    assert [entry.seq for entry in tail.entries] == [4, 5, 6, 7, 8]
    assert not tail.cut


async def test_a_snapshot_is_kept_and_only_a_newer_one_takes_its_place(history: History) -> None:
    await history.append("acme", records(3))
    assert await history.save_snapshot("acme", Snapshot(2, 0, b"two"))
    assert not await history.save_snapshot("acme", Snapshot(1, 0, b"one"))
    assert await history.load_snapshot("acme") == Snapshot(2, 0, b"two")
    assert await history.save_snapshot("acme", Snapshot(3, 0, b"three"))
    assert await history.load_snapshot("acme") == Snapshot(3, 0, b"three")


async def test_a_correction_drops_the_snapshot_and_one_of_before_is_refused(history: History) -> None:
    await history.append("acme", records(3))
    await history.save_snapshot("acme", Snapshot(3, 0, b"x"))
    await history.append("acme", [record(2, at=2, shipment=GROUND)])
    assert await history.load_snapshot("acme") is None
    assert not await history.save_snapshot("acme", Snapshot(3, 0, b"x"))
    assert await history.save_snapshot("acme", Snapshot(3, 1, b"y"))


async def test_what_only_adds_leaves_the_snapshot(history: History) -> None:
    await history.append("acme", records(3))
    await history.save_snapshot("acme", Snapshot(3, 0, b"x"))
    await history.append("acme", records(4))
    assert await history.load_snapshot("acme") == Snapshot(3, 0, b"x")


async def test_predictions_given_out_are_found_by_their_order(history: History) -> None:
    await history.append("acme", records(1))
    given_out = [served(7, at=1), served(8, at=2), served(7, at=3)]
    await history.keep_predictions(given_out)
    await history.keep_predictions([])
    assert await history.find_answer("acme", "7") == given_out[2]
    assert await history.find_answer("acme", "8") == given_out[1]
    assert await history.find_answer("acme", "9") is None


async def test_once_an_order_has_a_record_its_answer_is_the_one_that_the_record_is_judged_by(history: History) -> None:
    await history.append("acme", records(1))
    given_out = [served(7, at=n) for n in (1, 4, 6)]
    await history.keep_predictions(given_out)
    await history.append("acme", [record(7, took=5), record(9)])
    assert await history.find_answer("acme", "7") == given_out[1]
    await history.keep_predictions([served(9, at=1)])
    assert await history.find_answer("acme", "9") is None


async def test_a_record_is_found_by_its_order(history: History) -> None:
    await history.append("acme", records(3))
    assert await history.find_record("acme", "2") == (await history.read("acme")).entries[1]
    assert await history.find_record("acme", "4") is None


async def test_predictions_for_a_stranger_are_dropped(history: History) -> None:
    await history.keep_predictions([served(1, "nobody")])
    assert await history.find_answer("nobody", "1") is None


async def test_a_record_is_judged_by_the_last_prediction_kept_before_it_shipped(history: History) -> None:
    await history.append("acme", records(1))
    given_out = [served(7, at=n, confidence=n / 10) for n in (1, 4, 6)]
    await history.keep_predictions([*given_out, served(8, at=1)])
    appended = await history.append("acme", [record(7, took=5), record(9)])
    judged = {entry.record.order_id: entry.judged for entry in appended.entries}
    assert judged == {"7": given_out[1].judged, "9": None}
    assert (await history.read("acme")).entries[1:] == appended.entries


async def test_a_correction_is_still_judged_by_what_judged_the_record_before(history: History) -> None:
    await history.append("acme", records(1))
    await history.keep_predictions([served(7, at=1)])
    before = (await history.append("acme", [record(7)])).entries[0]
    await history.keep_predictions([served(7, at=2, confidence=0.2)])
    await history.append("acme", [record(7, shipment=GROUND)])
    assert (await history.read("acme")).entries[1].judged == before.judged


async def test_a_correction_of_the_time_is_judged_as_if_it_had_always_said_so(history: History) -> None:
    await history.append("acme", records(1))
    given_out = [served(7, at=n, confidence=n / 10) for n in (1, 4, 8)]
    await history.keep_predictions(given_out)
    await history.append("acme", [record(7, took=5)])
    await history.keep_predictions([served(7, at=9, confidence=0.9, through=2)])
    for took, judge in ((10, 2), (4.5, 1), (3, 0), (0.5, None), (5, 1)):
        await history.append("acme", [record(7, took=took)])
        judged = None if judge is None else given_out[judge].judged
        assert (await history.read("acme")).entries[1].judged == judged


async def test_when_nothing_given_out_is_kept_a_time_that_moves_on_keeps_the_judgement(
    make_history: MakeHistory,
) -> None:
    history = make_history(Retention(number=1))
    await history.append("acme", records(1))
    given_out = served(7, at=1)
    await history.keep_predictions([given_out])
    await history.append("acme", [record(7, took=5)])
    await history.keep_predictions([served(8)])
    await history.append("acme", [record(7, took=6)])
    assert (await history.read("acme")).entries[1].judged == given_out.judged
    await history.append("acme", [record(7, took=4)])
    assert (await history.read("acme")).entries[1].judged is None


async def test_a_correction_of_a_time_changes_what_its_batch_was_foreseen_from(history: History) -> None:
    await history.append("acme", records(2))
    await history.append("acme", [record(n, at=n, took=0.5) for n in (3, 4, 5, 6)])
    await history.append("acme", [record(7, at=7)])
    assert [one.foreseen_after for one in (await history.read("acme")).entries] == [0, 0, 2, 3, 4, 5, 6]
    await history.append("acme", [record(4, at=4, took=1.5)])
    assert [one.foreseen_after for one in (await history.read("acme")).entries] == [0, 0, 2, 3, 3, 5, 6]


async def test_only_so_many_predictions_are_kept_and_only_so_long(make_history: MakeHistory) -> None:
    history = make_history(Retention(number=5, age=hours(10)))
    await history.append("acme", records(1))
    for n in range(8):
        await history.keep_predictions([served(n, at=n / 10)])
    kept = [n for n in range(8) if await history.find_answer("acme", str(n))]
    assert kept == [3, 4, 5, 6, 7]
    await history.keep_predictions([served(8, at=10.45)])
    kept = [n for n in range(9) if await history.find_answer("acme", str(n))]
    assert kept == [5, 6, 7, 8]
    assert served(8, at=10.45).served_at == DAY + timedelta(hours=10.45)


async def test_a_history_that_works_is_in_no_trouble(history: History) -> None:
    await history.append("acme", records(1))
    await history.read("acme")
    await history.probe()
    assert history.trouble is None
