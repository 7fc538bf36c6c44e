"""What HAProxy counts: of a frontend, a backend or a server, since its worker started."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Part(StrEnum):
    """What is counted: requests that come in, those of a service, or those of one copy."""

    FRONTEND = "frontend"
    BACKEND = "backend"
    SERVER = "server"


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """``backend`` is the name of the frontend or backend, ``name`` the server's, empty where it is none.

    ``status`` is HAProxy's word (``UP``, ``DOWN``, ``UP 1/2``, ``DRAIN``, ``MAINT``, ``no check``). ``sessions`` are
    the requests in flight and ``queue`` those that wait, those of old workers included (`Statistics`). ``rate`` is of
    the last second.
    ``failed`` are connections and answers that failed, ``retries`` the requests asked again, ``answer_ms`` the mean
    time until an answer began, over the last 1,024. ``check`` is what the last check said, ``since_s`` how long the
    status lasts.
    """

    part: Part
    backend: str
    name: str = ""
    status: str = ""
    weight: int = 0
    sessions: int = 0
    queue: int = 0
    rate: int = 0
    requests: int = 0
    answers_5xx: int = 0
    failed: int = 0
    retries: int = 0
    answer_ms: int = 0
    check: str = ""
    since_s: int = 0


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """All of them. ``old_workers`` still end the requests that they had when HAProxy was reloaded: what those have in
    flight on a server counts as that server's, and servers that only an old worker has are there too."""

    loads: tuple[Load, ...] = ()
    old_workers: int = 0
