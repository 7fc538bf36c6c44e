"""How long a client may take: a table of what it does, and when that is too long."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from autoship.web.patience import LEAST_BYTES_PER_S, Patience

LIMIT_S = 10.0
ENOUGH = int(LEAST_BYTES_PER_S * LIMIT_S)
HEADER, BODY, OTHER = object(), object(), object()


class Look(NamedTuple):
    at: float
    doing: object
    done: int = 0


CASES: list[tuple[str, list[Look], float | None]] = [
    ("nothing is awaited", [Look(n, None) for n in range(100)], None),
    ("a header that does not end", [Look(n, HEADER) for n in range(20)], 10),
    ("a header that ends in time", [Look(0, HEADER), Look(9, HEADER), Look(11, None), Look(30, None)], None),
    ("header after header", [Look(n, (HEADER, OTHER)[n // 8 % 2]) for n in range(100)], None),
    ("a body of which nothing comes", [Look(n, BODY, 7) for n in range(20)], 10),
    ("a body byte by byte", [Look(n, BODY, n) for n in range(40)], 10),
    ("a body that goes on for hours", [Look(n, BODY, n * LEAST_BYTES_PER_S) for n in range(10_000)], None),
    ("a body in one part just before each limit", [Look(9.9 * n, BODY, ENOUGH * n) for n in range(50)], None),
    ("a body that stops", [Look(n, BODY, min(n, 25) * LEAST_BYTES_PER_S) for n in range(60)], 30),
    ("an answer that is read", [Look(n, OTHER, -(10**6) + n * 1_000) for n in range(900)], None),
    ("an answer that nobody reads", [Look(n, OTHER, -(10**6)) for n in range(20)], 10),
]


@pytest.mark.parametrize(("what", "looks", "ends"), CASES, ids=[case[0] for case in CASES])
def test_a_client_has_so_long(what: str, looks: list[Look], ends: float | None) -> None:
    patience = Patience()
    ended = [look.at for look in looks if patience.ended(look.at, look.doing, look.done, LIMIT_S)]
    assert (ended[0] if ended else None) == ends


def test_it_says_so_again_until_something_is_done() -> None:
    patience = Patience()
    assert [patience.ended(at, HEADER, 0, LIMIT_S) for at in (0, 10, 11, 12)] == [False, True, True, True]
    assert not patience.ended(13, None, 0, LIMIT_S)
