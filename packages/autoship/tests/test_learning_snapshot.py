"""A snapshot is data: truncated, altered, hostile or newer, it is refused by name, and nothing else is ever raised."""

from __future__ import annotations

import random
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import autoship
import msgspec
import pytest
from autoship.domain.log import LogEntry
from autoship.domain.record import Record
from autoship.errors import SnapshotDamaged, SnapshotError, SnapshotVersionUnknown
from autoship.learning import CustomerModel, snapshot

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


def sealed(plain: bytes) -> bytes:
    body = zlib.compress(plain)
    return snapshot.HEADER.pack(snapshot.MAGIC, snapshot.VERSION, len(body), snapshot._digest(body)) + body


def test_a_forged_body_under_a_right_digest_is_refused_or_harmless(data: bytes) -> None:
    plain = bytearray(zlib.decompress(data[snapshot.HEADER.size :]))
    luck = random.Random(2)
    refused = 0
    for _ in range(1500):
        forged = bytearray(plain)
        for _ in range(luck.randint(1, 4)):
            forged[luck.randrange(len(forged))] = luck.randrange(256)
        try:
            model = CustomerModel.from_bytes(sealed(bytes(forged)))
        except SnapshotError:
            refused += 1
            continue
        assert 0 <= model.predict({"sku": "A1", "weight": 3}, START).confidence <= 1
    assert refused > 100


@pytest.mark.parametrize(
    ("place", "value"),
    [(1, 2**60), (0, -1), (4, [{}]), (5, [1, 2, 3, 4]), (12, [0]), (14, (2.0, 0.0, 0.0)), (3, "x")],
)
def test_a_body_with_what_no_model_has_is_refused(data: bytes, place: int, value: object) -> None:
    state = msgspec.msgpack.decode(zlib.decompress(data[snapshot.HEADER.size :]))
    state[place] = value
    with pytest.raises(SnapshotDamaged):
        CustomerModel.from_bytes(sealed(msgspec.msgpack.encode(state)))


def test_a_body_that_would_unpack_beyond_any_model_is_refused() -> None:
    with pytest.raises(SnapshotDamaged):
        CustomerModel.from_bytes(sealed(bytes(snapshot.MAX_BODY + 1)))


def test_no_code_is_ever_loaded_from_data() -> None:
    for path in Path(autoship.__file__).parent.rglob("*.py"):
        source = path.read_text()
        assert not any(f"import {module}" in source for module in ("pickle", "marshal", "shelve", "dill", "joblib")), (
            path
        )


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
