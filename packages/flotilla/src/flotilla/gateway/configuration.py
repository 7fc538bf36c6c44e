"""HAProxy's whole configuration as a text: the same for equal values, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

from flotilla.domain.handed import GatewayFile
from flotilla.gateway.rotation import Server

RUN_FOLDER = "/run/flotilla-haproxy"
CERTIFICATES = "/etc/flotilla-certificates"

ServerKey: TypeAlias = tuple[str, str]
"""The backend's name and the server's."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine of a gateway allows: files that HAProxy may have open (``ulimit -n``), memory in bytes, CPUs."""

    open_files: int
    memory: int
    cpus: int


class WantedServer(msgspec.Struct, frozen=True, kw_only=True):
    """One server as HAProxy should run it. ``options`` are what stands after the address, but for the weight."""

    backend: str
    name: str
    address: str
    port: int
    weight: int
    options: str
    checked: bool


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """``text`` is the whole file, ``structure`` names all of it but the servers, which are in ``servers``."""

    text: str
    structure: str
    servers: Mapping[ServerKey, WantedServer]


def configuration(file: GatewayFile, servers: Sequence[Server], machine: Machine) -> Configuration:
    """The configuration for these servers."""
    raise NotImplementedError
