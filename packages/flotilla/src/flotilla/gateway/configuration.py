"""HAProxy's whole configuration as a text: the same for equal values, byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from flotilla.domain.handed import GatewayFile
from flotilla.gateway import pages, words
from flotilla.gateway.backends import backend, last_resort
from flotilla.gateway.frontends import public, status
from flotilla.gateway.machine import Machine, buffer_bytes, hard_stop_s, most_connections, threads
from flotilla.gateway.rotation import Server
from flotilla.gateway.servers import (
    LAST_RESORT,
    OWN,
    ServerKey,
    WantedServer,
    fixed_servers,
    server_line,
    wanted_servers,
)

__all__ = [
    "LAST_RESORT",
    "OWN",
    "Configuration",
    "Machine",
    "ServerKey",
    "WantedServer",
    "configuration",
    "described",
    "structure_of",
]

SOCKET = "/run/flotilla-haproxy/haproxy.sock"
_DESCRIBED = "flotilla "
_SPARE_CONNECTIONS = 20


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """``text`` is the whole file. ``structure`` is a digest of all of it that commands cannot change: everything but
    the servers of hosts that the file does not name, and which servers are in rotation with what weight."""

    text: str
    structure: str
    servers: Mapping[ServerKey, WantedServer]


def configuration(file: GatewayFile, servers: Sequence[Server], machine: Machine) -> Configuration:
    """The configuration for these servers. Raises `HandedFileError` where the file has a value that HAProxy cannot
    be given."""
    count = fixed_servers(file)
    sections = {
        name: lines
        for service in file.services
        for name, lines in (
            (service.name, backend(service, count)),
            (service.name + LAST_RESORT, last_resort(service)),
        )
    }
    wanted = wanted_servers(file, servers)
    heads = "\n\n".join("\n".join(lines) for lines in (_defaults(), public(file, machine), status(file, machine)))
    structure = _digest(file, machine, [heads, *("\n".join(lines) for lines in sections.values())], wanted)
    lines: dict[str, list[str]] = {name: [] for name in sections}
    for server in wanted.values():
        lines[server.backend].append(server_line(server))
    bodies = ["\n".join([*head, *lines[name]]) for name, head in sections.items()]
    text = "\n\n".join(["\n".join(_global(file, machine, structure)), heads, *bodies])
    return Configuration(text=f"{text}\n", structure=structure, servers=wanted)


def described(structure: str) -> str:
    """``description`` in ``show info``."""
    return _DESCRIBED + structure


def structure_of(description: str) -> str | None:
    """The structure of a description, None where it is not one of ours."""
    return description[len(_DESCRIBED) :] if description.startswith(_DESCRIBED) else None


def _digest(file: GatewayFile, machine: Machine, parts: Iterable[str], wanted: Mapping[ServerKey, WantedServer]) -> str:
    digest = hashlib.sha256()
    for part in ("\n".join(_global(file, machine, "")), *parts):
        digest.update(part.encode() + b"\0")
    for (backend_name, name), server in wanted.items():
        if server.fixed:
            digest.update(f"{backend_name}/{name}\0".encode())
    return digest.hexdigest()[:16]


def _global(file: GatewayFile, machine: Machine, structure: str) -> list[str]:
    servers = 2 * fixed_servers(file)
    lines = [
        f"description {words.quoted(described(structure))}",
        "log stdout len 16384 format raw local0 info",
        f"stats socket {SOCKET} mode 600 level admin expose-fd listeners",
        "stats maxconn 32",
        "stats timeout 60s",
        f"nbthread {threads(machine)}",
        f"maxconn {most_connections(file, machine, servers)}",
        f"hard-stop-after {words.milliseconds(hard_stop_s(file))}",
        f"tune.bufsize {buffer_bytes(file)}",
        "spread-checks 10",
        "ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets",
        "ssl-default-bind-ciphers ECDHE+AESGCM:ECDHE+CHACHA20",
        "expose-experimental-directives",
    ]
    return ["global", *(f"    {line}" for line in lines)]


def _defaults() -> list[str]:
    lines = [
        "mode http",
        "log global",
        "option abortonclose",
        "option dontlognull",
        "option http-ignore-probes",
        "option http-server-close",
        "option http-no-delay",
        "option http-restrict-req-hdr-names delete",
        "option idle-close-on-response",
        "option redispatch 1",
        "timeout http-request 10s",
        "timeout http-keep-alive 30s",
        "timeout client 60s",
        "timeout client-fin 10s",
        "timeout connect 300ms",
        "timeout check 3s",
        "timeout server 30s",
        "timeout server-fin 10s",
        "timeout queue 1s",
        "timeout tunnel 1h",
        *pages.error_lines(),
    ]
    return ["defaults", *(f"    {line}" for line in lines)]
