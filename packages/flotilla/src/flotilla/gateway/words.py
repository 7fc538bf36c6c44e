"""Texts as words of HAProxy's configuration. Whatever a text holds, it stays one word: what cannot is refused, with the
name of the field."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address, ip_network

from flotilla.errors import HandedFileError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_HEADER = re.compile(r"[A-Za-z0-9!#$&*+.^_|~-]{1,64}")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,1023}")


def name(text: str, field: str) -> str:
    """The name of a service."""
    return _matched(_NAME, text, field, "letters, digits, - and _")


def host(text: str, field: str) -> str:
    """A host's name in a request, in lower case."""
    return _matched(_HOST, text, field, "a host's name in lower case")


def header(text: str, field: str) -> str:
    """The name of a header."""
    return _matched(_HEADER, text, field, "a header's name")


def file(text: str, field: str) -> str:
    """A file's name, without a folder."""
    return _matched(_FILE, text, field, "a file's name: letters, digits, ., - and _")


def path(text: str, field: str) -> str:
    """A URL's path, quoted."""
    return quoted(_matched(_PATH, text, field, "a path that begins with / and has no blanks"))


@lru_cache(maxsize=16384)
def address(text: str, field: str) -> str:
    """An address as it stands before ``:port``: IPv6 in brackets."""
    try:
        number = ip_address(text)
    except ValueError as error:
        raise HandedFileError(f"{field}: {text[:100]!r} is not an address") from error
    if str(number) != text or "%" in text:
        raise HandedFileError(f"{field}: {text[:100]!r} is not an address in its plain form")
    return f"[{number}]" if number.version == 6 else str(number)


def network(text: str, field: str) -> str:
    """A network in CIDR notation."""
    try:
        return str(ip_network(text, strict=False))
    except ValueError as error:
        raise HandedFileError(f"{field}: {text[:100]!r} is not a network in CIDR notation") from error


def quoted(text: str) -> str:
    """The text in strong quotes, in which HAProxy reads nothing but their end (configuration manual, 2.2)."""
    return "'" + text.replace("'", "'\\''") + "'"


def milliseconds(seconds: float) -> str:
    """A time, at least a millisecond, at most a day."""
    return f"{min(max(round(seconds * 1000), 1), 86_400_000)}ms"


def _matched(pattern: re.Pattern[str], text: str, field: str, meant: str) -> str:
    if not pattern.fullmatch(text):
        raise HandedFileError(f"{field}: {text[:100]!r} cannot be given to HAProxy: it has to be {meant}")
    return text
