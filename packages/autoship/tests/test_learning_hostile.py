"""Snapshots that somebody forged, under a right digest: refused by name, or a model that works; small in memory."""

from __future__ import annotations

import ast
import copy
import math
import random
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import autoship
import msgspec
import numpy as np
import pytest
from autoship.errors import SnapshotDamaged, SnapshotError, SnapshotVersionUnknown
from autoship.learning import CustomerModel, snapshot
from autoship.learning.flatten import flatten
from learning_logs import START, entries_of, learn, record

SIX_MEGABYTES = 6 << 20
MODEL = snapshot._Model.__struct_fields__


def customer(orders: int) -> CustomerModel:
    """A model with single, bagged and combined keys, several choices and evidence."""
    luck = random.Random(5)
    records = []
    for number in range(orders):
        weight, state = luck.randrange(600), luck.choice(["TX", "NY", "CA"])
        order: dict[str, Any] = {
            "weight": weight,
            "state": state,
            "items": [{"sku": f"A{luck.randrange(5)}"} for _ in range(luck.randrange(1, 3))],
            "note": luck.choice(["leave it at the door please", "ring the bell twice", None]),
        }
        carrier = ("UPS" if weight > 300 else "DHL") if state == "TX" else "USPS"
        records.append(record(number, order, {"carrier": carrier, "insured": luck.random() < 0.05}))
    return learn(CustomerModel(), entries_of(records))


@pytest.fixture(scope="module")
def model() -> CustomerModel:
    return customer(400)


@pytest.fixture(scope="module")
def state(model: CustomerModel) -> list[Any]:
    """The body of a snapshot, as plain lists."""
    body: list[Any] = msgspec.msgpack.decode(zlib.decompress(model.to_bytes()[snapshot.HEADER.size :]))
    return body


def sealed(plain: bytes) -> bytes:
    """A body under a right header and a right digest."""
    body = zlib.compress(plain, 1)
    return snapshot.HEADER.pack(snapshot.MAGIC, snapshot.VERSION, len(body), snapshot._digest(body)) + body


def survives(data: bytes) -> bool:
    """Whether it is taken for a model; fails unless it is refused by name, or predicts, learns and is written again."""
    try:
        model = CustomerModel.from_bytes(data)
    except SnapshotError:
        return False
    order = {"weight": 200, "state": "TX", "items": [{"sku": "A1"}], "note": "ring the bell twice"}
    with np.errstate(all="ignore"):
        _works(model, order)
        after = min(model.seq, 2**52)
        more = [record(n, {**order, "weight": n * 7 % 600}, {"carrier": f"C{n % 4}"}) for n in range(8)]
        learn(model, entries_of(more, after=after))
        _works(model, order)
        model.to_bytes()
    return True


def _works(model: CustomerModel, order: dict[str, Any]) -> None:
    prediction = model.predict(order, START + timedelta(days=3), "7")
    assert math.isfinite(prediction.confidence)
    assert 0 <= prediction.confidence <= 1
    assert math.isfinite(prediction.score)
    assert np.isfinite(model.probabilities(order, START)).all()
    model.summary()


HOSTILE: list[Any] = [
    -1,
    0,
    3,
    2**16,
    2**31,
    2**53,
    2**63,
    math.nan,
    math.inf,
    -1e300,
    0.5,
    "",
    "x" * 70_000,
    b"",
    b"\xff" * 64,
    bytes(70_000),
    [],
    [[]] * 2000,
    [None] * 2000,
    {},
    {"a": 1},
    None,
    True,
]


def _places(node: Any, path: tuple[int | str, ...] = ()) -> Iterator[tuple[int | str, ...]]:
    """Every place in a state; of a long list the first, the second and the last."""
    yield path
    if isinstance(node, list):
        for place in sorted({0, 1, len(node) - 1} if len(node) > 20 else range(len(node))):
            if 0 <= place < len(node):
                yield from _places(node[place], (*path, place))
    elif isinstance(node, dict):
        for name in node:
            yield from _places(node[name], (*path, name))


def _put(state: list[Any], path: tuple[int | str, ...], value: object) -> Any:
    forged = copy.deepcopy(state)
    if not path:
        return value
    node: Any = forged
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return forged


