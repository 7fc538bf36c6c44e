"""``autoship replay``: reads past orders, lets the learner meet them in time, shows how it did beside the baselines."""

from __future__ import annotations

import gzip
import io
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, cast

import click
import msgspec

from autoship.domain.ndjson import parse_line
from autoship.domain.record import Record
from autoship.errors import InvalidInput
from autoship.learning import CustomerModel
from autoship.replay import BaselineKey, Summary, baselines, newest, summarise, walk
from autoship.replay.summary import BadLine, Reading
from autoship.report import page, table

GZIP_MAGIC = b"\x1f\x8b"
SHOWN_BAD_LINES = 20
KEPT_BAD_LINES = 1_000


@click.command()
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE…", type=click.Path(exists=True, dir_okay=False, allow_dash=True)
)
@click.option("--json", "as_json", is_flag=True, help="Write the whole measurement to stdout as one JSON document.")
@click.option(
    "--html",
    "html",
    metavar="OUT",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write a page with plots to OUT.",
)
@click.option(
    "--baseline-key",
    "key_text",
    metavar="PATH,…",
    help="Compare with the last choice for the same values, too, such as those of order.items,order.ship_to.country.",
)
def replay(files: tuple[str, ...], as_json: bool, html: Path | None, key_text: str | None) -> None:
    """Measure how well autoship would have predicted past orders.

    Walks the records of FILE… (NDJSON, plain or gzipped, - for stdin) in order of ordered_at, predicts each, and
    reveals what was shipped at shipped_at, or a day after the order. Lines that are no records are named and left out;
    the exit status is 1 if there were any.
    """
    key = _key(key_text)
    if html is not None and not html.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {html.absolute().parent}", param_hint="--html")
    records, bad = _read(files)
    for line in bad[:SHOWN_BAD_LINES]:
        click.echo(line, err=True)
    if len(bad) > SHOWN_BAD_LINES:
        click.echo(f"… and {len(bad) - SHOWN_BAD_LINES:,} more bad lines", err=True)
    if not records:
        raise click.ClickException(f"no record in {', '.join(files)}: nothing to replay")
    if key is not None and (absent := key.absent([record.order for record in records])):
        raise click.BadParameter(f"no order has {', '.join(absent)}", param_hint="--baseline-key")
    summary = _measure(files, records, bad, key)
    click.echo(_json(summary) if as_json else table(summary), nl=as_json)
    if html is not None:
        _write(html, page(summary))
    if bad:
        click.echo(f"{len(bad):,} bad lines were left out", err=True)
        sys.exit(1)


def _key(text: str | None) -> BaselineKey | None:
    try:
        return None if text is None else BaselineKey(text)
    except InvalidInput as error:
        raise click.BadParameter(error.problem, param_hint="--baseline-key") from error


def _measure(files: Sequence[str], records: list[Record], bad: list[BadLine], key: BaselineKey | None) -> Summary:
    once = newest(records)
    rivals = baselines(key)
    outcomes = walk(once, CustomerModel, clock=time.perf_counter, rivals=rivals)
    with click.progressbar(outcomes, length=len(once), label="replaying", file=sys.stderr, update_min_steps=50) as bar:
        return summarise(
            bar,
            list(rivals),
            baseline_key=key.paths if key else (),
            reading=Reading(
                files=list(files),
                records=len(records),
                replaced=len(records) - len(once),
                bad=len(bad),
                bad_lines=bad[:KEPT_BAD_LINES],
            ),
        )


def _read(files: Sequence[str]) -> tuple[list[Record], list[BadLine]]:
    records: list[Record] = []
    bad: list[BadLine] = []
    for file in files:
        for number, line in enumerate(_lines(file), 1):
            try:
                record = parse_line(line)
            except InvalidInput as error:
                bad.append(BadLine(file, number, error.field, error.problem))
            else:
                if record is not None:
                    records.append(record)
    return records, bad


def _lines(file: str) -> Iterator[bytes]:
    """The lines of a file, unpacked where it is gzipped; a file that ends in the middle is a plain error."""
    try:
        with click.open_file(file, "rb") as raw:
            yield from _unpacked(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise click.ClickException(f"{file} cannot be read: {error}") from error


def _unpacked(raw: IO[bytes]) -> Iterator[bytes]:
    buffered = io.BufferedReader(cast(io.RawIOBase, raw))
    try:
        if buffered.peek(2)[:2] == GZIP_MAGIC:
            with gzip.open(buffered) as unpacked:
                yield from unpacked
        else:
            yield from buffered
    finally:
        buffered.detach()


def _json(summary: Summary) -> str:
    return msgspec.json.format(msgspec.json.encode(summary), indent=2).decode()


def _write(out: Path, text: str) -> None:
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{out} cannot be written: {error}") from error
    click.echo(f"wrote {out}", err=True)
