"""What the programs need of the world: the gossip and the proxy. The adapters are these; so are the fakes in
`flotilla.adapters.memory`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from flotilla.domain.load import Statistics
from flotilla.domain.member import Member
from flotilla.gateway.running import Running


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


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What HAProxy said to one command: nothing, mostly, or why it ``failed``."""

    text: str
    failed: bool


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """Which worker process of HAProxy answers: another one has forgotten what the runtime API told the one before."""

    pid: int
    started_s: float
    structure: str | None
    version: str


class Proxy(Protocol):
    """HAProxy, over its sockets. Every method raises `ProxyError` while it cannot be reached."""

    async def worker(self) -> Worker:
        """The worker that takes new requests: a cheap question."""

    async def running(self) -> Running:
        """All that the worker runs."""

    async def run(self, commands: Sequence[str]) -> tuple[Answer, ...]:
        """Commands of the runtime API in this order, with an answer each. Where `ProxyError` is raised, some of them
        may have been carried out."""

    async def check(self, path: str) -> None:
        """Has ``haproxy -c`` read a file. Raises `ConfigurationRefused` with its words."""

    async def reload(self) -> None:
        """Starts a worker with the installed file, which takes over from the one before without losing a request.
        Raises `ConfigurationRefused` with HAProxy's words where it does not start; the one before then goes on."""

    async def statistics(self, *, servers: bool = True) -> Statistics:
        """What HAProxy counts. Of servers only where asked for: of thousands it takes a while, and workers that are
        going are asked too."""


class GatewayStore(Protocol):
    """The files of a gateway's machine. Methods that write raise `StoreError` and leave what was there before."""

    def offered(self) -> bytes | None:
        """What ``deploy`` handed out, None where there is nothing yet."""

    def accepted(self) -> bytes | None:
        """What was handed out and taken last (`accept`)."""

    def accept(self, data: bytes) -> None:
        """Keeps a copy of what was handed out, for the day that something broken is."""

    def installed(self) -> str | None:
        """The text of HAProxy's configuration file, None where there is none."""

    def candidate(self, text: str) -> str:
        """Writes a configuration beside the installed one; says where."""

    def install(self) -> None:
        """Puts the last candidate in the place of the installed one, for good."""

    def memory(self) -> bytes | None:
        """What `remember` wrote, None where there is nothing."""

    def remember(self, data: bytes) -> None:
        """Keeps what is known of the members."""
