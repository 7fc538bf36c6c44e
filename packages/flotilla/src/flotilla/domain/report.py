"""What a host says of itself: for each service the version it runs, which copies are ready, and whether it drains."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import msgspec

MOST_COPIES = 64
MOST_SERVICES = 16


class State(StrEnum):
    """Whether the copies of a service on a host are meant to get requests: all they can take, none more, or a few."""

    READY = "ready"
    DRAIN = "drain"
    CANARY = "canary"


class ServiceReport(msgspec.Struct, frozen=True, kw_only=True):
    """One service on one host. ``ready`` is a bit mask: bit i is set while the copy on port ``first + i`` is healthy.

    ``version`` is as in the fleet file, or ``~`` and 6 letters of its digest where the tags had no room for it.
    ``generation`` is that of the file the copies were started from.
    """

    name: str
    version: str
    generation: int
    state: State
    ready: int

    def copies(self) -> Iterator[int]:
        """The indices of the copies that are ready, in order."""
        return (index for index in range(MOST_COPIES) if self.ready >> index & 1)


class HostReport(msgspec.Struct, frozen=True, kw_only=True):
    """All that a host says. ``serial`` grows with each change: of two reports of one host, the larger is the later."""

    serial: int
    generation: int
    services: tuple[ServiceReport, ...]
