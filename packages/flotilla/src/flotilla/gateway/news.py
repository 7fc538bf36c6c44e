"""What a change of the rotation is, in words for people: who came, who went, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from flotilla.domain.member import Status
from flotilla.domain.report import State
from flotilla.gateway.known import Known, KnownMember
from flotilla.gateway.rotation import Server

MOST = 12
"""More hosts than this that change at once are told in one sentence."""


class News(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence, and its reason."""

    what: str
    why: str


class _Moved(msgspec.Struct):
    out: int = 0
    new: int = 0
    weighed: int = 0


def news(known: Known, before: Sequence[Server], after: Sequence[Server]) -> tuple[News, ...]:
    """The difference between two rotations, a sentence for each host, by what is ``known`` now."""
    moved = _moved(before, after)
    if len(moved) > MOST:
        out, new = sum(one.out for one in moved.values()), sum(one.new for one in moved.values())
        return (News(what=f"{len(moved)} hosts changed: {_servers(out)} out, {_servers(new)} in", why=""),)
    members = {member.address: member for member in known.members.values()}
    now = {server.address for server in after}
    return tuple(_told(address, one, members.get(address), address in now) for address, one in sorted(moved.items()))


def _moved(before: Sequence[Server], after: Sequence[Server]) -> Mapping[str, _Moved]:
    old = {(server.service, server.name): server for server in before}
    new = {(server.service, server.name): server for server in after}
    moved: defaultdict[str, _Moved] = defaultdict(_Moved)
    for key, server in old.items():
        if key not in new:
            moved[server.address].out += 1
        elif new[key].weight != server.weight:
            moved[server.address].weighed += 1
    for key, server in new.items():
        if key not in old:
            moved[server.address].new += 1
    return moved


def _told(address: str, moved: _Moved, member: KnownMember | None, serves: bool) -> News:
    parts = []
    if moved.out:
        parts.append(f"{_servers(moved.out)} out")
    if moved.new:
        parts.append(f"{_servers(moved.new)} in")
    if moved.weighed:
        parts.append(f"{_servers(moved.weighed)} weighed anew")
    return News(what=f"{address}: {', '.join(parts)}", why=_why(moved, member, serves))


def _why(moved: _Moved, member: KnownMember | None, serves: bool) -> str:
    if member is not None and member.status is Status.LEFT:
        return "it left"
    if member is None or member.report is None:
        return "" if serves else "it is gone from the gossip"
    states = {service.state for service in member.report.services}
    if moved.out and State.DRAIN in states:
        return "it drains" if states == {State.DRAIN} else "a service drains"
    if moved.weighed or (moved.new and State.CANARY in states):
        return "a canary" if State.CANARY in states else "full weight"
    if moved.out and member.status is Status.FAILED and not serves:
        return "not seen for a day"
    if moved.out:
        return "copies are not ready"
    return "copies are ready"


def _servers(count: int) -> str:
    return "1 server" if count == 1 else f"{count} servers"
