"""Outcomes as files: NDJSON, and CSV that a spreadsheet opens without running what is in it. Fetches nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias

import msgspec

from autoship.domain.outcome import word_text
from autoship.domain.prediction import Shipment, Word
from autoship.service import Compared

Format: TypeAlias = Callable[[Sequence[Compared]], bytes]

PLAIN = tuple(name for name in Compared.__struct_fields__ if name not in ("predicted", "shipment"))
STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""https://owasp.org/www-community/attacks/CSV_Injection, the full-width forms included."""

_encode_lines = msgspec.json.Encoder().encode_lines


def ndjson(page: Sequence[Compared]) -> bytes:
    """One prediction a line."""
    return _encode_lines(page)


def csv_header(fields: Sequence[str]) -> bytes:
    """The names of the columns: what is plain, then each of the choice's ``fields`` as predicted and as shipped."""
    of_choices = [f"{side}.{name}" for name in fields for side in ("predicted", "shipment")]
    return _rows([[*PLAIN, *of_choices]])


def csv_lines(fields: Sequence[str]) -> Format:
    """Formats as CSV (RFC 4180), with the columns of `csv_header`."""

    def lines(page: Sequence[Compared]) -> bytes:
        return _rows([_row(one, fields) for one in page])

    return lines


def _row(one: Compared, fields: Sequence[str]) -> list[str]:
    plain = [_cell(getattr(one, name)) for name in PLAIN]
    return plain + [_field(choice, name) for name in fields for choice in (one.predicted, one.shipment)]


def _cell(value: Word | datetime | list[str] | None) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return _text(", ".join(value) if isinstance(value, list) else value)


def _field(choice: Shipment, name: str) -> str:
    return _text(choice[name]) if name in choice else ""


def _text(word: Word) -> str:
    """A word as a cell. What a spreadsheet would take for a formula gets an apostrophe before it; a number is none."""
    if isinstance(word, str) and word.startswith(STARTS_A_FORMULA):
        return f"'{word}"
    return word_text(word)


def _rows(rows: Sequence[Sequence[str]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\r\n").writerows(rows)
    return file.getvalue().encode()
