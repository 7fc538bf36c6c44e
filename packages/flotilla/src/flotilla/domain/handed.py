"""The files that ``deploy`` hands out: one to each gateway, one to each host. Plain JSON without secrets,
installed atomically.

Each carries the generation it is of; a gateway's also answers for its own hash, so that two gateways can be compared.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import TypeVar

import msgspec

from flotilla.domain.report import State
from flotilla.errors import HandedFileError

GATEWAY_FILE = "gateway.json"
HOST_FILE = "host.json"


class Retry(StrEnum):
    """Which requests are asked again of another copy when one drops them: those that never reached it; also those
    that change
    nothing (GET, HEAD, OPTIONS); all."""

    CONNECT = "connect"
    SAFE = "safe"
    ALL = "all"


class GatewayService(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a gateway has to know of one service. Times in seconds, sizes in bytes.

    ``balance`` is ``leastconn``, ``roundrobin`` or ``header:NAME``. ``max_connections`` is what one copy takes at
    once from
    one gateway; ``max_body`` the longest request body, of which the first ``retry_body`` bytes can be sent a
    second time.
    """

    name: str
    version: str
    first_port: int
    copies: int
    health_path: str = "/"
    health_interval_s: float = 1.0
    host: str | None = None
    path: str = "/"
    retry: Retry = Retry.SAFE
    balance: str = "leastconn"
    timeout_s: float = 30.0
    drain_s: float = 30.0
    max_connections: int = 128
    max_body: int = 16 * 1024 * 1024
    retry_body: int = 64 * 1024


class GatewayFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that a gateway is told by people; the rest it learns from the gossip. ``admit`` are networks in CIDR
    notation,
    ``certificates`` the names of PEM files in the gateway's folder of certificates (none: no TLS)."""

    fleet: str
    generation: int
    gateways: tuple[str, ...]
    hosts: tuple[str, ...]
    admit: tuple[str, ...]
    http_port: int = 80
    https_port: int = 443
    status_port: int = 8404
    certificates: tuple[str, ...] = ()
    services: tuple[GatewayService, ...] = ()


class HostService(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a host's agent has to know of one service: where its copies answer, and what people want of them.
    ``held`` is for the operator's verbs: somebody drained it, and a deploy leaves that so."""

    name: str
    version: str
    generation: int
    first_port: int
    copies: int
    health_path: str = "/"
    health_interval_s: float = 1.0
    state: State = State.READY
    held: bool = False


class HostFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that a host's agent is told. ``drain`` drains every service of the host, whatever each one's state is."""

    fleet: str
    generation: int
    gateways: tuple[str, ...]
    hosts: tuple[str, ...]
    drain: bool = False
    services: tuple[HostService, ...] = ()


Handed = TypeVar("Handed", GatewayFile, HostFile)


def encode_handed(file: GatewayFile | HostFile) -> bytes:
    """The file as indented JSON, the same bytes for equal values."""
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"


def decode_handed(kind: type[Handed], data: bytes) -> Handed:
    """Reads what `encode_handed` wrote. Raises `HandedFileError` where it is something else."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise HandedFileError(f"not a {kind.__name__}: {error}") from error


def handed_hash(file: GatewayFile | HostFile) -> str:
    """Twelve hexadecimal digits that are the same for equal files: what ``status`` compares."""
    return hashlib.sha256(encode_handed(file)).hexdigest()[:12]
