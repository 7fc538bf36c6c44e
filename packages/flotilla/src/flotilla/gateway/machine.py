"""What HAProxy may take of its machine: pure formulas of files, memory and processors."""

from __future__ import annotations

import msgspec

from flotilla.domain.handed import GatewayFile, GatewayService, Retry

HEADERS = 16 * 1024
"""The longest headers of a request, in bytes."""

_BUFFER_EXTRA = 4 * 1024  # 1,024 of tune.maxrewrite, and what HTX keeps beside each header
_SERVER_BYTES = 16 * 1024
_CONNECTION_BYTES = 32 * 1024
_BUFFERS = 2
_OTHER_FILES = 200
_FEWEST, _MOST = 100, 200_000
_CHECKS_PER_S = 4_000
_SHORTEST_STOP_S, _LONGEST_STOP_S = 60.0, 3600.0


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine of a gateway allows: files that HAProxy may have open (``ulimit -Hn``), memory in bytes, CPUs,
    and whether it has IPv6."""

    open_files: int
    memory: int
    cpus: int
    ipv6: bool = True


def buffer_bytes(file: GatewayFile) -> int:
    """``tune.bufsize``: the longest headers, and after them the longest body that is sent a second time, in whole
    pages of 4 KiB (configuration manual, ``retry-on``: a request is replayed only where it fits into one buffer)."""
    return max((buffer_bytes_of(service) for service in file.services), default=HEADERS + _BUFFER_EXTRA)


def buffer_bytes_of(service: GatewayService) -> int:
    """What one service needs of `buffer_bytes`."""
    body = max(0, service.retry_body) if service.retry is Retry.ALL else 0
    return -(-(HEADERS + _BUFFER_EXTRA + body) // 4096) * 4096


def most_connections(file: GatewayFile, machine: Machine, servers: int) -> int:
    """``global maxconn``: as many connections of clients as files and memory allow, whichever ends first.

    Each takes two files (its own and that of the copy), and HAProxy's checks one for each server. Of the memory, half
    is for HAProxy's structures; the other half is left to the sockets of the kernel, and to a second worker while one
    of before a reload still ends. Of the first half each server takes 16 KiB; each connection two buffers (what comes
    in, what goes out) and 32 KiB (the stream, HTTP/2 and TLS).
    """
    by_files = (machine.open_files - servers - _OTHER_FILES) // 2
    each = _BUFFERS * buffer_bytes(file) + _CONNECTION_BYTES
    by_memory = (machine.memory // 2 - servers * _SERVER_BYTES) // each
    return max(_FEWEST, min(_MOST, by_files, by_memory))


def threads(machine: Machine) -> int:
    """``nbthread``: one for each processor, at most 64 (a group of HAProxy's)."""
    return max(1, min(64, machine.cpus))


def check_interval_s(wanted_s: float, servers: int) -> float:
    """How often one server is checked: as wanted, but all together at most 4,000 times a second."""
    return max(wanted_s, servers / _CHECKS_PER_S)


def hard_stop_s(file: GatewayFile) -> float:
    """``hard-stop-after``: how long the worker of before a reload has to end what it carries. The longest answer or
    drain that a service allows and 5 s, at least a minute (WebSockets live on in it that long) and at most an hour."""
    longest = max((max(service.drain_s, service.timeout_s) for service in file.services), default=0.0)
    return min(max(longest + 5, _SHORTEST_STOP_S), _LONGEST_STOP_S)
