"""What a gateway knows of the fleet's members: asked of Serf, remembered on the disk, held while Serf is silent.

`Membership.trusted` is False until there is something to go by: a memory that can be read, or a host that Serf tells
of. A gateway that knows nothing must not take it for an empty fleet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from flotilla.domain.handed import GatewayFile
from flotilla.domain.member import Member, Role, Status, member_name
from flotilla.domain.tags import decode_tags
from flotilla.errors import FlotillaError, GossipError, StoreError
from flotilla.gateway.known import Known, KnownMember, decode_known, encode_known, merge, overlay
from flotilla.ports import GatewayStore, Gossip, Hint
from flotilla.programs.backoff import Backoff
from flotilla.programs.gateway_journal import Journal

GOSSIP = "the gossip"
MEMORY = "the memory of members"
REPORT_QUERY = "flotilla-report"
ANSWER_S = 2.0
PATIENCE_S = 3.0
"""So long Serf may take to start before it is worth a word."""

MERGE_S = 1.0
"""An unchanged member list is merged again after so long: what is known ages by it."""

REMEMBER_S = 300.0
"""So often the memory is written where nothing but the time of the last sight has changed."""

JOINS = 16
"""At most so many addresses are tried in one go."""


class _Told(msgspec.Struct, frozen=True):
    """The payload of `REPORT_QUERY`."""

    name: str
    tags: dict[str, str]


class Membership:
    """``clock`` tells unix seconds; ``address`` is this gateway's own."""

    def __init__(
        self, gossip: Gossip, store: GatewayStore, journal: Journal, clock: Callable[[], float], address: str
    ) -> None:
        self._gossip = gossip
        self._store = store
        self._journal = journal
        self._clock = clock
        self._own = address
        self._list: Sequence[Member] = ()
        self._merged_s = 0.0
        self._merged_for: GatewayFile | None = None
        self._remembered: object = None
        self._remembered_s = 0.0
        self._remembering = Backoff(1, 30)
        self._next_join = 0
        self.known = Known()
        self.trusted = False
        self.answered_s: float | None = None
        self._remind()

    def _remind(self) -> None:
        try:
            data = self._store.memory()
        except StoreError as error:
            self._journal.trouble(MEMORY, str(error))
            return
        if data is None:
            return
        self.known, problem = decode_known(data)
        self.trusted = problem is None
        self._remembered, self._remembered_s = _essence(self.known), self._clock()
        self._journal.trouble(MEMORY, problem)

    async def ask(self, file: GatewayFile) -> None:
        """Has Serf tell all members. Where it does not, what is known stays."""
        try:
            async with asyncio.timeout(ANSWER_S):
                members = await self._gossip.members()
        except (GossipError, TimeoutError) as error:
            self._journal.counts["gossip errors"] += 1
            words = str(error) or f"Serf does not answer within {ANSWER_S:g} s"
            self._journal.trouble(GOSSIP, words, patience_s=PATIENCE_S)
            return
        now_s = self._clock()
        self._journal.counts["gossip answers"] += 1
        self._journal.trouble(GOSSIP, None)
        self.answered_s = now_s
        same = members == self._list and file is self._merged_for
        if same and 0 <= now_s - self._merged_s < MERGE_S:
            return
        self.known = merge(self.known, members, file, now_s)
        self._list, self._merged_s, self._merged_for = members, now_s, file
        self.trusted = self.trusted or any(_is_host(member) for member in self.known.members.values())

    def hear(self, hint: Hint, file: GatewayFile) -> None:
        """What a host says of itself in a query, ahead of the member list. Nonsense has no effect."""
        if hint.name != REPORT_QUERY or not hint.payload:
            return
        try:
            told = msgspec.json.decode(hint.payload, type=_Told)
            report = decode_tags(told.tags, [service.name for service in file.services])
        except (msgspec.DecodeError, FlotillaError) as error:
            self._journal.counts["broken hints"] += 1
            self._journal.trouble("a query", f"a report that cannot be read came in a query: {error}"[:300])
            return
        self.known = overlay(self.known, told.name, report, file, self._clock())

    def remember(self) -> None:
        """Writes what is known, where it differs from what was written by more than the time, or is old."""
        now_s = self._clock()
        if not self.trusted or not self._remembering.allows(now_s):
            return
        essence = _essence(self.known)
        if essence == self._remembered and 0 <= now_s - self._remembered_s < REMEMBER_S:
            return
        try:
            self._store.remember(encode_known(self.known))
        except StoreError as error:
            self._remembering.failed(now_s)
            self._journal.trouble(MEMORY, str(error))
            return
        self._remembered, self._remembered_s = essence, now_s
        self._remembering.reset()
        self._journal.counts["memories written"] += 1
        self._journal.trouble(MEMORY, None)

    def missing(self, file: GatewayFile) -> tuple[str, ...]:
        """Addresses that should be in the gossip and are not alive there: of the file, and of members that failed."""
        alive = {member.name for member in self.known.members.values() if member.status is Status.ALIVE}
        wanted = {member_name(Role.HOST, address): address for address in file.hosts}
        wanted |= {member_name(Role.GATEWAY, address): address for address in file.gateways if address != self._own}
        for member in self.known.members.values():
            if member.status is Status.FAILED and member.problem is None:
                wanted[member.name] = member.address
        return tuple(sorted({address for name, address in wanted.items() if name not in alive}))

    async def join(self, file: GatewayFile) -> None:
        """Tries to join through those that are missing, some at a time."""
        missing = self.missing(file)
        if not missing:
            return
        start = self._next_join % len(missing)
        self._next_join = start + JOINS
        some = (missing[start:] + missing[:start])[:JOINS]
        try:
            self._journal.counts["joined"] += await self._gossip.join(some)
        except GossipError:
            self._journal.counts["join errors"] += 1


def _is_host(member: KnownMember) -> bool:
    return member.problem is None and member.name.startswith(f"{Role.HOST}-")


def _essence(known: Known) -> object:
    """What of it is worth writing at once: all but when each was seen last."""
    return {
        name: (member.address, member.status, member.report, member.problem) for name, member in known.members.items()
    }
