"""A model is a fold over the log: cut, stopped, restored or corrected, the same log gives the same model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from autoship.domain.batch import plan_batch
from autoship.domain.log import LogEntry
from autoship.domain.prediction import Judged
from autoship.domain.record import Record, choice_key
from autoship.learning import CustomerModel
from autoship.learning.flatten import flatten
from hypothesis import given, settings
from hypothesis import strategies as st

START = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = st.sampled_from(["A1", "B2", "78701", "please ring at the door", "", "x" * 300, "été", "0"])
LEAVES = st.none() | st.booleans() | st.integers(-5, 2000) | st.floats(-1e9, 1e9) | WORDS
NAMES = st.sampled_from(["sku", "weight", "ship_to", "items", "a.b", "c[]", "d\x1foctave", "note"])
TREES = st.recursive(
    LEAVES, lambda node: st.lists(node, max_size=3) | st.dictionaries(NAMES, node, max_size=3), max_leaves=8
)
ORDERS = st.dictionaries(NAMES, TREES, max_size=5)
SHIPMENTS = st.fixed_dictionaries(
    {"carrier": st.sampled_from(["USPS", "UPS", "DHL"])},
    optional={"insured": st.booleans(), "parcels": st.integers(0, 2) | st.just(1.0)},
)


@st.composite
def batches(draw: st.DrawFn) -> list[list[LogEntry]]:
    """Some appended batches of one customer's log; some entries carry the prediction that was served."""
    log: list[list[LogEntry]] = []
    seq = number = 0
    for size in draw(st.lists(st.integers(1, 12), min_size=1, max_size=8)):
        records = []
        for _ in range(size):
            number += 1
            records.append(
                Record(
                    customer_id="c",
                    order_id=str(number),
                    ordered_at=START + timedelta(hours=draw(st.integers(0, 500))),
                    order=draw(ORDERS),
                    shipment=draw(SHIPMENTS),
                    decided_by=draw(st.sampled_from(["person", "person", "auto"])),
                )
            )
        entries = list(plan_batch(records, stored={}, served={}, last_seq=seq).entries)
        for place, entry in enumerate(entries):
            if draw(st.booleans()):
                judged = Judged(draw(SHIPMENTS), draw(st.floats(0, 1)), draw(st.booleans()), draw(st.integers(0, seq)))
                entries[place] = msgspec.structs.replace(entry, judged=judged)
        log.append(entries)
        seq = entries[-1].seq + draw(st.integers(0, 2))
    return log


def learned(*parts: list[LogEntry], model: CustomerModel | None = None) -> CustomerModel:
    model = model or CustomerModel()
    for part in parts:
        for _ in model.learn(part):
            pass
    return model


@settings(max_examples=60, deadline=None)
@given(batches(), ORDERS)
def test_step_by_step_and_at_once_are_the_same_model(log: list[list[LogEntry]], order: dict[str, Any]) -> None:
    stepwise = learned(*log)
    at_once = learned([entry for batch in log for entry in batch])
    assert stepwise.to_bytes() == at_once.to_bytes()
    assert stepwise.predict(order, START) == at_once.predict(order, START)


@settings(max_examples=40, deadline=None)
@given(batches(), st.data())
def test_a_snapshot_in_the_middle_changes_nothing(log: list[list[LogEntry]], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(log)))
    restored = CustomerModel.from_bytes(learned(*log[:cut]).to_bytes())
    assert learned(*log[cut:], model=restored).to_bytes() == learned(*log).to_bytes()


