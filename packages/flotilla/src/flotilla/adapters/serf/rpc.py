"""`SerfRpc`: Serf's agent on this machine, asked over its RPC.

It connects at the next call, whatever happened before; quick calls share one connection, slow ones (tags, join, leave,
keys) have one each, so that nothing waits for a host that does not answer. Every call has a deadline, and every failure
is a `GossipError`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from flotilla.adapters.serf.connection import Connection, Refused, text
from flotilla.domain.member import Member, Status
from flotilla.errors import GossipError
from flotilla.ports import Hint

QUERY_LIFE_S = 5
QUICK_S, SLOW_S, KEYS_S = 3.0, 30.0, 60.0

T = TypeVar("T")


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """What the members said when they were asked about keys: how many there are, how many answered, what went wrong
    where, and (when listing) how many hold each key. ``refusal`` are Serf's words where not all did it."""

    refusal: str | None
    members: int
    answered: int
    problems: Mapping[str, str]
    held: Mapping[str, int]


class SerfRpc:
    """Serf over its RPC at ``host:port``; ``token`` as its ``rpc_auth`` says."""

    def __init__(self, host: str, port: int, token: str | None = None) -> None:
        self._at = (host, port, token)
        self._shared: Connection | None = None
        self._turn = asyncio.Lock()
        self._known: dict[str, tuple[Mapping[bytes, Any], Member]] = {}

    async def members(self, names: Collection[str] = ()) -> Sequence[Member]:
        """All members that Serf knows, or those of these names, the departed ones included, sorted by name."""
        if names:
            wanted = {"Name": f"({'|'.join(re.escape(name) for name in sorted(names))})", "Tags": {}, "Status": ""}
            answer = await self._quick("members-filtered", wanted, answers=True)
            found = [_member(_map(raw)) for raw in _list(answer.get(b"Members"))]
            return tuple(sorted(found, key=lambda member: member.name))
        answer = await self._quick("members", None, answers=True)
        known: dict[str, tuple[Mapping[bytes, Any], Member]] = {}
        for raw in _list(answer.get(b"Members")):
            name = text(_map(raw).get(b"Name"))
            before = self._known.get(name)
            known[name] = before if before is not None and before[0] == raw else (raw, _member(raw))
        self._known = known
        return tuple(known[name][1] for name in sorted(known))

    async def set_tags(self, tags: Mapping[str, str], delete: Sequence[str] = ()) -> None:
        """Sets some of this member's own tags, and removes others, in one step. Serf answers once it has told
        somebody, or after a second."""
        await self._slow("tags", {"Tags": dict(tags), "DeleteTags": list(delete)}, answers=False, within_s=QUICK_S)

    async def query(self, name: str, payload: bytes) -> None:
        """Asks all members; nobody waits for answers. Serf refuses more than 1,024 bytes."""
        life = {"Timeout": QUERY_LIFE_S * 1_000_000_000, "RequestAck": False, "RelayFactor": 0}
        await self._quick("query", {"Name": name, "Payload": payload, **life})

    async def hints(self) -> AsyncIterator[Hint]:
        """Member events (``member-join`` …), events (``user:NAME``) and queries (their name and payload) as they come,
        over a connection of its own."""
        connection = await _within(QUICK_S, Connection.open(*self._at), "stream")
        try:
            await _within(QUICK_S, connection.call("stream", {"Type": "*"}), "stream")
            while True:
                yield _hint(await connection.record())
        finally:
            connection.close()

    async def join(self, addresses: Sequence[str]) -> int:
        """Tries to join the gossip through these addresses; says how many answered."""
        if not addresses:
            return 0
        answer = await self._slow("join", {"Existing": [_bracketed(each) for each in addresses], "Replay": False})
        return _count(answer.get(b"Num"))

    async def leave(self) -> None:
        """Leaves in order; Serf then ends."""
        await self._slow("leave", None, answers=False)

    async def force_leave(self, name: str) -> None:
        """Has a failed member be ``left``."""
        await self._slow("force-leave", {"Node": name, "Prune": False}, answers=False)

    async def stats(self) -> dict[str, dict[str, str]]:
        """Serf's own numbers, in its own words."""
        answer = await self._quick("stats", None, answers=True)
        return {
            text(part): {text(key): text(value) for key, value in _map(numbers).items()}
            for part, numbers in answer.items()
            if numbers
        }

    async def install_key(self, key: str) -> Keys:
        """Has every member hold one more key (base64, 32 bytes)."""
        return await self._keys("install-key", key)

    async def use_key(self, key: str) -> Keys:
        """Has every member encrypt with a key that it holds."""
        return await self._keys("use-key", key)

    async def remove_key(self, key: str) -> Keys:
        """Has every member forget a key that none encrypts with."""
        return await self._keys("remove-key", key)

    async def list_keys(self) -> Keys:
        """Which keys are held by how many members."""
        return await self._keys("list-keys", None)

    def close(self) -> None:
        """Ends the shared connection; the next call opens another."""
        if self._shared is not None:
            self._shared.close()
            self._shared = None

    async def _quick(
        self, command: str, body: Mapping[str, object] | None, answers: bool = False
    ) -> Mapping[bytes, Any]:
        async def ask() -> Mapping[bytes, Any]:
            async with self._turn:
                try:
                    if self._shared is None:
                        self._shared = await Connection.open(*self._at)
                    return await self._shared.call(command, body, answers)
                except BaseException:
                    self.close()
                    raise

        return await _within(QUICK_S, ask(), command)

    async def _slow(
        self, command: str, body: Mapping[str, object] | None, answers: bool = True, within_s: float = SLOW_S
    ) -> Mapping[bytes, Any]:
        connection = await _within(QUICK_S, Connection.open(*self._at), command)
        try:
            return await _within(within_s, connection.call(command, body, answers), command)
        finally:
            connection.close()

    async def _keys(self, command: str, key: str | None) -> Keys:
        try:
            answer, refusal = await self._slow(command, None if key is None else {"Key": key}, within_s=KEYS_S), None
        except Refused as error:
            answer, refusal = error.body, str(error)
        return Keys(
            refusal=refusal,
            members=_count(answer.get(b"NumNodes")),
            answered=_count(answer.get(b"NumResp")),
            problems={text(name): text(words) for name, words in _map(answer.get(b"Messages") or {}).items()},
            held={text(held): _count(count) for held, count in _map(answer.get(b"Keys") or {}).items()},
        )


