"""A bound on what decoding a body may take in memory: many tiny values take a hundred times the room of their text."""

from __future__ import annotations

from autoship.errors import InputTooLarge

MOST_VALUES = 2_000_000


def refuse_too_many_values(body: bytes) -> None:
    """Raises `InputTooLarge` where ``body`` may hold more than `MOST_VALUES` values."""
    if body.count(b",") > MOST_VALUES:
        raise InputTooLarge(None, f"the body has more than {MOST_VALUES:,} values: send it in parts")
