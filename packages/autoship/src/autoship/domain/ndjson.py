"""A line of NDJSON as a record. Decides whether the line can be used, and says what is wrong with it; opens no file."""

from __future__ import annotations

from autoship.domain.record import Record, parse_record
from autoship.domain.strict_json import decode_json

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def parse_line(line: bytes) -> Record | None:
    """The record of one line, None for a blank one; raises `InvalidInput` with the field that is wrong.

    A byte order mark, as some editors put at the head of a file, is no part of the line.
    """
    text = line.removeprefix(BYTE_ORDER_MARK).strip(b" \t\r\n")
    return parse_record(decode_json(text)) if text else None
