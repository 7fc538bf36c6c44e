"""``remove``: a host that failed is gone for good, rather than after a day. It may come back, by joining again."""

from __future__ import annotations

import msgspec

from flotilla.domain.member import Role, Status, member_name
from flotilla.domain.status import MemberStatus, StatusDocument
from flotilla.errors import NotInTime, Refused
from flotilla.operator import gateways, programs
from flotilla.operator.world import World

GONE_S = 30.0


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """Which host was removed."""

    host: str


async def remove(world: World, host: str) -> Removed:
    """Has a failed member be ``left``, and waits until every gateway sees it so. Raises `Refused` where it lives."""
    name = member_name(Role.HOST, host)
    documents = await gateways.statuses(world)
    seen = [
        member
        for one in documents.values()
        if not isinstance(one, str)
        for member in one.members
        if member.name == name
    ]
    if not seen:
        raise Refused(f"{host}: no gateway knows it")
    if any(member.status == Status.ALIVE for member in seen):
        raise Refused(
            f"{host}: is alive, and would come back at once: flotilla drain {host}, then stop its agent there"
        )
    await programs.force_leave(world, name)

    def missing(document: StatusDocument) -> str | None:
        member = next((one for one in document.members if one.name == name), None)
        return None if _gone(document, host, member) else f"still has {host}"

    _, lacking = await gateways.all_say(world, GONE_S, missing)
    if lacking:
        raise NotInTime(f"{host}: not gone after {GONE_S:.0f} s\n{gateways.told(lacking)}")
    world.say(host, "is gone from the fleet")
    return Removed(host=host)


def _gone(document: StatusDocument, host: str, member: MemberStatus | None) -> bool:
    left = member is None or member.status == Status.LEFT
    return left and not any(server.address == host and server.wanted is not None for server in document.servers)
