"""What a batch of records does to a log: laws, and the cases that they leave open."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from autoship.domain.batch import Plan, foresee, plan_batch, same_content
from autoship.domain.log import LogEntry
from autoship.domain.record import Record
from autoship.domain.served import judge
from autoship_samples import GROUND, PRIORITY, record, served
from hypothesis import given
from hypothesis import strategies as st

one_record = st.builds(
    lambda order_id, at, took, shipment: record(order_id, at=at, took=took, shipment=shipment),
    st.integers(1, 8),
    st.integers(0, 30),
    st.none() | st.integers(-2, 40),
    st.sampled_from([PRIORITY, GROUND]),
)
batches = st.lists(st.lists(one_record, max_size=8), max_size=5)


def plan(records: Sequence[Record], log: dict[str, LogEntry] | None = None) -> Plan:
    log = log or {}
    return plan_batch(records, stored=log, served={}, last_seq=max((one.seq for one in log.values()), default=0))


def written(log: dict[str, LogEntry], change: Plan) -> dict[str, LogEntry]:
    log = {**log, **{one.record.order_id: one for one in (*change.entries, *change.corrections)}}
    for batch_after in change.moved:
        log |= {one.record.order_id: one for one in foresee(batch_of(log, batch_after))}
    return log


def batch_of(log: dict[str, LogEntry], batch_after: int) -> list[LogEntry]:
    return sorted((one for one in log.values() if one.batch_after == batch_after), key=lambda one: one.seq)


def after(batches: list[list[Record]]) -> dict[str, LogEntry]:
    log: dict[str, LogEntry] = {}
    for batch in batches:
        log = written(log, plan(batch, log))
    return log


@given(batches)
def test_the_log_holds_the_last_record_of_each_order_at_a_place_of_its_own(batches: list[list[Record]]) -> None:
    log = after(batches)
    last = {one.order_id: one for batch in batches for one in batch}
    assert {key: entry.record for key, entry in log.items()} == last
    assert sorted(entry.seq for entry in log.values()) == list(range(1, len(log) + 1))


@given(batches)
def test_what_comes_again_changes_nothing(batches: list[list[Record]]) -> None:
    log = after(batches)
    again = plan([entry.record for entry in log.values()], log)
    assert again == Plan((), (), 0, len(log), 0)


@given(batches, st.lists(one_record, max_size=8))
def test_every_record_is_counted_once(batches: list[list[Record]], batch: list[Record]) -> None:
    change = plan(batch, after(batches))
    assert change.accepted + change.unchanged + change.replaced == len(batch)
    assert change.accepted == len(change.entries)


@given(batches, st.lists(one_record, max_size=8))
def test_records_of_one_order_in_a_batch_count_for_the_last_of_them(
    batches: list[list[Record]], batch: list[Record]
) -> None:
    log = after(batches)
    last = {one.order_id: place for place, one in enumerate(batch)}
    alone = plan([one for place, one in enumerate(batch) if last[one.order_id] == place], log)
    assert written(log, plan(batch, log)) == written(log, alone)


@given(batches, st.lists(one_record, max_size=8))
def test_a_correction_keeps_its_place_and_what_it_is_judged_by(
    batches: list[list[Record]], batch: list[Record]
) -> None:
    log = after(batches)
    for entry in plan(batch, log).corrections:
        before = log[entry.record.order_id]
        assert msgspec.structs.replace(entry, record=before.record) == before


@given(batches, st.lists(one_record, max_size=8))
def test_new_entries_are_ordered_and_foreseen_from_what_was_known(
    batches: list[list[Record]], batch: list[Record]
) -> None:
    log = after(batches)
    entries = plan(batch, log).entries
    assert [one.record.known_at for one in entries] == sorted(one.record.known_at for one in entries)
    for place, entry in enumerate(entries):
        known = sum(other.record.known_at <= entry.record.ordered_at for other in entries)
        assert entry.foreseen_after == len(log) + min(known, place)
        assert len(log) <= entry.foreseen_after < entry.seq


@given(batches)
def test_whatever_was_corrected_nothing_is_foreseen_from_what_became_known_later(batches: list[list[Record]]) -> None:
    log = after(batches)
    for entry in log.values():
        batch = batch_of(log, entry.batch_after)
        seen = [one for one in batch if one.seq <= entry.foreseen_after]
        unseen = [one for one in batch if entry.foreseen_after < one.seq < entry.seq]
        assert entry.batch_after <= entry.foreseen_after < entry.seq
        assert all(one.record.known_at <= entry.record.ordered_at for one in seen)
        assert unseen == [] or unseen[0].record.known_at > entry.record.ordered_at


@given(st.lists(one_record, min_size=1, max_size=8), st.integers(0, 7))
def test_a_batch_that_lost_a_record_is_foreseen_as_one_that_never_had_it(batch: list[Record], lost: int) -> None:
    log = after([batch])
    gone = sorted(log)[lost % len(log)]
    left = [entry for entry in batch_of(log, 0) if entry.record.order_id != gone]
    renewed = {entry.record.order_id: entry for entry in [*left, *foresee(left)]}
    never = after([[one for one in batch if one.order_id != gone]])
    assert foreseen_from(renewed) == foreseen_from(never)


def foreseen_from(log: dict[str, LogEntry]) -> dict[str, set[str]]:
    """For each order the orders that it is foreseen from."""
    return {key: {other for other in log if log[other].seq <= log[key].foreseen_after} for key in log}


def test_records_known_at_once_stay_in_the_order_in_which_they_came() -> None:
    came = [record(n, at=0) for n in (3, 1, 2)]
    assert [entry.record.order_id for entry in plan(came).entries] == ["3", "1", "2"]


def test_the_order_of_fields_says_nothing_and_the_kind_of_a_value_does() -> None:
    one = record(order={"a": 1, "b": {"c": 2, "d": 3}})
    assert same_content(one, record(order={"b": {"d": 3, "c": 2}, "a": 1}))
    assert not same_content(one, record(order={"a": True, "b": {"c": 2, "d": 3}}))


def test_a_change_that_is_taken_back_in_the_same_batch_leaves_the_log_alone() -> None:
    log = after([[record(1)]])
    assert plan([record(1, shipment=GROUND), record(1)], log) == Plan((), (), 0, 0, 2)


def test_a_record_is_judged_by_the_last_prediction_before_it_shipped() -> None:
    given_out = [served(at=1, confidence=0.1), served(at=4, confidence=0.2), served(at=4, confidence=0.3)]
    too_late = [served(at=5, confidence=0.4), served(at=9, confidence=0.5)]
    for order in (given_out + too_late, too_late + given_out):
        judged = judge(record(took=5), order)
        assert judged is not None
        assert judged.score == 0.3
    assert judge(record(took=5), too_late) is None
    assert judge(record(took=None), too_late) == too_late[1].judged


def test_a_prediction_of_a_model_that_had_learned_the_record_judges_it_no_more() -> None:
    given_out = [served(at=1, confidence=0.1, through=3), served(at=4, confidence=0.2, through=7)]
    judged = judge(record(took=5), given_out, seq=7)
    assert judged is not None
    assert judged.score == 0.1
    assert judge(record(took=5), given_out, seq=3) is None


def test_a_new_entry_carries_the_prediction_that_it_is_judged_by() -> None:
    one = served(at=1)
    entries = plan_batch([record(1), record(2)], stored={}, served={"1": [one]}, last_seq=0).entries
    assert [entry.judged for entry in entries] == [one.judged, None]
