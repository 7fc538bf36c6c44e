"""What the programs need of the world: the gossip and the proxy. The adapters are these; so are the fakes in
`flotilla.adapters.memory`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from flotilla.domain.member import Member


class Hint(msgspec.Struct, frozen=True, kw_only=True):
    """That something may have changed. ``payload`` is empty but for a query of a host about itself (`Gossip.query`)."""

    name: str
    payload: bytes = b""


class Gossip(Protocol):
    """Serf, as its agent on this machine knows it. Every method raises `GossipError` while it cannot be reached."""

    async def members(self, names: Collection[str] = ()) -> Sequence[Member]:
        """All members that Serf knows, the departed ones included; with ``names`` those of them that have these."""

    async def set_tags(self, tags: Mapping[str, str], delete: Sequence[str] = ()) -> None:
        """Sets some of this member's own tags, and removes others."""

    async def query(self, name: str, payload: bytes) -> None:
        """Asks all members; nobody waits for answers. At most 1,024 bytes with the name."""

    def hints(self) -> AsyncIterator[Hint]:
        """Events and queries as they come, until Serf goes away: then `GossipError`."""

    async def join(self, addresses: Sequence[str]) -> int:
        """Tries to join the gossip through these addresses; says how many answered."""

    async def leave(self) -> None:
        """Leaves in order: the others see ``left``, not ``failed``. Serf then ends."""

    async def force_leave(self, name: str) -> None:
        """Has a failed member be ``left``."""
