"""Through whom a host joins the gossip: the gateways of its file and a few of the hosts, others at each attempt."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable

from flotilla.domain.handed import HostFile
from flotilla.domain.member import Member, Role, Status, member_name

MOST_GATEWAYS = 4
MOST_HOSTS = 3


def through(file: HostFile, own: str, attempt: int) -> tuple[str, ...]:
    """The addresses of an attempt: a push-pull with each costs, so there are few; all have their turn in time."""
    start = int.from_bytes(hashlib.sha256(own.encode()).digest()[:4])
    gateways = _turn([each for each in file.gateways if each != own], start + attempt * MOST_GATEWAYS, MOST_GATEWAYS)
    taken = {own, *file.gateways}
    hosts = _turn([each for each in file.hosts if each not in taken], start + attempt * MOST_HOSTS, MOST_HOSTS)
    return gateways + hosts


def alone(members: Iterable[Member], own: str) -> bool:
    """Whether no other member is alive."""
    return not any(member.status is Status.ALIVE and member.name != own for member in members)


def unknown(file: HostFile, members: Iterable[Member]) -> tuple[str, ...]:
    """The gateways that Serf has never heard of; those that failed it tries again by itself."""
    names = {member.name for member in members}
    return tuple(address for address in file.gateways if member_name(Role.GATEWAY, address) not in names)


def _turn(addresses: Collection[str], start: int, most: int) -> tuple[str, ...]:
    ordered = sorted(addresses)
    return tuple(ordered[(start + offset) % len(ordered)] for offset in range(min(most, len(ordered))))
