"""Bytes as JSON, strictly: what RFC 8259 leaves open (names that come twice, numbers out of range, lone surrogates) is
refused, with a sentence that says how to mend it. Knows nothing of records."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import msgspec

from autoship.errors import InvalidInput

MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no JSON, or none of the expected shape."""

_GZIP = b"\x1f\x8b"
_SURROGATE_PAIRS = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_SURROGATES = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")

_decode = msgspec.json.Decoder().decode


def decode_json(data: bytes) -> object:
    """The JSON value in ``data``; raises `InvalidInput`."""
    try:
        value = _decode(data)
    except MALFORMED as error:
        raise explain(data, error) from None
    refuse_repeated_names(data, _names_anywhere(value))
    return value


def explain(data: bytes, error: Exception) -> InvalidInput:
    """What to tell the sender of ``data``, which msgspec refused with ``error``."""
    if data.startswith(_GZIP):
        return InvalidInput(None, "gzipped: send it unpacked")
    if isinstance(error, UnicodeDecodeError) or b"\0" in data[:4] or data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return InvalidInput(None, "not UTF-8: encode it as UTF-8")
    if isinstance(error, RecursionError):
        return InvalidInput(None, "nested too deep")
    if not data.strip(b" \t\r\n"):
        return InvalidInput(None, "empty, where JSON is expected")
    if data.startswith(b"\xef\xbb\xbf"):
        return InvalidInput(None, "a byte order mark comes before the JSON: leave it out")
    if _SURROGATES.search(_SURROGATE_PAIRS.sub(b"", data)):
        return InvalidInput(None, "a lone surrogate such as \\ud800 is in the text: send valid Unicode")
    text = str(error)
    if text == "Input data was truncated":
        return InvalidInput(None, "not valid JSON: it ends too early")
    if "out of range" in text:
        return InvalidInput(None, "a number is out of range: send it as a string")
    if text.startswith("JSON is malformed"):
        return InvalidInput(None, f"not valid JSON: {text.removeprefix('JSON is malformed: ')}")
    return InvalidInput(None, f"not of the expected shape: {text}")


def refuse_repeated_names(data: bytes, names: int, *, colons: int = 0) -> None:
    """Raises `InvalidInput` where an object in ``data`` has a name twice.

    ``names`` is how many are left after decoding. A decoder keeps the last one of each, so none was lost where ``data``
    cannot hold more names than are left. Only otherwise is it worth decoding again, slowly: a colon within a string
    looks like a name as well, unless it is one of ``colons`` that are known to be in strings.
    """
    if data.count(b":") <= names + colons or _most_names(data) <= names:
        return
    try:
        json.loads(data.decode(), object_pairs_hook=_unrepeated, parse_int=str, parse_float=str)
    except RecursionError:
        raise InvalidInput(None, "nested too deep") from None


def _most_names(data: bytes) -> int:
    """At least the number of names in ``data``: of colons after a quotation mark or after white space."""
    count = data.count
    return count(b'":') + count(b" :") + count(b"\n:") + count(b"\t:") + count(b"\r:")


def _unrepeated(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for name, _ in pairs:
        if name in seen:
            _refuse(name)
        seen.add(name)


def _refuse(name: str) -> NoReturn:
    raise InvalidInput(name, "appears twice in one object: send it once")


def _names_anywhere(value: object) -> int:
    names = 0
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            names += len(node)
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
    return names
