"""The conformance suite, customers: how they are listed, what is set for them, and that what is deleted is gone."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
from autoship.adapters.sqlite import SqliteHistory
from autoship.domain.log import LogEntry
from autoship.domain.outcome import Match
from autoship.domain.settings import Chosen
from autoship.domain.summary import Numbers
from autoship.ports import History, Listed, Snapshot
from autoship_samples import DAY, GROUND, hours, outcome, record, records, served

NUMBERS = Numbers(3, 2, 1, 0, True)


async def names(history: History, after: str | None = None, limit: int = 100) -> list[str]:
    return [one.customer_id for one in await history.list_customers(after, limit)]


async def test_customers_are_listed_by_code_points_page_by_page(history: History) -> None:
    ids = ["Z", "a", "a b", "b", "é", "\uffee", "😀"]
    for customer_id in reversed(ids):
        await history.append(customer_id, [record(1, customer_id)])
    assert await names(history) == ids
    assert await names(history, limit=2) == ["Z", "a"]
    assert await names(history, after="a", limit=2) == ["a b", "b"]
    assert await names(history, after="a!") == ["b", "é", "\uffee", "😀"]
    assert await names(history, after="😀") == []


async def test_a_customer_is_listed_with_its_orders_and_the_numbers_of_its_snapshot(history: History) -> None:
    await history.append("acme", records(3))
    assert await history.list_customers(None, 9) == [Listed("acme", 3, DAY + hours(8), None)]
    await history.save_snapshot("acme", Snapshot(3, 0, b"x", NUMBERS))
    await history.append("acme", [record(4, at=-9)])
    assert await history.list_customers(None, 9) == [Listed("acme", 4, DAY + hours(8), NUMBERS)]
    assert await history.load_snapshot("acme") == Snapshot(3, 0, b"x", NUMBERS)
    await history.append("acme", [record(3, at=3, took=1), record(2, at=2, took=9)])
    assert await history.list_customers(None, 9) == [Listed("acme", 4, DAY + hours(11), None)]
    await history.delete_record("acme", "2")
    assert await history.list_customers(None, 9) == [Listed("acme", 3, DAY + hours(6), None)]


async def test_what_is_set_is_kept_and_a_change_raises_the_revision_and_drops_the_snapshot(history: History) -> None:
    assert await history.save_settings("acme", Chosen(0.02)) is None
    assert await history.load_settings("acme") is None
    await history.append("acme", records(2))
    await history.save_snapshot("acme", Snapshot(2, 0, b"x"))
    assert (await history.read("acme")).chosen == Chosen()
    assert await history.save_settings("acme", Chosen()) == 0
    assert await history.load_snapshot("acme") is not None
    assert await history.save_settings("acme", Chosen(0.02, None)) == 1
    assert await history.load_settings("acme") == Chosen(0.02, None)
    tail = await history.read("acme")
    assert (tail.chosen, tail.revision) == (Chosen(0.02, None), 1)
    assert await history.load_snapshot("acme") is None


async def test_a_deleted_record_leaves_a_gap_and_takes_what_came_of_it_along(history: History) -> None:
    await history.append("acme", records(3))
    await history.keep_outcomes("acme", [outcome(n) for n in (1, 2, 3)], revision=0)
    await history.keep_predictions([served(2), served(3)])
    await history.save_snapshot("acme", Snapshot(3, 0, b"x"))
    assert await history.delete_record("acme", "2") == 1
    tail = await history.read("acme")
    assert ([entry.seq for entry in tail.entries], tail.revision) == ([1, 3], 1)
    assert await history.load_snapshot("acme") is None
    assert [one.seq for one in await history.read_outcomes("acme", Match(), limit=9)] == [3, 1]
    assert await history.find_answer("acme", "2") is None
    assert await history.find_record("acme", "2") is None
    assert await history.delete_record("acme", "2") is None
    assert await history.delete_record("nobody", "1") is None


async def test_a_record_that_comes_again_after_its_deletion_gets_a_new_place(history: History) -> None:
    await history.append("acme", records(3))
    await history.delete_record("acme", "3")
    appended = await history.append("acme", records(3))
    assert (appended.accepted, appended.after) == (1, 3)
    assert [entry.seq for entry in (await history.read("acme")).entries] == [1, 2, 4]


async def test_what_is_left_of_a_batch_is_foreseen_as_if_the_record_had_never_come(history: History) -> None:
    batch = [record("x", at=0, took=9.5), *(record(n, at=n, took=12) for n in range(3)), record("y", at=10, took=20)]
    await history.append("acme", batch)
    await history.append("other", [record(one.order_id, "other", at=n) for n, one in enumerate(batch)])
    await history.delete_record("acme", "x")
    assert foreseen((await history.read("acme")).entries) == {"0": 0, "1": 0, "2": 0, "y": 0}
    await history.append("acme", [record("z", at=30)])
    await history.delete_record("acme", "0")
    assert foreseen((await history.read("acme")).entries) == {"1": 0, "2": 0, "y": 0, "z": 3}


def foreseen(entries: tuple[LogEntry, ...]) -> dict[str, int]:
    """For each order, how many of the others it is foreseen from."""
    return {one.record.order_id: sum(other.seq <= one.foreseen_after for other in entries) for one in entries}


async def test_a_customer_whose_last_record_is_deleted_is_still_one(history: History) -> None:
    await history.append("acme", records(1))
    await history.save_settings("acme", Chosen(0.02))
    await history.delete_record("acme", "1")
    assert await history.list_customers(None, 9) == [Listed("acme", 0, None, None)]
    assert (await history.read("acme")).chosen == Chosen(0.02)


async def test_of_a_deleted_customer_nothing_is_left_and_the_others_stay(history: History) -> None:
    for name in ("acme", "other"):
        await history.append(name, records(3, name))
        await history.keep_outcomes(name, [outcome(3)], revision=0)
        await history.keep_predictions([served(7, name)])
        await history.save_snapshot(name, Snapshot(3, 0, b"x"))
    await history.save_settings("acme", Chosen(0.02))
    assert await history.delete_customer("acme")
    assert not await history.delete_customer("acme")
    tail = await history.read("acme")
    assert (tail.entries, tail.chosen) == ((), None)
    assert await names(history) == ["other"]
    assert await history.load_snapshot("acme") is None
    assert await history.find_answer("acme", "7") is None
    assert len((await history.read("other")).entries) == 3
    assert await history.load_snapshot("other") is not None
    assert await history.find_answer("other", "7") is not None
    assert len(await history.read_outcomes("other", Match(), limit=9)) == 1


async def test_a_customer_that_comes_again_is_a_new_one(history: History) -> None:
    await history.append("acme", records(3))
    await history.append("acme", [record(1, at=1, shipment=GROUND)])
    await history.save_settings("acme", Chosen(0.02))
    before = (await history.read("acme")).revision
    await history.delete_customer("acme")
    again = await history.append("acme", records(2))
    assert (again.accepted, again.after) == (2, 0)
    tail = await history.read("acme")
    assert (tail.chosen, len(tail.entries)) == (Chosen(), 2)
    assert await history.read_outcomes("acme", Match(), limit=9) == []
    for revision in range(before + 1):
        assert not await history.save_snapshot("acme", Snapshot(2, revision, b"of the one before"))
        assert not await history.keep_outcomes("acme", [outcome(1)], revision=revision, since=0)
    assert await history.save_snapshot("acme", Snapshot(2, again.revision, b"of this one"))


async def test_in_the_file_nothing_is_left_of_what_was_deleted(tmp_path: Path) -> None:
    history = SqliteHistory(tmp_path / "a.db")
    for name in ("secretcustomer", "other"):
        secrets = [record(f"secretorder{n}", name, order={"note": "secretnote" * 50}) for n in range(300)]
        await history.append(name, secrets)
        await history.keep_predictions([served("secretorder7", name)])
        await history.keep_outcomes(name, [outcome(1, order_id="secretorder1")], revision=0)
        await history.save_snapshot(name, Snapshot(3, 0, b"secretmodel" * 1_000))
    for n in range(300):
        await history.delete_record("other", f"secretorder{n}")
    await history.delete_customer("secretcustomer")
    assert holding(tmp_path, b"secret") == []
    await history.close()
    assert holding(tmp_path, b"secret") == []


async def test_what_was_deleted_while_somebody_read_the_file_is_gone_after_a_later_write(tmp_path: Path) -> None:
    history = SqliteHistory(tmp_path / "a.db")
    await history.append("secretcustomer", records(20, "secretcustomer"))
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM log").fetchone()
        await history.delete_customer("secretcustomer")
        assert holding(tmp_path, b"secret") != []
    await history.append("other", records(1, "other"))
    assert holding(tmp_path, b"secret") == []
    await history.close()


def holding(folder: Path, text: bytes) -> list[str]:
    return [file.name for file in folder.iterdir() if text in file.read_bytes()]


@pytest.mark.parametrize("number", [1, 40])
async def test_deletions_and_appends_that_come_together_leave_the_others_alone(history: History, number: int) -> None:
    for n in range(number):
        await history.append(f"c{n}", records(5, f"c{n}"))
        await history.delete_customer(f"c{n}")
        await history.append(f"d{n}", records(5, f"d{n}"))
    assert await names(history) == sorted(f"d{n}" for n in range(number))
    assert [len((await history.read(f"d{n}")).entries) for n in range(number)] == [5] * number
