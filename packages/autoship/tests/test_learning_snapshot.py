"""A snapshot is data: truncated, altered, hostile or newer, it is refused by name, and nothing else is ever raised."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from autoship.domain.log import LogEntry
from autoship.domain.record import Record, parse_time
from autoship.errors import SnapshotDamaged, SnapshotError, SnapshotVersionUnknown
from autoship.learning import CustomerModel
from autoship.learning.ages import EVERY

START = datetime(2026, 1, 1, tzinfo=UTC)


def model_of(orders: int) -> CustomerModel:
    model = CustomerModel()
    for i in range(orders):
        order = {"sku": f"A{i % 9}", "weight": i % 50, "note": "please leave it at the door" if i % 4 else "no"}
        record = Record(
            customer_id="c",
            order_id=str(i),
            ordered_at=START + timedelta(hours=i),
            order=order,
            shipment={"carrier": f"C{i % 3}"},
        )
        for _ in model.learn([LogEntry(i + 1, record, i)]):
            pass
    return model


@pytest.fixture(scope="module")
def data() -> bytes:
    return model_of(300).to_bytes()


@pytest.mark.parametrize("at", ["1970-01-01T00:00:00+23:59", "2199-12-31T23:59:59-23:59"])
def test_a_model_of_the_first_and_the_last_times_there_are_is_given_back(at: str) -> None:
    model = CustomerModel()
    for i in range(2 * EVERY):
        at_the_end = Record(
            customer_id="c",
            order_id=str(i),
            ordered_at=parse_time(at, "ordered_at"),
            shipped_at=parse_time(at, "shipped_at") if i % 2 else None,
            order={},
            shipment={"carrier": "C"},
        )
        for _ in model.learn([LogEntry(i + 1, at_the_end, i)]):
            pass
    assert model.ages.marks
    assert CustomerModel.from_bytes(model.to_bytes()).to_bytes() == model.to_bytes()


@pytest.mark.parametrize("orders", [0, 1, 65, 300])
def test_a_snapshot_gives_the_same_model_back(orders: int) -> None:
    model = model_of(orders)
    again = CustomerModel.from_bytes(model.to_bytes())
    assert again.to_bytes() == model.to_bytes()
    assert again.predict({"sku": "A1", "weight": 3}, START) == model.predict({"sku": "A1", "weight": 3}, START)
    assert again.summary() == model.summary()


def test_a_truncated_snapshot_is_refused(data: bytes) -> None:
    for length in [*range(40), *range(40, len(data), 97)]:
        with pytest.raises(SnapshotDamaged):
            CustomerModel.from_bytes(data[:length])


def test_an_altered_snapshot_is_refused(data: bytes) -> None:
    luck = random.Random(1)
    for _ in range(300):
        altered = bytearray(data)
        altered[luck.randrange(len(data))] ^= 1 << luck.randrange(8)
        with pytest.raises(SnapshotError):
            CustomerModel.from_bytes(bytes(altered))


def test_a_newer_snapshot_is_refused_by_its_version(data: bytes) -> None:
    with pytest.raises(SnapshotVersionUnknown, match="format 2"):
        CustomerModel.from_bytes(data[:8] + b"\x02\x00" + data[10:])


def test_a_young_model_of_wide_orders_comes_back() -> None:
    model = CustomerModel()
    order = {f"field{i}": f"value {i}" for i in range(60)}
    for i in range(5):
        at = START + timedelta(hours=i)
        record = Record(customer_id="c", order_id=str(i), ordered_at=at, order=order, shipment={"carrier": "C"})
        for _ in model.learn([LogEntry(i + 1, record, i)]):
            pass
    assert CustomerModel.from_bytes(model.to_bytes()).to_bytes() == model.to_bytes()


def test_evidence_for_one_promise_is_not_taken_for_another(data: bytes) -> None:
    with pytest.raises(SnapshotDamaged, match="max_error"):
        CustomerModel.from_bytes(data, max_error=0.01)
