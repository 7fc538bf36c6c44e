"""From what HAProxy runs to what it should: nothing, commands of its runtime API, or a reload.

Level-triggered: asked again every round, with no memory of its own, until it says `Nothing`.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from flotilla.gateway.configuration import Configuration
from flotilla.gateway.running import Running


class Nothing(msgspec.Struct, frozen=True, tag="nothing"):
    """HAProxy runs what it should. ``waiting`` servers drain, and are removed in a later round."""

    waiting: int = 0


class ByCommands(msgspec.Struct, frozen=True, kw_only=True, tag="commands"):
    """To be sent in this order to the stats socket; one that fails is asked for again in the next round."""

    commands: tuple[str, ...]
    waiting: int = 0


class ByReload(msgspec.Struct, frozen=True, kw_only=True, tag="reload"):
    """Only the whole file does it, or does it sooner; ``why`` in words."""

    why: str


Change: TypeAlias = Nothing | ByCommands | ByReload


def change(running: Running, wanted: Configuration) -> Change:
    """The cheapest safe next step."""
    raise NotImplementedError


def carry_over(before: Running, wanted: Configuration) -> tuple[str, ...]:
    """After a reload: commands that hold down in the new worker what was down in the old one, until the checks bring
    it back."""
    raise NotImplementedError
