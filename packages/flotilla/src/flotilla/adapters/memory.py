"""Fakes of the ports, for tests and for trying things out: they keep the rules that the conformance suites state."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence

import msgspec

from flotilla.domain.member import Member, Status
from flotilla.domain.tags import MOST_BYTES, encoded_size
from flotilla.errors import GossipError
from flotilla.ports import Hint

LARGEST_QUERY = 1024
_HERE = (Status.ALIVE, Status.LEAVING)


class MemoryNetwork:
    """A network on which members of gossips can meet. News is everywhere at once."""

    def __init__(self) -> None:
        self._gossips: dict[str, MemoryGossip] = {}

    def start(self, name: str, address: str, tags: Mapping[str, str] | None = None) -> MemoryGossip:
        """A member, alone until it joins; the one that had this name before finds those again that it knew."""
        before = self._gossips.get(name)
        view = _View() if before is None else before._view
        gossip = MemoryGossip(
            self, view, Member(name=name, address=address, status=Status.ALIVE, tags=dict(tags or {}))
        )
        self._gossips[name] = gossip
        view.put(gossip._own, "member-join")
        return gossip

    def fail(self, name: str) -> None:
        """The member is gone without a word: the others see ``failed``, and it answers no more."""
        gossip = self._gossips[name]
        gossip._view.set(name, Status.FAILED, "member-failed")
        gossip.stop()

    def reachable(self, address: str) -> MemoryGossip | None:
        """The member that answers at this address."""
        return next((each for each in self._gossips.values() if each.up and each._own.address == address), None)

    def merge(self, one: _View, other: _View) -> None:
        """Has those of two views see each other."""
        if one is other:
            return
        for gossip in self._gossips.values():
            if gossip._view is other:
                gossip._view = one
                one.listeners += [listener for listener in gossip._listeners if listener not in one.listeners]
        for member in other.members.values():
            one.put(member, "member-join")


class _View:
    """What those who have found each other know in common."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self.listeners: list[Callable[[Hint | None], None]] = []

    def put(self, member: Member, event: str) -> None:
        self.members[member.name] = member
        self.tell(Hint(name=event))

    def set(self, name: str, status: Status, event: str) -> None:
        self.put(msgspec.structs.replace(self.members[name], status=status), event)

    def tell(self, hint: Hint) -> None:
        for listener in self.listeners:
            listener(hint)


class MemoryGossip:
    """One member's gossip; `ports.Gossip`. While ``up`` is False nothing answers, though others still see the member:
    so one can lose the way to it, and find it again."""

    def __init__(self, network: MemoryNetwork, view: _View, own: Member) -> None:
        self._network = network
        self._view = view
        self._own = own
        self._listeners: list[Callable[[Hint | None], None]] = []
        self.up = True

    async def members(self, names: Collection[str] = ()) -> Sequence[Member]:
        """All members that this one knows, or those of these names, the departed ones included, sorted by name."""
        self._check()
        return tuple(self._view.members[name] for name in sorted(self._view.members) if not names or name in names)

    async def set_tags(self, tags: Mapping[str, str], delete: Sequence[str] = ()) -> None:
        """Sets some of this member's own tags, and removes others."""
        self._check()
        own = self._view.members[self._own.name]
        after = {key: value for key, value in own.tags.items() if key not in delete} | dict(tags)
        if encoded_size(after) > MOST_BYTES:
            raise GossipError(f"Serf refuses 'tags': {encoded_size(after)} bytes, over the limit of {MOST_BYTES}")
        self._view.put(msgspec.structs.replace(own, tags=after), "member-update")

    async def query(self, name: str, payload: bytes) -> None:
        """Asks all members; nobody waits for answers."""
        self._check()
        if len(name) + len(payload) > LARGEST_QUERY:
            raise GossipError(f"Serf refuses 'query': over the limit of {LARGEST_QUERY} bytes")
        self._view.tell(Hint(name=name, payload=payload))

    async def hints(self) -> AsyncIterator[Hint]:
        """Events and queries as they come, until this member ends: then `GossipError`."""
        self._check()
        queue: asyncio.Queue[Hint | None] = asyncio.Queue()
        listener = queue.put_nowait
        self._listeners.append(listener)
        self._view.listeners.append(listener)
        try:
            while (hint := await queue.get()) is not None:
                yield hint
        finally:
            self._listeners.remove(listener)
            self._view.listeners.remove(listener)
        raise GossipError("Serf went away")

    async def join(self, addresses: Sequence[str]) -> int:
        """Tries to join the gossip through these addresses; says how many answered."""
        self._check()
        found = [gossip for address in addresses if (gossip := self._network.reachable(address)) is not None]
        if addresses and not found:
            raise GossipError("Serf refuses 'join': nobody answers")
        for gossip in found:
            self._network.merge(gossip._view, self._view)
        return len(found)

    async def leave(self) -> None:
        """Leaves in order; this member then ends."""
        self._check()
        self._view.set(self._own.name, Status.LEFT, "member-leave")
        self.stop()

    async def force_leave(self, name: str) -> None:
        """Has a failed member be ``left``; nothing happens to one that is here or unknown."""
        self._check()
        member = self._view.members.get(name)
        if member is not None and member.status not in _HERE:
            self._view.set(name, Status.LEFT, "member-leave")

    def stop(self) -> None:
        """Nothing answers any more, and whoever listens hears so."""
        self.up = False
        for listener in list(self._listeners):
            listener(None)

    def _check(self) -> None:
        if not self.up:
            raise GossipError("Serf's RPC cannot be reached")
