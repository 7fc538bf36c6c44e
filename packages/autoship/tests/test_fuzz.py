"""What `make fuzz` sets out from and what it has found: no rule is broken by it. The search itself takes minutes."""

from __future__ import annotations

import random

import pytest
from fuzz_targets import TARGETS, seeds

CHANGED = 30
"""How many changed inputs are tried for each seed."""

FOUND: list[tuple[str, bytes]] = [
    ("shipments", b"\x00" + b" " * 60 + b"\n{}"),
    ("shipments", b"\x02\n\xe2\x00["),
    ("shipments", b"\x00\xef\xbb\xbf[1]"),
]
"""Inputs that broke a rule once."""


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_and_what_is_near_them_break_no_rule(name: str) -> None:
    luck = random.Random(name)
    for seed in seeds()[name]:
        TARGETS[name](seed)
        for _ in range(CHANGED):
            TARGETS[name](changed(seed, luck))


@pytest.mark.parametrize(("name", "data"), FOUND)
def test_what_broke_a_rule_once_breaks_none_any_more(name: str, data: bytes) -> None:
    TARGETS[name](data)


def changed(data: bytes, luck: random.Random) -> bytes:
    """A copy with a few bytes altered, dropped or doubled."""
    copy = bytearray(data)
    for _ in range(luck.randint(1, 4)):
        at = luck.randrange(len(copy) + 1)
        copy[at : at + luck.randint(0, 3)] = luck.choice(
            [b"", copy[at : at + 5] * 2, bytes([luck.randrange(256)]), b'"', b"{", b"\\ud800", b"1e999", b"\n"]
        )
    return bytes(copy)
