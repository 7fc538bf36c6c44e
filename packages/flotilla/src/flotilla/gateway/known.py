"""What a gateway knows of the members: the last good word of each, held for as long as it may still be true.

Level-triggered: `merge` takes the whole member list, whatever events were lost or came twice. It takes a host away
because it left, or was not seen alive for a day; never because the gossip is silent. It believes a member about its own
address alone, and about none outside the admitted networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from flotilla.domain.handed import GatewayFile
from flotilla.domain.member import Member, Role, Status
from flotilla.domain.report import HostReport
from flotilla.errors import BrokenTags
from flotilla.gateway.admission import forgery, is_admitted, report_of, unusable

HELD_S = 24 * 3600.0
"""How long a host that is not seen alive stays in rotation, if it did not leave."""

HINT_HELD_S = 60.0
"""How long a report stands against a member list with an older one. Gossip is through long before; after that the host
counts from a lower serial, since its clock or its disk was set back."""

GONE = frozenset({Status.LEAVING, Status.LEFT, Status.NONE})


class KnownMember(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One member. ``report`` is its last good one (none: of no effect), ``seen_s`` the last time that Serf said
    ``alive``, ``confirmed_s`` the last time that anybody told this report or a later one (both unix seconds),
    ``problem`` what is wrong with it, in words."""

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
    """What is known after Serf showed this member list at ``now_s`` (unix seconds)."""
    merged = {member.name: _merged(known.members.get(member.name), member, file, now_s) for member in members}
    for name, old in known.members.items():
        if name not in merged and (kept := _vanished(old, now_s)):
            merged[name] = kept
    return Known(members=dict(sorted(merged.items())))


def overlay(known: Known, name: str, report: HostReport, file: GatewayFile, now_s: float) -> Known:
    """What is known after the member said this of itself, ahead of the member list: the same where it is not a host
    that Serf shows and that is admitted, or where it says nothing later."""
    old = known.members.get(name)
    if old is None or old.status in GONE or not name.startswith(f"{Role.HOST}-") or not is_admitted(old.address, file):
        return known
    if old.report is not None and report.serial <= old.report.serial:
        return known
    if old.report is None and old.problem is not None:
        return known
    new = msgspec.structs.replace(old, report=report, confirmed_s=now_s, problem=unusable(report, file))
    return Known(members={**known.members, name: new})


def encode_known(known: Known) -> bytes:
    """As JSON, for the gateway's memory: the same bytes for equal values."""
    return msgspec.json.encode(known) + b"\n"


def decode_known(data: bytes) -> tuple[Known, str | None]:
    """What `encode_known` wrote; an empty memory and the reason where it is something else."""
    try:
        known = msgspec.json.decode(data, type=Known)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Known(), f"the memory of members is broken, and begins empty: {error}"
    if any(name != member.name for name, member in known.members.items()):
        return Known(), "the memory of members is broken, and begins empty: a member has two names"
    return known, None


def _merged(old: KnownMember | None, member: Member, file: GatewayFile, now_s: float) -> KnownMember:
    if problem := forgery(member, file):
        return _distrusted(old, member, problem, now_s)
    seen_s = now_s if member.status is Status.ALIVE or old is None else old.seen_s
    new = KnownMember(name=member.name, address=member.address, status=member.status, report=None, seen_s=seen_s)
    if member.status in GONE or member.tags.get("role") == Role.GATEWAY:
        return new
    if now_s - seen_s >= HELD_S:
        return msgspec.structs.replace(new, problem="failed, and not seen for 24 hours: out of rotation")
    try:
        told = report_of(member, file)
    except BrokenTags as error:
        held, confirmed_s = (old.report, old.confirmed_s) if old else (None, 0.0)
        problem = f"broken tags, its last good report holds: {error}" if held else f"broken tags: {error}"
        return msgspec.structs.replace(new, report=held, confirmed_s=confirmed_s, problem=problem)
    report, confirmed_s = _later(old, told, now_s)
    return msgspec.structs.replace(new, report=report, confirmed_s=confirmed_s, problem=unusable(report, file))


def _later(old: KnownMember | None, told: HostReport, now_s: float) -> tuple[HostReport, float]:
    """The report that counts, and when it was told last."""
    if old is None or old.report is None or told.serial >= old.report.serial:
        return told, now_s
    if abs(now_s - old.confirmed_s) >= HINT_HELD_S:
        return told, now_s
    return old.report, old.confirmed_s


def _distrusted(old: KnownMember | None, member: Member, problem: str, now_s: float) -> KnownMember:
    """A member whose word does not count: what it said before, while it was one of ours, is held like that of one that
    failed."""
    if old is None or old.report is None or now_s - old.seen_s >= HELD_S or member.status in GONE:
        seen_s = old.seen_s if old else now_s
        return KnownMember(
            name=member.name, address=member.address, status=member.status, report=None, seen_s=seen_s, problem=problem
        )
    return msgspec.structs.replace(old, status=Status.FAILED, problem=problem)


def _vanished(old: KnownMember, now_s: float) -> KnownMember | None:
    """A member that the list does not have any more: failed, unless it was going anyway."""
    if old.report is None or now_s - old.seen_s >= HELD_S:
        return None
    return old if old.status is Status.FAILED else msgspec.structs.replace(old, status=Status.FAILED)
