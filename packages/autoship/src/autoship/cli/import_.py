"""``autoship import``: past orders from files into the history, in the order in which they became known."""

from __future__ import annotations

import asyncio
import gzip
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import IO

import click

from autoship.adapters.sqlite.staging import Staging
from autoship.cli.exits import told
from autoship.cli.options import setting_options
from autoship.configuration import Configuration, read_configuration
from autoship.domain.record import Record
from autoship.errors import InvalidInput
from autoship.service import Counts, Line, Settings
from autoship.service.intake import read_line
from autoship.wiring import running

GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LONGEST_LINE = 2**20
APPENDED_AT_ONCE = 20_000
"""A customer's records are appended in batches as large as this: within a batch, each is judged without foresight."""

APPENDED_BYTES = 64 * 2**20
"""Of records; decoded they take several times as much memory."""

TOLD_AT_MOST = 1_000


@click.command("import")
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE…", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@setting_options("history")
@click.option(
    "--no-learn",
    is_flag=True,
    help="Leave the learning to each customer's first prediction, which then waits for it.",
)
def import_(files: tuple[Path, ...], history: str | None, no_learn: bool) -> None:
    """Take past orders in, in bulk.

    Reads FILE… (NDJSON, one record a line, plain or gzipped) into the history, ordered by the time at which each became
    known, and learns them. What is there already changes nothing, so that an import may be repeated. Lines that are no
    records are told with their place, the others are kept, and the exit status is 1.
    """
    with told():
        configuration = read_configuration({"history": history}, os.environ)
        with Staging() as staging:
            rejected = _stage(files, staging)
            counts = asyncio.run(_append(configuration, staging, learn=not no_learn))
            repeated = staging.added - staging.count()
    for problem in rejected[:TOLD_AT_MOST]:
        click.echo(problem, err=True)
    if len(rejected) > TOLD_AT_MOST:
        click.echo(f"… and {len(rejected) - TOLD_AT_MOST:,} more", err=True)
    click.echo(_summary(counts, repeated, len(rejected)))
    if rejected:
        sys.exit(1)


def _summary(counts: Counts, repeated: int, rejected: int) -> str:
    text = f"{counts.accepted:,} accepted, {counts.unchanged:,} unchanged, {counts.replaced:,} replaced"
    if repeated:
        text += f", {repeated:,} superseded by a later line of the same order"
    return f"{text}, {rejected:,} rejected"


def _stage(files: Sequence[Path], staging: Staging) -> list[str]:
    """Puts the records of all files in order, and returns what is wrong with the other lines."""
    rejected: list[str] = []
    with click.progressbar(length=sum(path.stat().st_size for path in files), label="reading", file=sys.stderr) as bar:
        for path in files:
            for line in _lines(path, bar.update):
                try:
                    staging.add(read_line(line)[1])
                except InvalidInput as error:
                    rejected.append(f"{path}:{line.number}: {error}")
    return rejected


async def _append(configuration: Configuration, staging: Staging, *, learn: bool) -> Counts:
    settings = Settings(max_error=configuration.max_error, audit=configuration.audit)
    async with running(configuration.history, settings, memory_mb=configuration.memory_mb) as service:
        counts = Counts()
        customers: dict[str, None] = {}
        with click.progressbar(length=staging.count(), label="keeping", file=sys.stderr) as bar:
            for batch in _batches(staging.in_order()):
                counts += await service.append(batch)
                customers.update(dict.fromkeys(record.customer_id for record in batch))
                bar.update(len(batch))
        if learn:
            with click.progressbar(customers, label="learning", file=sys.stderr) as bar:
                for customer_id in bar:
                    await service.learn(customer_id)
        return counts


def _batches(sized: Iterable[tuple[Record, int]]) -> Iterator[list[Record]]:
    """The records, each with its size in bytes, in batches of as many whole customers as fit; a larger customer takes
    several."""
    batch: list[Record] = []
    size = 0
    for _, of_customer in groupby(sized, key=lambda one: one[0].customer_id):
        while part := _part(of_customer):
            more = sum(nbytes for _, nbytes in part)
            if batch and (len(batch) + len(part) > APPENDED_AT_ONCE or size + more > APPENDED_BYTES):
                yield batch
                batch, size = [], 0
            batch += [record for record, _ in part]
            size += more
    if batch:
        yield batch


def _part(of_customer: Iterator[tuple[Record, int]]) -> list[tuple[Record, int]]:
    """The next records of a customer that may be appended at once."""
    part: list[tuple[Record, int]] = []
    size = 0
    for one in of_customer:
        part.append(one)
        size += one[1]
        if len(part) == APPENDED_AT_ONCE or size >= APPENDED_BYTES:
            break
    return part


def _lines(path: Path, progress: Callable[[int], None]) -> Iterator[Line]:
    """The lines of a file but for blank ones. A file that ends in the middle ends with a line that says so."""
    number = 1
    with path.open("rb") as raw:
        try:
            with _unpacked(raw) as file:
                done = 0
                while text := file.readline(LONGEST_LINE + 1):
                    if number == 1:
                        text = text.removeprefix(BYTE_ORDER_MARK)
                    if len(text) > LONGEST_LINE:
                        _skip_line(file, text)
                        yield Line(number, InvalidInput(None, f"the line has more than {LONGEST_LINE:,} bytes"))
                    elif not text.isspace():
                        yield Line(number, text)
                    number += 1
                    if number % 1_000 == 0:
                        progress(raw.tell() - done)
                        done = raw.tell()
                progress(raw.tell() - done)
        except (OSError, EOFError, zlib.error) as error:
            yield Line(number, InvalidInput(None, f"the file cannot be read from here on: {error}"))


def _unpacked(raw: IO[bytes]) -> IO[bytes]:
    packed = raw.read(2) == GZIP_MAGIC
    raw.seek(0)
    return gzip.open(raw) if packed else raw  # type: ignore[return-value]


def _skip_line(file: IO[bytes], text: bytes) -> None:
    while text and not text.endswith(b"\n"):
        text = file.readline(LONGEST_LINE)
