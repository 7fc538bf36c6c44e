"""Whether a member is one of the fleet's, and what of its report can have an effect; with the reason in words where it
is not. Trust is this: the key of the gossip, an admitted address, and the one name that goes with it."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from ipaddress import ip_address, ip_network

from flotilla.domain.handed import GatewayFile
from flotilla.domain.member import Member, Role, member_name
from flotilla.domain.report import HostReport
from flotilla.domain.tags import FLEET, ROLE, decode_tags

SHOWN = 80


def forgery(member: Member, file: GatewayFile) -> str | None:
    """Why the member is none of this fleet's, or None."""
    role, fleet = member.tags.get(ROLE), member.tags.get(FLEET)
    if role is None or fleet is None:
        return "not one of flotilla's: it has no tags role and fleet"
    if role not in (Role.HOST, Role.GATEWAY):
        return f"not one of flotilla's: its role is {_shown(role)}"
    if fleet != file.fleet:
        return f"of another fleet: {_shown(fleet)}, and this one is {file.fleet!r}"
    if role == Role.HOST and not is_admitted(member.address, file):
        return f"its address {_shown(member.address)} is outside the admitted networks ({', '.join(file.admit)})"
    if member.name != member_name(Role(role), member.address):
        return f"its name does not go with its address {_shown(member.address)}"
    return None


def is_admitted(address: str, file: GatewayFile) -> bool:
    """Whether the address is in a network of ``admit``."""
    return _admitted(address, file.admit)


def report_of(member: Member, file: GatewayFile) -> HostReport:
    """What the member's tags say. Raises `BrokenTags`."""
    return _decoded(frozenset(member.tags.items()), frozenset(service.name for service in file.services))


@lru_cache(maxsize=4096)
def unusable(report: HostReport, file: GatewayFile) -> str | None:
    """What of a report cannot have an effect with this file, in words. It concerns what it names, and nothing else of
    the report: a file that is a generation behind must not keep a drain from being heard."""
    services = {service.name: service for service in file.services}
    words = []
    for each in report.services:
        service = services.get(each.name)
        if service is None:
            words.append(f"the service {_shown(each.name)} is not in the gateway's file")
        elif each.ready >> service.copies:
            last = service.first_port + service.copies - 1
            words.append(f"copies of {each.name} outside its ports {service.first_port} to {last}")
    return f"without effect: {'; '.join(words)}" if words else None


@lru_cache(maxsize=16384)
def _admitted(address: str, networks: tuple[str, ...]) -> bool:
    try:
        number = ip_address(address)
        if str(number) != address or "%" in address:  # one spelling for one address, and no zone
            return False
        return any(number in ip_network(network, strict=False) for network in networks)
    except ValueError:
        return False


@lru_cache(maxsize=4096)
def _decoded(tags: Collection[tuple[str, str]], services: frozenset[str]) -> HostReport:
    return decode_tags(dict(tags), services)


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")
