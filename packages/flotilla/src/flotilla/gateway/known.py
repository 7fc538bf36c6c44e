"""What a gateway knows of the members: the last good word of each, held for as long as it may still be true.

Level-triggered: `merge` takes the whole member list, whatever events were lost or came twice. It never takes a host
away because the gossip is silent, only because it left or was not seen for a day; and it never believes a member about
an address that is not its own, or outside the admitted networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from flotilla.domain.handed import GatewayFile
from flotilla.domain.member import Member, Status
from flotilla.domain.report import HostReport

HELD_S = 24 * 3600.0
"""How long a host that is not seen alive stays in rotation, if it did not leave."""


class KnownMember(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One member. ``report`` is its last good one (none: of no effect), ``seen_s`` the last time that Serf said
    ``alive`` (unix seconds), ``problem`` what is wrong with it, in words."""

    name: str
    address: str
    status: Status
    report: HostReport | None
    seen_s: float
    confirmed_s: float = 0.0
    problem: str | None = None


class Known(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All members by name."""

    members: Mapping[str, KnownMember] = {}


def merge(known: Known, members: Sequence[Member], file: GatewayFile, now_s: float) -> Known:
    """What is known after Serf showed this member list."""
    raise NotImplementedError


def overlay(known: Known, name: str, report: HostReport, file: GatewayFile, now_s: float) -> Known:
    """What is known after the member said this of itself, ahead of the member list."""
    raise NotImplementedError


def encode_known(known: Known) -> bytes:
    """As JSON, for the gateway's memory."""
    raise NotImplementedError


def decode_known(data: bytes) -> tuple[Known, str | None]:
    """What `encode_known` wrote; an empty memory and the reason where it is something else."""
    raise NotImplementedError
