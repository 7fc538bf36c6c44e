"""A model as bytes, and back. Data, never code: a compressed msgpack document of fixed types and arrays of numbers,
little-endian.

Layout: 8 bytes of magic, a version (2 bytes), the length of the body (4), a BLAKE2b digest of the body (16), the
body. What is read is checked before it is used: the digest, the decompressed size, each type, each length, each
index, each number. Same bytes, same model, on every machine.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from autoship.domain.prediction import Word
from autoship.domain.record import EARLIEST, LATEST, MAX_SHIPMENT_FIELDS, check_shipment, choice_key
from autoship.errors import InvalidInput, SnapshotDamaged, SnapshotVersionUnknown
from autoship.learning.ages import EVERY, MOST_MARKS
from autoship.learning.approval import MOST_FAILED, NEWEST, THRESHOLDS
from autoship.learning.calibration import Calibration
from autoship.learning.choices import MAX_CHOICES
from autoship.learning.combining import MAX_WIDTH
from autoship.learning.contexts import MAX_BAGS, MAX_COMBINED, MAX_SINGLES, Key
from autoship.learning.mixture import EXPERTS
from autoship.learning.table import MAX_CELLS, PLANES, ROUNDED_EVERY, SQUARES, WIDTHS, Table
from autoship.learning.window import MAX_CODES, MAX_COLUMNS, SIZE, Column, Context, Window

if TYPE_CHECKING:
    from autoship.learning.model import CustomerModel

MAGIC = b"autoship"
VERSION = 1
HEADER = struct.Struct("<8sHI16s")
MAX_BODY = 96 << 20
"""Bytes of a decompressed body: more than the largest model that the learner makes."""
LEVEL = 6
MAX_LINE, MAX_CURVATURE = 50.0, 1e6
FIRST_TIME, LAST_TIME = EARLIEST.timestamp(), LATEST.timestamp()
MAX_NUMBER = 1e15
"""Larger than any number that is learned, and small enough that no product of three leaves float32."""
MAX_KEYS = 4 * (MAX_SINGLES + MAX_BAGS)
MAX_ROWS = 2 * MAX_CELLS // 32

Natural: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Leaf: TypeAlias = str | int | float | None


def _at_most(length: int) -> msgspec.Meta:
    """A list no longer than this: refused before it is read, so that few bytes cannot become much memory."""
    return msgspec.Meta(max_length=length)


Leaves: TypeAlias = Leaf | Annotated[tuple[Leaf, ...], _at_most(MAX_WIDTH)]


class _Key(msgspec.Struct, array_like=True):
    paths: Annotated[tuple[str, ...], _at_most(MAX_WIDTH)]
    index: Natural
    resting: bool
    contexts: Annotated[list[Leaves], _at_most(MAX_ROWS)]
    rows: bytes


class _Column(msgspec.Struct, array_like=True):
    path: str
    values: Annotated[list[Leaves], _at_most(MAX_CODES)]


class _Table(msgspec.Struct, array_like=True):
    rows: Natural
    choices: Natural
    keys: Natural
    learned: Natural
    timely: Natural
    unit: float
    width: Natural
    cells: bytes
    touched: bytes
    trust: bytes
    trust_squares: bytes
    decayed: bytes


class _Window(msgspec.Struct, array_like=True):
    length: Natural
    position: Natural
    columns: Annotated[list[_Column], _at_most(MAX_COLUMNS)]
    codes: bytes
    choices: bytes
    given: bytes


class _Approval(msgspec.Struct, array_like=True):
    max_error: float
    levels: bytes
    right: bytes
    cut: float | None
    last_cut: float | None
    alarm_at: int
    alarms: Natural
    failed_starts: Annotated[int, msgspec.Meta(ge=0, le=MOST_FAILED)]
    approved_since_alarm: bool
    calm: Natural
    fast: float
    slow: float
    auditing: bool


class _Scores(msgspec.Struct, array_like=True):
    predicted: Natural
    right: Natural
    approved: Natural
    approved_wrong: Natural
    newest_right: bytes
    newest_approved: bytes


class _Model(msgspec.Struct, array_like=True):
    seq: Natural
    orders: Natural
    until: datetime | None
    next_review: Natural
    shipments: Annotated[list[Annotated[dict[str, Word], _at_most(MAX_SHIPMENT_FIELDS)]], _at_most(MAX_CHOICES)]
    made: Annotated[list[Natural], _at_most(MAX_CHOICES)]
    table: _Table
    everything: _Key
    whole: _Key
    singles: Annotated[list[_Key], _at_most(MAX_SINGLES)]
    bags: Annotated[list[_Key], _at_most(MAX_BAGS)]
    combined: Annotated[list[_Key], _at_most(MAX_COMBINED)]
    free: Annotated[list[Natural], _at_most(MAX_KEYS)]
    window: _Window
    shares: tuple[float, float, float]
    calibration: tuple[float, float, float, float, float]
    approval: _Approval
    scores: _Scores
    marks: Annotated[list[float], _at_most(MOST_MARKS)]
    since_mark: Natural


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Model)


def encode(model: CustomerModel) -> bytes:
    """The bytes of a model."""
    body = zlib.compress(_ENCODER.encode(_state(model)), LEVEL)
    return HEADER.pack(MAGIC, VERSION, len(body), _digest(body)) + body


def decode(data: bytes, model: CustomerModel) -> None:
    """Fills a new model from bytes; raises `SnapshotError`, and then the model must not be used."""
    state = _read(data)
    try:
        _check(state)
        if state.approval.max_error != model.approval.max_error:
            raise SnapshotDamaged(
                f"a snapshot was made for max_error {state.approval.max_error}: its evidence is not for this one"
            )
        _fill(model, state)
    except (ValueError, IndexError, OverflowError, InvalidInput) as error:
        raise SnapshotDamaged(f"a snapshot holds what no model has: {error}") from error


def _digest(body: bytes) -> bytes:
    return blake2b(body, digest_size=16).digest()


def _read(data: bytes) -> _Model:
    if len(data) < HEADER.size:
        raise SnapshotDamaged("a snapshot is shorter than its header")
    magic, version, length, digest = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise SnapshotDamaged("these bytes are no snapshot of a model")
    if version != VERSION:
        raise SnapshotVersionUnknown(f"a snapshot has format {version}; this version reads format {VERSION}")
    body = data[HEADER.size :]
    if len(body) != length or _digest(body) != digest:
        raise SnapshotDamaged("a snapshot was truncated or altered")
    try:
        inflater = zlib.decompressobj()
        plain = inflater.decompress(body, MAX_BODY)
        if not inflater.eof:
            raise SnapshotDamaged("a snapshot is larger than any model, or its end is missing")
        return _DECODER.decode(plain)
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotDamaged(f"a snapshot cannot be read: {error}") from error


# a model's state


def _state(model: CustomerModel) -> _Model:
    contexts = model.contexts
    return _Model(
        seq=model.seq,
        orders=model.orders,
        until=model.until,
        next_review=model.next_review,
        shipments=model.choices.shipments,
        made=model.choices.orders,
        table=_table_state(model.table),
        everything=_key_state(contexts.everything),
        whole=_key_state(contexts.whole),
        singles=[_key_state(key) for key in contexts.singles.values()],
        bags=[_key_state(key) for key in contexts.bags.values()],
        combined=[_key_state(key) for key in contexts.combined],
        free=contexts.free,
        window=_window_state(model.window),
        shares=(model.mixture.shares[0], model.mixture.shares[1], model.mixture.shares[2]),
        calibration=_calibration_state(model.calibration),
        approval=_approval_state(model),
        scores=_scores_state(model),
        marks=list(model.ages.marks),
        since_mark=model.ages.since,
    )


def _table_state(table: Table) -> _Table:
    return _Table(
        rows=table.rows,
        choices=table.choices,
        keys=table.keys,
        learned=table.learned,
        timely=table.timely,
        unit=table.unit,
        width=table.cells.shape[2],
        cells=_packed(table.cells[: table.rows, :, : table.choices].transpose(1, 2, 0), "<f4"),
        touched=_packed(table.touched[: table.rows], "<u4"),
        trust=_packed(table.trust[: table.keys], "<f4"),
        trust_squares=_packed(table.trust_squares[: table.keys], "<f4"),
        decayed=_packed(table.decayed[:, : table.choices], "<f4"),
    )


def _key_state(key: Key) -> _Key:
    rows = np.fromiter(key.rows.values(), np.uint32, len(key.rows))
    return _Key(key.paths, key.index, key.resting, list(key.rows), _packed(rows, "<u4"))


def _window_state(window: Window) -> _Window:
    n = window.length
    return _Window(
        length=n,
        position=window.position,
        columns=[_Column(path, list(column.of_value)) for path, column in window.columns.items()],
        codes=_packed(window.codes[: len(window.columns), :n], "<i2"),
        choices=_packed(window.choices[:n], "<i2"),
        given=_packed(window.given[:n], "<f4"),
    )


def _calibration_state(calibration: Calibration) -> tuple[float, float, float, float, float]:
    a, b, c = calibration.curvature
    return calibration.intercept, calibration.slope, a, b, c


def _approval_state(model: CustomerModel) -> _Approval:
    approval = model.approval
    return _Approval(
        max_error=approval.max_error,
        levels=bytes(level for level, _ in approval.evidence),
        right=bytes(right for _, right in approval.evidence),
        cut=approval.cut,
        last_cut=approval.last_cut,
        alarm_at=approval.alarm_at,
        alarms=approval.alarms,
        failed_starts=approval.failed_starts,
        approved_since_alarm=approval.approved_since_alarm,
        calm=approval.calm,
        fast=approval.fast,
        slow=approval.slow,
        auditing=approval.auditing,
    )


def _scores_state(model: CustomerModel) -> _Scores:
    scores = model.scores
    return _Scores(
        scores.predicted,
        scores.right,
        scores.approved,
        scores.approved_wrong,
        bytes(right for right, _ in scores.newest),
        bytes(approved for _, approved in scores.newest),
    )


# a state's model


def _check(state: _Model) -> None:
    """Lengths and indices; numbers are checked where they are unpacked."""
    table, window = state.table, state.window
    keys = [state.everything, state.whole, *state.singles, *state.bags, *state.combined]
    rows = np.concatenate([_unpacked(key.rows, "<u4", (len(key.contexts),)) for key in keys]).astype(np.intp)
    indices = [key.index for key in keys] + state.free
    wrong = {
        "choices": not len(state.shipments) == len(state.made) == table.choices <= min(MAX_CHOICES, table.width),
        "width": table.width != next((width for width in WIDTHS if width >= table.choices), None),
        "rows": not len(rows) <= table.rows or table.rows * max(32, table.width) > 2 * MAX_CELLS,
        "a row": len(rows) > 0 and (len(np.unique(rows)) < len(rows) or int(rows.max()) >= table.rows),
        "a key": table.keys > MAX_KEYS or sorted(indices) != list(range(table.keys)),
        "paths": any(len(key.paths) != 1 for key in (state.whole, *state.singles, *state.bags)),
        "all orders": state.everything.paths != () or state.everything.contexts != [()],
        "combined": any(not 2 <= len(key.paths) <= MAX_WIDTH for key in state.combined),
        "columns": len({column.path for column in window.columns}) != len(window.columns),
        "window": window.length > SIZE or window.position >= SIZE,
        "position": window.length < SIZE and window.position != window.length,
        "unit": not 1.0 <= table.unit <= 2.0**17,
        "shares": len(state.shares) != EXPERTS or not all(0.0 <= share <= 1.0 for share in state.shares),
        "the sum of shares": not 0.999 <= sum(state.shares) <= 1.001,
        "calibration": not _is_line(*state.calibration),
        "evidence": len(state.approval.levels) > NEWEST or len(state.approval.levels) != len(state.approval.right),
        "levels": any(level >= len(THRESHOLDS) for level in state.approval.levels),
        "guard": not (0.0 <= state.approval.fast <= 10.0 and 0.0 <= state.approval.slow <= 20.0),
        "cut": any(cut not in (None, *THRESHOLDS) for cut in (state.approval.cut, state.approval.last_cut)),
        "scores": len(state.scores.newest_right) != len(state.scores.newest_approved),
        "orders": (state.orders > 0) != (table.choices > 0),
        "timely": table.timely > ROUNDED_EVERY,
        "marks": state.since_mark >= EVERY or not _ascend(state.marks),
        "time": state.until is not None and state.until.tzinfo is None,
    }
    named = [name for name, is_wrong in wrong.items() if is_wrong]
    if named:
        raise ValueError(", ".join(named))


def _ascend(marks: Sequence[float]) -> bool:
    return all(FIRST_TIME <= one <= other <= LAST_TIME for one, other in zip(marks, marks[1:] or marks, strict=False))


def _is_line(intercept: float, slope: float, a: float, b: float, c: float) -> bool:
    """Whether a calibration is one: the three last numbers are the curvature, a positive matrix."""
    flat = 0.0 <= a <= MAX_CURVATURE and 0.0 <= c <= MAX_CURVATURE and b * b <= 1.001 * a * c
    return flat and abs(intercept) <= MAX_LINE and abs(slope) <= MAX_LINE


def _fill(model: CustomerModel, state: _Model) -> None:
    model.seq, model.orders, model.until, model.next_review = state.seq, state.orders, state.until, state.next_review
    _fill_table(model.table, state.table)
    for shipment, made in zip(state.shipments, state.made, strict=True):
        model.choices.index[choice_key(check_shipment(shipment))] = len(model.choices.shipments)
        model.choices.shipments.append(shipment)
        model.choices.orders.append(made)
    if len(model.choices.index) != len(model.choices.shipments):
        raise ValueError("a choice that is there twice")
    contexts = model.contexts
    contexts.everything, contexts.whole = _key(state.everything), _key(state.whole)
    contexts.singles = {key.paths[0]: _key(key) for key in state.singles}
    contexts.bags = {key.paths[0]: _key(key) for key in state.bags}
    contexts.combined = [_key(key) for key in state.combined]
    contexts.free = list(state.free)
    contexts.wake()
    _fill_window(model.window, state.window, state.table.choices)
    model.mixture.shares = list(state.shares)
    model.calibration.intercept, model.calibration.slope, *model.calibration.curvature = state.calibration
    _fill_approval(model, state.approval)
    scores = state.scores
    model.scores.predicted, model.scores.right = scores.predicted, scores.right
    model.scores.approved, model.scores.approved_wrong = scores.approved, scores.approved_wrong
    model.ages.marks.extend(state.marks)
    model.ages.since = state.since_mark
    newest = zip(_flags(scores.newest_right), _flags(scores.newest_approved), strict=True)
    model.scores.newest.extend(newest)


def _fill_table(table: Table, state: _Table) -> None:
    rows, choices, keys = state.rows, state.choices, state.keys
    cells = _finite(state.cells, (PLANES, choices, rows)).transpose(2, 0, 1)
    if rows and (cells[:, SQUARES] <= 0).any():
        raise ValueError("a sum of squares that is not positive")
    table.resize(rows, state.width, keys)
    table.choices, table.learned, table.timely, table.unit = choices, state.learned, state.timely, state.unit
    table.cells[:rows, :, :choices] = cells
    table.touched[:rows] = _unpacked(state.touched, "<u4", (rows,))
    table.trust[:keys] = _finite(state.trust, (keys, PLANES))
    table.trust_squares[:keys] = _finite(state.trust_squares, (keys, PLANES))
    table.decayed[:, :choices] = _finite(state.decayed, (2, choices))
    if (table.trust_squares[:keys] <= 0).any() or (table.decayed < 0).any() or (cells[:, 0] < 0).any():
        raise ValueError("a count below zero")
    if table.trust[:, SQUARES].any():
        raise ValueError("a weight on what is none")
    table.refresh()


def _key(state: _Key) -> Key:
    key = Key(state.paths, state.index)
    key.resting = state.resting
    rows = _unpacked(state.rows, "<u4", (len(state.contexts),)).tolist()
    key.rows = dict(zip(_distinct(state.contexts), rows, strict=True))
    return key


def _fill_window(window: Window, state: _Window, choices: int) -> None:
    n = state.length
    codes = _unpacked(state.codes, "<i2", (len(state.columns), n))
    chosen = _unpacked(state.choices, "<i2", (n,))
    if n and (chosen.max() >= choices or chosen.min() < -1):
        raise ValueError("a choice that is not there")
    window.resize(len(state.columns), n)
    window.position = state.position
    window.codes[: len(state.columns), :n] = codes
    window.choices[:n] = chosen
    window.given[:n] = _finite(state.given, (n,))
    if not ((window.given >= 0) & (window.given <= 1.01)).all():
        raise ValueError("a probability that is none")
    for line, column in enumerate(state.columns):
        if n and (codes[line].max() >= len(column.values) or codes[line].min() < -1):
            raise ValueError("a value that is not there")
        of_value: dict[Context, int] = {value: code for code, value in enumerate(_distinct(column.values))}
        window.columns[column.path] = Column(line, of_value)


def _fill_approval(model: CustomerModel, state: _Approval) -> None:
    approval = model.approval
    approval.evidence = deque(zip(state.levels, _flags(state.right), strict=True))
    approval.recount()
    approval.cut, approval.last_cut = state.cut, state.last_cut
    approval.alarm_at, approval.alarms, approval.failed_starts = state.alarm_at, state.alarms, state.failed_starts
    approval.approved_since_alarm, approval.calm = state.approved_since_alarm, state.calm
    approval.fast, approval.slow, approval.auditing = state.fast, state.slow, state.auditing


# arrays


def _packed(array: NDArray[Any], kind: str) -> bytes:
    """The array's bytes, all first ones, then all second ones …: numbers alike compress better so."""
    plain = np.ascontiguousarray(array, kind)
    return plain.view(np.uint8).reshape(-1, plain.itemsize).T.tobytes()


def _unpacked(data: bytes, kind: str, shape: tuple[int, ...]) -> NDArray[Any]:
    size = np.dtype(kind).itemsize
    count = math.prod(shape)
    if len(data) != count * size:
        raise ValueError("an array of another length")
    plain = np.frombuffer(data, np.uint8).reshape(size, count).T
    return np.ascontiguousarray(plain).view(kind).reshape(shape)


def _finite(data: bytes, shape: tuple[int, ...]) -> NDArray[np.float32]:
    array = _unpacked(data, "<f4", shape).astype(np.float32)
    if not (np.abs(array) <= MAX_NUMBER).all():
        raise ValueError("a number that is not finite, or too large")
    return array


def _flags(data: bytes) -> list[bool]:
    return [byte != 0 for byte in data]


def _distinct(values: Iterable[Leaf | tuple[Leaf, ...]]) -> list[Context]:
    listed = list(values)
    if len(set(listed)) != len(listed):
        raise ValueError("a value that is there twice")
    return listed