@settings(max_examples=40, deadline=None)
@given(batches(), ORDERS)
def test_predicting_changes_nothing_and_says_what_this_customer_has_chosen(
    log: list[list[LogEntry]], order: dict[str, Any]
) -> None:
    model = learned(*log)
    before = model.to_bytes()
    prediction = model.predict(order, START, "next")
    assert model.to_bytes() == before
    made = {choice_key(entry.record.shipment) for batch in log for entry in batch}
    said = [prediction.shipment, *(other.shipment for other in prediction.alternatives)]
    assert {choice_key(shipment) for shipment in said if shipment} <= made
    assert 0 < prediction.confidence < 1
    assert model.probabilities(order, START).sum() == pytest.approx(1, abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(batches(), ORDERS)
def test_the_order_of_an_objects_fields_says_nothing(log: list[list[LogEntry]], order: dict[str, Any]) -> None:
    model = learned(*log)
    turned = dict(reversed(order.items()))
    one, other = model.predict(order, START), model.predict(turned, START)
    assert one.confidence == pytest.approx(other.confidence, abs=1e-4)


def synthetic(n: int, *, choices: int = 4) -> list[LogEntry]:
    """A customer that ships by the country and the weight."""
    entries = []
    for i in range(n):
        weight = (i * 7919) % 400 + 1
        order = {"weight": weight, "country": ["US", "DE", "FR"][i % 3], "items": [{"sku": f"A{i % 17}"}]}
        shipment = {"carrier": f"C{(i % 3 + (weight > 200)) % choices}"}
        ordered_at = START + timedelta(hours=i)
        record = Record(customer_id="c", order_id=str(i), ordered_at=ordered_at, order=order, shipment=shipment)
        entries.append(LogEntry(i + 1, record, i))
    return entries


def test_reasons_can_be_recounted_from_the_last_orders() -> None:
    entries = synthetic(2300)
    model = learned(entries)
    window = [entry.record for entry in entries[-2048:]]
    seen = 0
    for entry in entries[::37]:
        record = entry.record
        prediction = model.predict(record.order, record.ordered_at)
        for because in prediction.because:
            if because.text.startswith(f"{because.agreeing:,} of the last"):
                same = window
            else:
                views = flatten(record.order, record.ordered_at).values
                counts = {
                    paths: [r for r in window if all(_view(r).get(p) == views[p] for p in paths)]
                    for paths in _paths_of(model)
                    if all(p in views for p in paths)
                }
                same = next(
                    rows
                    for rows in counts.values()
                    if (len(rows), sum(r.shipment == prediction.shipment for r in rows))
                    == (because.orders, because.agreeing)
                )
                seen += 1
            assert len(same) == because.orders
            assert sum(r.shipment == prediction.shipment for r in same) == because.agreeing
    assert seen > 20


_views: dict[str, dict[str, Any]] = {}


def _view(record: Record) -> dict[str, Any]:
    if record.order_id not in _views:
        _views[record.order_id] = dict(flatten(record.order, record.ordered_at).values)
    return _views[record.order_id]


def _paths_of(model: CustomerModel) -> list[tuple[str, ...]]:
    return [key.paths for key in model.contexts.every_key() if key.paths and "\x1fwhole" not in key.paths]


def test_a_combination_of_fields_that_decides_is_found() -> None:
    model = learned(synthetic(1200))
    last = [entry.record for entry in synthetic(1400)[1200:]]
    right = sum(model.predict(r.order, r.ordered_at).shipment == r.shipment for r in last)
    assert right > 0.95 * len(last)
    assert any(len(key.paths) >= 2 for key in model.contexts.combined)


def test_a_tracking_number_is_named_as_a_mistake_and_a_carrier_is_not() -> None:
    entries = [
        msgspec.structs.replace(
            e, record=msgspec.structs.replace(e.record, shipment={**e.record.shipment, "track": str(e.seq)})
        )
        for e in synthetic(200)
    ]
    [warning] = learned(entries).summary().warnings
    assert "shipment.track" in warning
    assert learned(synthetic(200)).summary().warnings == []


def test_memory_stays_bounded_with_ten_thousand_choices_and_a_hundred_thousand_words() -> None:
    model = CustomerModel()
    sizes = []
    for i in range(12_000):
        order = {f"f{j}": f"v{(i * 31 + j * 7) % 100_000}" for j in range(12)}
        record = Record(
            customer_id="c",
            order_id=str(i),
            ordered_at=START + timedelta(minutes=i),
            order=order,
            shipment={"carrier": f"C{i % 10_000}"},
        )
        learned([LogEntry(i + 1, record, i)], model=model)
        if i % 3000 == 2999:
            sizes.append(_bytes(model))
    assert max(sizes) <= 80 << 20
    assert sizes[-1] <= sizes[-2] * 1.1
    assert len(model.choices.shipments) <= 512


def _bytes(model: CustomerModel) -> int:
    arrays = [model.table.cells, model.table.touched, model.window.codes, model.window.choices]
    rows = sum(len(key.rows) for key in model.contexts.every_key())
    values = sum(len(column.of_value) for column in model.window.columns.values())
    return sum(array.nbytes for array in arrays) + 150 * (rows + values)


@pytest.mark.parametrize("edit", ["correction", "deletion"])
def test_an_edited_log_ends_in_the_model_that_it_would_have_been(edit: str) -> None:
    entries = synthetic(150)
    edited = list(entries)
    if edit == "deletion":
        del edited[70]
    else:
        record = msgspec.structs.replace(edited[70].record, shipment={"carrier": "C9"})
        edited[70] = msgspec.structs.replace(edited[70], record=record)
    assert learned(edited).to_bytes() == learned(edited[:100], edited[100:]).to_bytes() != learned(entries).to_bytes()
