"""What HAProxy says that it runs, read from the texts of its runtime API. Only reads; `change` decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from flotilla.errors import ProxyError
from flotilla.gateway.configuration import OWN, ServerKey, structure_of

INFO = "show info"
SERVERS = "show servers state"
ALL_STAT = "show stat -1 4 -1"

MAINT = 0x01 | 0x02 | 0x20
"""Bits of ``srv_admin_state``: out of rotation, by a command, by another server, for want of an address (management
guide, ``show servers state``). 0x04 only tells that the configuration said ``disabled``."""

DRAIN = 0x08 | 0x10
STOPPED = 0
_CHECK_ENABLED = 0x04

_SINGLE_QUESTIONS = 200


class RunningServer(msgspec.Struct, frozen=True, kw_only=True):
    """One server. ``admin`` are the bits of ``srv_admin_state``, ``operational`` is ``srv_op_state`` (0 stopped,
    1 starting, 2 running, 3 stopping), ``since_s`` how long it is so; ``backend_id`` and ``id`` are HAProxy's numbers.
    ``watched``: its checks are on; ``added``: by a command, since HAProxy was started. ``sessions`` and ``queue`` are
    None where they were not asked for (`questions`)."""

    admin: int
    operational: int
    weight: int
    address: str
    port: int
    backend_id: int = 0
    id: int = 0
    since_s: int = 0
    watched: bool = True
    added: bool = False
    sessions: int | None = None
    queue: int | None = None

    @property
    def in_maintenance(self) -> bool:
        """It gets nothing, and is not checked."""
        return bool(self.admin & MAINT)

    @property
    def drains(self) -> bool:
        """It gets nothing new."""
        return bool(self.admin & DRAIN) and not self.in_maintenance

    @property
    def idle(self) -> bool:
        """It is known to have no request left."""
        return self.sessions == 0 and self.queue == 0


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """``structure`` is that of the configuration it was started with, None where it is not one of ours; ``uptime_s``
    how long ago. The gateway's own backends are not among the ``servers``."""

    structure: str | None
    servers: Mapping[ServerKey, RunningServer]
    uptime_s: int = 0


def parse_info(text: str) -> Mapping[str, str]:
    """The fields of ``show info``."""
    pairs = (line.partition(": ") for line in text.splitlines())
    return {name.strip(): value.strip() for name, found, value in pairs if found}


def running(info: str, servers: str, stat: str = "") -> Running:
    """From the answers to `INFO`, `SERVERS`, and, joined, to `questions`. Raises `ProxyError` where they are not
    such answers."""
    fields = parse_info(info)
    if "Version" not in fields:
        raise ProxyError(f"not an answer to {INFO}: {info[:200].strip()!r}")
    uptime = fields.get("Uptime_sec", "0")
    found = dict(_servers(servers))
    for key, (sessions, queue) in _loads(stat):
        if key in found:
            found[key] = msgspec.structs.replace(found[key], sessions=sessions, queue=queue)
    return Running(
        structure=structure_of(fields.get("description", "")),
        servers=found,
        uptime_s=int(uptime) if uptime.isdecimal() else 0,
    )


def questions(running: Running) -> tuple[str, ...]:
    """The commands whose answers tell how many requests the servers that drain still have."""
    draining = [server for server in running.servers.values() if server.drains]
    if len(draining) > _SINGLE_QUESTIONS:
        return (ALL_STAT,)
    return tuple(f"show stat {server.backend_id} 4 {server.id}" for server in draining)


def _servers(text: str) -> Iterator[tuple[ServerKey, RunningServer]]:
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("# "):
            break
    else:
        raise ProxyError(f"not an answer to {SERVERS}: {text[:200].strip()!r}")
    at = {name: place for place, name in enumerate(line[2:].split(" "))}
    try:
        (backend, name, admin, operational, weight, address, port, backend_id, number, since, forced, check) = (
            at[each]
            for each in (
                "be_name", "srv_name", "srv_admin_state", "srv_op_state", "srv_uweight", "srv_addr", "srv_port",
                "be_id", "srv_id", "srv_time_since_last_change", "srv_f_forced_id",
                "srv_check_state",
            )
        )  # fmt: skip
        for line in lines:
            row = line.split(" ")
            if len(row) < 2 or row[backend].startswith(OWN):
                continue
            yield (
                (row[backend], row[name]),
                RunningServer(
                    admin=int(row[admin]),
                    operational=int(row[operational]),
                    weight=int(row[weight]),
                    address=row[address],
                    port=int(row[port]),
                    backend_id=int(row[backend_id]),
                    id=int(row[number]),
                    since_s=int(row[since]),
                    watched=bool(int(row[check]) & _CHECK_ENABLED),
                    added=row[forced] == "1",
                ),
            )
    except (KeyError, IndexError, ValueError) as error:
        raise ProxyError(f"an answer to {SERVERS} that cannot be read: {error}") from error


def _loads(text: str) -> Iterator[tuple[ServerKey, tuple[int, int]]]:
    """Of each row of ``show stat``: backend, server, requests in flight (``scur``) and waiting (``qcur``)."""
    for line in text.splitlines():
        row = line.split(",", 5)
        if line.startswith("#") or len(row) < 6:
            continue
        if not row[2].isdecimal() or not row[4].isdecimal():
            raise ProxyError(f"an answer to show stat that cannot be read: {line[:200]!r}")
        yield (row[0], row[1]), (int(row[4]), int(row[2]))
