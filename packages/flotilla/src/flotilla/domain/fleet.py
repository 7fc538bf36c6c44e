"""What `fleet.yaml` says, as values that are right: `flotilla.fleetfile` makes them and refuses everything else.

Times are in seconds, sizes in bytes, addresses are IPv4 or IPv6 literals.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import msgspec

from flotilla.domain.handed import Retry
from flotilla.domain.secret import SecretSource


class Ssh(msgspec.Struct, frozen=True, kw_only=True):
    """How hosts are reached. What is not said here is as in ``~/.ssh/config``. Paths are relative to the fleet
    file's folder."""

    user: str | None = None
    port: int | None = None
    key: Path | None = None
    known_hosts: Path | None = None


class Registry(msgspec.Struct, frozen=True, kw_only=True):
    """Where images are pulled from. Without one they are sent over SSH."""

    server: str
    username: str | None = None
    password: SecretSource | None = None


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    """The gateways' ports, and the certificates for TLS (PEM files with the key; relative to the fleet file's
    folder)."""

    http_port: int = 80
    https_port: int = 443
    status_port: int = 8404
    certificates: tuple[Path, ...] = ()


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Copy i of a service is published on the host's port ``first + i``; in the container it listens on
    ``container``."""

    first: int
    container: int


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """A copy is healthy while ``GET path`` answers 200 to 399; a new one has ``deadline_s`` to get there."""

    path: str = "/"
    interval_s: float = 1.0
    deadline_s: float = 60.0


class SecretHeader(msgspec.Struct, frozen=True, kw_only=True):
    """A header's value from one of the service's secrets, with something before it."""

    secret: str
    prefix: str = ""


class Smoke(msgspec.Struct, frozen=True, kw_only=True):
    """A request that each new copy has to answer with the status ``expect`` before it gets any other."""

    path: str
    method: str = "GET"
    body: str | None = None
    expect: int = 200
    headers: Mapping[str, str | SecretHeader] = {}


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests are the service's: those of this host (any, where None) whose path begins with these segments."""

    host: str | None = None
    path: str = "/"


class BalanceByHeader(msgspec.Struct, frozen=True, kw_only=True):
    """The same value of a header goes to the same copy, by consistent hashing."""

    header: str


Balance: TypeAlias = str | BalanceByHeader  # "leastconn", "roundrobin", or by a header


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP service: what runs on each host, and how the gateways treat it. ``env`` has no secrets in it."""

    name: str
    image: str
    version: str
    ports: Ports
    copies: int = 1
    health: Health = Health()
    smoke: Smoke | None = None
    route: Route = Route()
    retry: Retry = Retry.SAFE
    retry_body: int = 64 * 1024
    balance: Balance = "leastconn"
    timeout_s: float = 30.0
    drain_s: float = 30.0
    max_connections: int = 128
    max_body: int = 16 * 1024 * 1024
    memory: int | None = None
    cpus: float | None = None
    user: str | None = None
    read_only: bool = False
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    secrets: Mapping[str, SecretSource] = {}


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """All that should be. ``folder`` is where the file lies: relative paths in it start there."""

    name: str
    folder: Path
    gateways: tuple[str, ...]
    hosts: tuple[str, ...]
    admit: tuple[str, ...]
    ssh: Ssh = Ssh()
    registry: Registry | None = None
    listen: Listen = Listen()
    services: tuple[Service, ...] = ()
