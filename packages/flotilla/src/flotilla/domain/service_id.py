"""Short names that stand for long ones where there is little room: letters of a digest, the same everywhere, for ever.

An id is no secret and no proof; two names with the same id are possible, and are refused where a fleet file is read
(`same_id`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
ID_LETTERS = 4
VERSION_LETTERS = 6

_SHORT_VERSION = re.compile(f"~[{LETTERS}]{{{VERSION_LETTERS}}}")


def service_id(name: str) -> str:
    """Four letters that stand for a service's name."""
    return letters(_digest("service", name, ID_LETTERS), ID_LETTERS)


def short_version(version: str) -> str:
    """``~`` and six letters that stand for a version; what is such a short version already stays."""
    if _SHORT_VERSION.fullmatch(version):
        return version
    return "~" + letters(_digest("version", version, VERSION_LETTERS), VERSION_LETTERS)


def same_version(one: str, other: str) -> bool:
    """Whether two versions are the same, where either may be a short one."""
    return one == other or ("~" in (one[:1], other[:1]) and short_version(one) == short_version(other))


def same_id(names: Iterable[str]) -> tuple[str, str] | None:
    """Two different names with the same id, or None."""
    seen: dict[str, str] = {}
    for name in names:
        if seen.setdefault(service_id(name), name) != name:
            return seen[service_id(name)], name
    return None


def letters(number: int, count: int) -> str:
    """A number below ``32 ** count`` as that many letters."""
    return "".join(LETTERS[number >> 5 * place & 31] for place in reversed(range(count)))


def number(text: str) -> int:
    """What `letters` wrote as a number again."""
    value = 0
    for letter in text:
        value = value << 5 | LETTERS.index(letter)
    return value


def _digest(kind: str, text: str, count: int) -> int:
    data = hashlib.sha256(f"{kind}:{text}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(data) >> 8 * len(data) - 5 * count
