"""Records on their way in: lines of JSON in, counts out, a chunk in memory at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeAlias

import msgspec

from autoship.domain.record import Record, parse_record
from autoship.domain.strict_json import decode_json
from autoship.errors import HistoryError, InvalidInput
from autoship.service.turns import Turns

CHUNK_RECORDS = 5_000
CHUNK_BYTES = 16 * 2**20
MOST_REJECTED = 1_000
"""So many rejected lines are told one by one; the others are only counted."""


class Line(msgspec.Struct, frozen=True):
    """A record's text and its place among what was sent, counted from 1, or what is wrong with it already."""

    number: int
    text: bytes | InvalidInput


class Counts(msgspec.Struct, frozen=True):
    """What became of records: new, known already, or a correction of an earlier one."""

    accepted: int = 0
    unchanged: int = 0
    replaced: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.accepted + other.accepted, self.unchanged + other.unchanged, self.replaced + other.replaced)


class Rejected(msgspec.Struct, frozen=True):
    """A line that is no record. ``field`` is None where the whole line is meant."""

    line: int
    field: str | None
    error: str


class Intake(msgspec.Struct, frozen=True):
    """What became of all that was sent. ``rejected`` holds the first of them, ``rejected_total`` counts all."""

    accepted: int
    unchanged: int
    replaced: int
    rejected: list[Rejected]
    rejected_total: int


Append: TypeAlias = Callable[[Sequence[Record]], Awaitable[Counts]]


async def take_in(lines: AsyncIterator[Line], append: Append) -> Intake:
    """Gives ``lines`` to ``append`` in chunks. A good line is kept whatever the others are.

    A `HistoryError` says how many records had been kept before it: to send all of them again is safe.
    """
    counts = Counts()
    rejected: list[Rejected] = []
    total = size = 0
    chunk: list[Record] = []
    turns = Turns()
    async for line in lines:
        try:
            text, record = read_line(line)
        except InvalidInput as error:
            total += 1
            if len(rejected) < MOST_REJECTED:
                rejected.append(Rejected(line.number, error.field, error.problem))
        else:
            chunk.append(record)
            size += len(text)
            if len(chunk) == CHUNK_RECORDS or size >= CHUNK_BYTES:
                counts += await _keep(chunk, append, counts)
                chunk, size = [], 0
        if turns.over:
            await turns.give()
    if chunk:
        counts += await _keep(chunk, append, counts)
    return Intake(counts.accepted, counts.unchanged, counts.replaced, rejected, total)


def read_line(line: Line) -> tuple[bytes, Record]:
    """A line's text and the record in it; raises `InvalidInput`."""
    if isinstance(line.text, InvalidInput):
        raise line.text
    return line.text, parse_record(decode_json(line.text))


async def _keep(chunk: Sequence[Record], append: Append, before: Counts) -> Counts:
    try:
        return await append(chunk)
    except HistoryError as error:
        kept = before.accepted + before.unchanged + before.replaced
        raise type(error)(
            f"{error}; {kept:,} records sent before were kept, and to send all of them again is safe"
        ) from error
