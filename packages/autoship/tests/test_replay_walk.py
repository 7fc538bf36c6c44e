"""The walk: what a model may know when it predicts, and what is written down of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from autoship.domain.log import LogEntry
from autoship.domain.prediction import LearnedFrom, Prediction, Reason
from autoship.domain.record import Order, Record
from autoship.replay import Outcome, baselines, newest, walk
from hypothesis import given
from hypothesis import strategies as st

START = datetime(2025, 1, 1, tzinfo=UTC)


class Notebook:
    """A learner that predicts what it learned last, and notes what it knew at each order."""

    def __init__(self, notes: dict[str, list[str]], entries: list[LogEntry]) -> None:
        self._notes = notes
        self._entries = entries
        self._own: list[LogEntry] = []

    def predict(self, order: Order, ordered_at: datetime, order_id: str | None = None) -> Prediction:
        self._notes[str(order_id)] = [entry.record.order_id for entry in self._own]
        through = len(self._own)
        if not self._own:
            return Prediction(None, 0.0, 0.0, False, Reason.NO_HISTORY, (), (), LearnedFrom(0, None), through)
        last = self._own[-1].record.shipment
        return Prediction(last, 0.9, 0.9, True, None, (), (), LearnedFrom(through, None), through)

    def learn(self, batch: Sequence[LogEntry]) -> Iterator[object]:
        for entry in batch:
            self._own.append(entry)
            self._entries.append(entry)
            yield len(self._own)


def record(order_id: str, at_h: float, shipped_h: float | None = None, carrier: str = "USPS", **more: str) -> Record:
    return Record(
        customer_id=more.get("customer_id", "acme"),
        order_id=order_id,
        ordered_at=START + timedelta(hours=at_h),
        order={},
        shipment={"carrier": carrier},
        shipped_at=None if shipped_h is None else START + timedelta(hours=shipped_h),
        decided_by="auto" if more.get("decided_by") == "auto" else "person",
    )


def walked(records: Sequence[Record]) -> tuple[dict[str, Outcome], dict[str, list[str]], list[LogEntry]]:
    """The outcomes by order, what was known at each order, and the log."""
    notes: dict[str, list[str]] = {}
    entries: list[LogEntry] = []
    ticks = itertools.count()
    outcomes = walk(records, lambda: Notebook(notes, entries), clock=lambda: float(next(ticks)), rivals=baselines())
    return {outcome.order_id: outcome for outcome in outcomes}, notes, entries


def test_a_shipment_is_known_from_the_moment_it_shipped() -> None:
    _, notes, _ = walked([record("1", 0, 5), record("2", 4), record("3", 6)])
    assert notes == {"1": [], "2": [], "3": ["1"]}


def test_an_order_without_shipped_at_is_revealed_a_day_later() -> None:
    _, notes, _ = walked([record("1", 0), record("2", 23.9), record("3", 24.1)])
    assert notes == {"1": [], "2": [], "3": ["1"]}


def test_what_became_known_at_the_very_moment_of_an_order_is_known_to_it() -> None:
    _, notes, _ = walked([record("1", 0, 5), record("2", 5, 9)])
    assert notes["2"] == ["1"]


def test_an_order_never_sees_its_own_shipment_though_it_claims_to_have_shipped_before() -> None:
    _, notes, _ = walked([record("1", 10, 2), record("2", 10, 20)])
    assert notes == {"1": [], "2": ["1"]}


def test_records_are_learned_in_the_order_in_which_they_became_known() -> None:
    _, _, entries = walked([record("1", 0, 9), record("2", 1, 3), record("3", 2, 5)])
    assert [entry.record.order_id for entry in entries] == ["2", "3", "1"]
    assert [(entry.seq, entry.foreseen_after) for entry in entries] == [(1, 0), (2, 1), (3, 2)]


def test_a_record_is_learned_with_the_prediction_that_was_made_when_it_was_placed() -> None:
    _, _, entries = walked([record("1", 0, 2, "USPS"), record("2", 3, 9, "UPS"), record("3", 4, 6, "UPS")])
    judged = {entry.record.order_id: entry.judged for entry in entries}
    assert judged["1"] is None
    assert judged["2"] is not None
    assert (judged["2"].shipment, judged["2"].through, judged["2"].approved) == ({"carrier": "USPS"}, 1, True)


def test_customers_know_nothing_of_each_other() -> None:
    _, notes, entries = walked([record("1", 0, 1, customer_id="a"), record("2", 5, 6, customer_id="b")])
    assert notes == {"1": [], "2": []}
    assert [entry.seq for entry in entries] == [1, 1]


def test_an_outcome_compares_the_prediction_with_what_was_shipped() -> None:
    outcomes, _, _ = walked([record("1", 0, 1, "USPS"), record("2", 2, 3, "USPS"), record("3", 4, 5, "UPS")])
    assert [(o.predicted, o.right) for o in outcomes.values()] == [
        (None, False),
        ({"carrier": "USPS"}, True),
        ({"carrier": "USPS"}, False),
    ]
    assert outcomes["3"].rivals == ({"carrier": "USPS"}, {"carrier": "USPS"})
    assert outcomes["3"].rivals_right == (False, False)


def test_the_clock_measures_one_call_at_a_time() -> None:
    outcomes, _, _ = walked([record("1", 0, 1), record("2", 2, 3)])
    assert {(o.predict_s, o.learn_s) for o in outcomes.values()} == {(1.0, 1.0)}


def test_what_nobody_looked_at_is_walked_and_marked() -> None:
    outcomes, notes, _ = walked([record("1", 0, 1, decided_by="auto"), record("2", 2, 3)])
    assert (outcomes["1"].seen, outcomes["2"].seen) == (False, True)
    assert notes["2"] == ["1"]


def test_of_several_records_of_one_order_the_last_one_counts() -> None:
    kept = newest([record("1", 0, carrier="USPS"), record("2", 1), record("1", 0, carrier="UPS")])
    assert [(r.order_id, r.shipment["carrier"]) for r in kept] == [("2", "USPS"), ("1", "UPS")]


def test_every_customer_has_at_least_one_order_in_the_last_fifth() -> None:
    for orders in range(1, 30):
        outcomes, _, _ = walked([record(str(place), place) for place in range(orders)])
        late = [o.place for o in outcomes.values() if o.in_last_fifth]
        assert sorted(late) == list(range(orders - -(-orders // 5), orders))


@given(st.lists(st.tuples(st.integers(0, 30), st.one_of(st.none(), st.integers(0, 40))), max_size=25))
def test_whatever_the_times_every_order_knows_exactly_what_was_known_before_it(
    times: list[tuple[int, int | None]],
) -> None:
    records = [record(str(n), at, None if shipped is None else shipped) for n, (at, shipped) in enumerate(times)]
    outcomes, notes, entries = walked(records)
    assert set(outcomes) == {r.order_id for r in records}
    assert len(entries) == len(records)
    by_time = sorted(records, key=lambda r: r.ordered_at)
    for place, order in enumerate(by_time):
        known = {r.order_id for r in by_time[:place] if r.known_at <= order.ordered_at}
        assert set(notes[order.order_id]) == known