def test_whatever_stands_wherever_in_a_snapshot_is_refused_by_name_or_works(state: list[Any]) -> None:
    luck = random.Random(4)
    places = list(_places(state))
    refused = 0
    for place in places:
        for value in luck.sample(HOSTILE, 4):
            refused += not survives(sealed(msgspec.msgpack.encode(_put(state, place, value))))
    assert refused > 2 * len(places)


NUMBERS = [0.0, -0.0, -1.0, 1e-45, 3e38, -3e38, 1e15, math.nan, math.inf, -math.inf]


def test_whatever_numbers_an_array_holds_it_is_refused_by_name_or_works(state: list[Any]) -> None:
    luck = random.Random(6)
    table, window = state[MODEL.index("table")], state[MODEL.index("window")]
    arrays = [(MODEL.index("table"), i) for i, value in enumerate(table) if isinstance(value, bytes)]
    arrays += [(MODEL.index("window"), i) for i, value in enumerate(window) if isinstance(value, bytes)]
    refused = 0
    for path in arrays:
        length = len(state[path[0]][path[1]])
        for number in NUMBERS:
            repeated = struct.pack("<f", number) * (length // 4 + 1)
            planes = b"".join(bytes([byte]) * (length // 4) for byte in struct.pack("<f", number))
            for plain in (repeated[:length], planes[:length].ljust(length, b"\0"), luck.randbytes(length)):
                refused += not survives(sealed(msgspec.msgpack.encode(_put(state, path, plain))))
    assert refused > 3 * len(NUMBERS) * len(arrays) / 2


@pytest.mark.parametrize("garbled", range(6))
def test_bytes_garbled_anywhere_in_the_body_are_refused_by_name_or_harmless(state: list[Any], garbled: int) -> None:
    luck = random.Random(garbled)
    plain = msgspec.msgpack.encode(state)
    for _ in range(60):
        forged = bytearray(plain)
        for _ in range(luck.randint(1, 8)):
            where = luck.choice([luck.randrange(len(forged)), luck.randrange(600)])
            forged[where] = luck.choice([0, 0xFF, 0xC0, 0xDD, 0x7F, luck.randrange(256)])
        survives(sealed(bytes(forged)))
        survives(sealed(bytes(forged[: luck.randrange(len(forged))])))


def test_two_choices_that_are_one_are_refused(state: list[Any]) -> None:
    shipments = [{"carrier": 1}, {"carrier": 1.0}, *state[MODEL.index("shipments")][2:]]
    with pytest.raises(SnapshotDamaged, match="twice"):
        CustomerModel.from_bytes(sealed(msgspec.msgpack.encode(_put(state, (MODEL.index("shipments"),), shipments))))


@pytest.mark.parametrize("line", [(1e6, 1.0), (-1e6, 1.0), (0.0, 1e6), (0.0, -1e6), (math.nan, 1.0)])
def test_a_calibration_beyond_all_reason_is_refused(state: list[Any], line: tuple[float, float]) -> None:
    forged = _put(state, (MODEL.index("calibration"),), [*line, 1.0, 0.0, 1.0])
    with pytest.raises(SnapshotDamaged):
        CustomerModel.from_bytes(sealed(msgspec.msgpack.encode(forged)))


BOMBS: dict[str, Callable[[list[Any]], Any]] = {
    "choices": lambda s: _put(s, (MODEL.index("shipments"),), [{}] * 2_000_000),
    "contexts": lambda s: _put(s, (MODEL.index("whole"), 3), [[None]] * 2_000_000),
    "keys": lambda s: _put(s, (MODEL.index("bags"),), [[["a"], 3, False, [], b""]] * 500_000),
    "paths": lambda s: _put(s, (MODEL.index("whole"), 0), [""] * 2_000_000),
    "columns": lambda s: _put(s, (MODEL.index("window"), 2), [["p", []]] * 500_000),
    "free indices": lambda s: _put(s, (MODEL.index("free"),), [0] * 2_000_000),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_long_list_is_refused_before_it_takes_memory(state: list[Any], bomb: str) -> None:
    plain = msgspec.msgpack.encode(BOMBS[bomb](state))
    data = sealed(plain)
    assert len(data) < 200_000
    assert _peak(data) < len(plain) + SIX_MEGABYTES


@pytest.mark.parametrize("part", ["table", "window"])
def test_a_number_that_claims_much_takes_no_memory(state: list[Any], part: str) -> None:
    at = MODEL.index(part)
    for place, value in enumerate(state[at]):
        if type(value) is int and not (part == "table" and place == snapshot._Table.__struct_fields__.index("learned")):
            assert _peak(sealed(msgspec.msgpack.encode(_put(state, (at, place), 1 << 22)))) < SIX_MEGABYTES


def test_a_table_that_claims_more_than_it_holds_is_refused_before_it_is_made(state: list[Any]) -> None:
    forged = copy.deepcopy(state)
    table = forged[MODEL.index("table")]
    for name, value in {"rows": 65536, "choices": 0, "width": 512, "cells": b"", "touched": bytes(4 * 65536)}.items():
        table[snapshot._Table.__struct_fields__.index(name)] = value
    assert _peak(sealed(msgspec.msgpack.encode(forged))) < SIX_MEGABYTES


def test_zeros_that_unpack_beyond_any_model_take_no_more_memory_than_a_model_may() -> None:
    data = sealed(bytes(4 * snapshot.MAX_BODY))
    assert len(data) < 4 << 20
    assert _peak(data) < 2.2 * snapshot.MAX_BODY


def _peak(data: bytes) -> int:
    """The most memory that refusing a snapshot took at any moment, in bytes."""
    tracemalloc.start()
    try:
        with pytest.raises(SnapshotDamaged):
            CustomerModel.from_bytes(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_each_byte_of_the_header_and_every_length_are_checked(model: CustomerModel) -> None:
    data = model.to_bytes()
    for place in range(snapshot.HEADER.size):
        for bit in range(8):
            altered = bytearray(data)
            altered[place] ^= 1 << bit
            expected = SnapshotVersionUnknown if place in (8, 9) else SnapshotDamaged
            with pytest.raises(expected):
                CustomerModel.from_bytes(bytes(altered))
    for wrong in (b"", data + b"\0", data[:-1], data[: snapshot.HEADER.size], data * 2):
        with pytest.raises(SnapshotDamaged):
            CustomerModel.from_bytes(wrong)


def test_a_model_whose_combined_fields_are_long_gone_is_read_back() -> None:
    luck = random.Random(1)
    ruled = [(luck.randrange(8), luck.randrange(8)) for _ in range(1200)]
    records = [record(n, {"a": f"x{a}", "b": f"y{b}"}, {"c": (a + b) % 2}) for n, (a, b) in enumerate(ruled)]
    records += [record(n, {"z": n % 3}, {"c": n % 2}) for n in range(1200, 4400)]
    model = learn(CustomerModel(), entries_of(records))
    assert any({"a", "b"} <= set(key.paths) for key in model.contexts.combined)
    assert CustomerModel.from_bytes(model.to_bytes()).to_bytes() == model.to_bytes()


CODE_FROM_DATA = {"pickle", "cPickle", "marshal", "shelve", "dill", "joblib", "cloudpickle", "skops"}


def test_no_module_imports_what_makes_code_of_data() -> None:
    for path in Path(autoship.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & CODE_FROM_DATA, path
            called = node.func if isinstance(node, ast.Call) else None
            assert not (isinstance(called, ast.Name) and called.id in ("eval", "exec")), path
            assert not (isinstance(node, ast.keyword) and node.arg == "allow_pickle"), path


def test_names_of_any_length_and_number_take_little_memory() -> None:
    deep: dict[str, Any] = {f"{n:05}" + "\U0001f4e6" * 115: {} for n in range(19_000)}
    for level in range(30):
        deep = {f"{level:02}" + "\U0001f4e6" * 118: deep}
    tracemalloc.start()
    try:
        for _ in range(3):
            flat = flatten(deep, START)
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()
    assert all(len(path) < 300 for path in flat.values)


def test_paths_that_are_too_long_to_keep_stay_apart() -> None:
    def nested(name: str) -> dict[str, Any]:
        order: dict[str, Any] = {name: 1}
        for _ in range(5):
            order = {"x" * 100: order}
        return order

    (one, *_), (other, *_) = (flatten(nested(name), START).values for name in "ab")
    assert one != other
    assert one == next(iter(flatten(nested("a"), START).values))
