"""A member of the gossip, as Serf tells of it. Decides nothing about whether it is trusted."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class Status(StrEnum):
    """What Serf says of a member (its own words, ``serf.MemberStatus``)."""

    ALIVE = "alive"
    LEAVING = "leaving"
    LEFT = "left"
    FAILED = "failed"
    NONE = "none"


class Role(StrEnum):
    """What a member is for: it carries copies, or it is a gateway."""

    HOST = "host"
    GATEWAY = "gateway"


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One member: its name, the address it gossips from (an IPv4 or IPv6 literal), its status and its tags."""

    name: str
    address: str
    status: Status
    tags: Mapping[str, str]


def member_name(role: Role, address: str) -> str:
    """The one name that a machine has in the gossip, however often its agent starts anew."""
    return f"{role}-{address.replace(':', '-')}"