async def _within(seconds: float, work: Awaitable[T], command: str) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError as error:
        raise GossipError(f"Serf's RPC did not answer {command!r} within {seconds:g} s") from error


def _member(raw: Mapping[bytes, Any]) -> Member:
    status = text(raw.get(b"Status"))
    return Member(
        name=text(raw.get(b"Name")),
        address=_address(raw.get(b"Addr")),
        status=Status(status) if status in set(Status) else Status.NONE,
        tags={text(key): text(value) for key, value in _map(raw.get(b"Tags") or {}).items()},
    )


def _address(data: object) -> str:
    if not isinstance(data, bytes) or len(data) not in (4, 16):
        raise GossipError(f"Serf's RPC answered {data!r:.60} where an address belongs")
    address = ipaddress.ip_address(data)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address and not address.startswith("[") else address


def _hint(record: Mapping[bytes, Any]) -> Hint:
    kind = text(record.get(b"Event"))
    payload = record.get(b"Payload") or b""
    if kind == "query" and isinstance(payload, bytes):
        return Hint(name=text(record.get(b"Name")), payload=payload)
    return Hint(name=f"user:{text(record.get(b'Name'))}" if kind == "user" else kind)


def _map(value: object) -> Mapping[bytes, Any]:
    if not isinstance(value, dict):
        raise GossipError(f"Serf's RPC answered {value!r:.60} where a map belongs")
    return value


def _list(value: object) -> Sequence[Any]:
    if not isinstance(value, list):
        raise GossipError(f"Serf's RPC answered {value!r:.60} where a list belongs")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int):
        raise GossipError(f"Serf's RPC answered {value!r:.60} where a number belongs")
    return value
