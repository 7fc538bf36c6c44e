"""Which machines a verb is about: those of the fleet file, or those that the command line names."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from flotilla.domain.fleet import Fleet
from flotilla.errors import Refused


def hosts(fleet: Fleet, named: Sequence[str]) -> tuple[str, ...]:
    """The named hosts, or all of the file. Raises `Refused` where one may not be part of the fleet."""
    for address in named:
        check(fleet, address)
    return tuple(dict.fromkeys(named)) or fleet.hosts


def check(fleet: Fleet, address: str) -> None:
    """Raises `Refused` unless it is an address of an admitted network, and no gateway's."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        raise Refused(f"{address}: is no address; a host is named by the address that it gossips from") from None
    if address in fleet.gateways:
        raise Refused(f"{address}: is a gateway; name a host")
    if address in fleet.hosts or any(parsed in ipaddress.ip_network(network) for network in fleet.admit):
        return
    raise Refused(
        f"{address}: is in none of the admitted networks ({', '.join(fleet.admit)}), so gateways would not listen to "
        "it: add its network to admit in the fleet file, and deploy"
    )
