"""The servers of each backend: those of hosts that the file names stand in the configuration from the start, and go in
and out of rotation by a change of state; others are added and removed.

Why: HAProxy takes no ``tcp-ut`` for a server that is added while it runs (3.0: "not accepted for dynamic server"), and
adding costs the more the more there are; a change of state costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

from flotilla.domain.handed import GatewayFile, GatewayService
from flotilla.gateway.machine import check_interval_s
from flotilla.gateway.rotation import FULL_WEIGHT, Server
from flotilla.gateway.words import address, milliseconds

LAST_RESORT = ".last-resort"
OWN = "flotilla."
"""What the names of the gateway's own frontends and backends begin with: no service has a dot in its name."""

UNACKNOWLEDGED = "tcp-ut 1s"
"""A connection whose data the other side does not acknowledge for a second is dead, and its request asked again."""

ERROR_LIMIT = 10
"""So many connections in a row that fail take a server out: a run that loss hardly ever makes (measured)."""

ServerKey: TypeAlias = tuple[str, str]
"""The backend's name and the server's."""


class WantedServer(msgspec.Struct, frozen=True, kw_only=True):
    """One server as HAProxy should run it. ``enabled``: it is in rotation; ``fixed``: it stands in the configuration
    whether it is or not. ``options`` are what a server has to be added with, but for the weight."""

    backend: str
    name: str
    address: str
    port: int
    weight: int
    options: str
    checked: bool
    enabled: bool
    fixed: bool


def fixed_servers(file: GatewayFile) -> int:
    """How many servers stand in the configuration whoever is there, last resorts not counted."""
    return len(file.hosts) * sum(service.copies for service in file.services)


def checked_options(service: GatewayService, servers: int) -> str:
    """How a server is watched, in words that HAProxy takes for ``default-server`` and for ``add server`` alike: checks
    of its own, and of ten connections in a row that fail; measured to be quick with the dead and patient with loss."""
    inter_s = check_interval_s(service.health_interval_s, servers)
    again_s = min(inter_s, check_interval_s(0.2, servers))
    return (
        f"inter {milliseconds(inter_s)} fastinter {milliseconds(again_s)} downinter {milliseconds(again_s)}"
        f" fall 5 rise 2 slowstart 5s observe layer4 error-limit {ERROR_LIMIT} on-error mark-down"
        f" {unchecked_options(service)}"
    )


def unchecked_options(service: GatewayService) -> str:
    """What a server of the last resort has: the limit, and its place in consistent hashing, which is that of its
    address, so that all gateways agree."""
    return f"maxconn {max(1, service.max_connections)} hash-key addr-port"


def wanted_servers(file: GatewayFile, servers: Sequence[Server]) -> Mapping[ServerKey, WantedServer]:
    """Every server of every backend, sorted by service, address and port; those in rotation and those that may come."""
    rotating: dict[str, dict[tuple[str, int], Server]] = {service.name: {} for service in file.services}
    for each in servers:
        rotating[each.service][each.address, each.port] = each
    count = fixed_servers(file)
    hosts = frozenset(file.hosts)
    wanted: dict[ServerKey, WantedServer] = {}
    for service in file.services:
        mine = rotating[service.name]
        ports = range(service.first_port, service.first_port + service.copies)
        checked, unchecked = f"check {checked_options(service, count)}", unchecked_options(service)
        main, last = service.name, service.name + LAST_RESORT
        for host, port in sorted(mine.keys() | {(host, port) for host in hosts for port in ports}):
            server = mine.get((host, port))
            weight, name = (server.weight if server else FULL_WEIGHT), f"{host}:{port}"
            fixed, alive = host in hosts and port in ports, server is not None and server.alive
            wanted[main, name] = WantedServer(
                backend=main, name=name, address=host, port=port, weight=weight, options=checked, checked=True,
                enabled=server is not None, fixed=fixed,
            )  # fmt: skip
            if fixed or alive:
                wanted[last, name] = WantedServer(
                    backend=last, name=name, address=host, port=port, weight=weight, options=unchecked, checked=False,
                    enabled=alive, fixed=fixed,
                )  # fmt: skip
    return wanted


def server_line(server: WantedServer) -> str:
    """Its line in the configuration; what all of a backend have in common stands in ``default-server``."""
    place = f"{server.name} {address(server.address, 'a server')}:{server.port}"
    check = " check" if server.checked else ""
    state = "" if server.enabled else " disabled"
    return f"    server {place}{check} {UNACKNOWLEDGED} weight {server.weight}{state}"
