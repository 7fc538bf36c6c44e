"""What HAProxy says that it runs, read from the texts of its runtime API. Only reads; `change` decides."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from flotilla.gateway.configuration import ServerKey

INFO = "show info"
SERVERS = "show servers state"


class RunningServer(msgspec.Struct, frozen=True, kw_only=True):
    """One server. ``admin`` are the bits of ``srv_admin_state``, ``operational`` is ``srv_op_state`` (0 stopped,
    1 starting, 2 running, 3 stopping); ``backend_id`` and ``id`` are HAProxy's numbers. ``sessions`` and ``queue`` are
    None where they were not asked for (`drained_questions`)."""

    admin: int
    operational: int
    weight: int
    address: str
    port: int
    backend_id: int = 0
    id: int = 0
    sessions: int | None = None
    queue: int | None = None


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """``structure`` is that of the configuration it was started with, None where it is not one of ours."""

    structure: str | None
    servers: Mapping[ServerKey, RunningServer]


def parse_info(text: str) -> Mapping[str, str]:
    """The fields of ``show info``; the structure's name is its ``description``."""
    raise NotImplementedError


def running(info: str, servers: str, stat: str = "") -> Running:
    """From the answers to `INFO`, `SERVERS`, and, joined, to `questions`. Raises `ProxyError` where they are not
    such answers."""
    raise NotImplementedError


def questions(running: Running) -> tuple[str, ...]:
    """The commands whose answers tell how many requests the servers that drain still have."""
    raise NotImplementedError
