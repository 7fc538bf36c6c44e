"""What a gateway tells of itself and of the fleet: the document behind ``/status``, ``/status.json`` and
``flotilla status``. Times are unix seconds, durations seconds or milliseconds as their names say."""

from __future__ import annotations

import msgspec

from flotilla.domain.load import Load


class ServiceOnMember(msgspec.Struct, frozen=True, kw_only=True):
    """What a host says of one service: ``ready`` are the indices of its healthy copies."""

    name: str
    version: str
    generation: int
    state: str
    ready: tuple[int, ...]


class MemberStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One member. ``problem`` says in words why it, or its last report, has no effect."""

    name: str
    address: str
    role: str
    status: str
    problem: str | None = None
    seen_s: float = 0.0
    generation: int | None = None
    serial: int | None = None
    services: tuple[ServiceOnMember, ...] = ()


class ServerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One copy as this gateway serves it. ``name`` is ``address:port``. ``wanted`` is the weight that it should have
    (None: it should not be in rotation), ``load`` what HAProxy counts (None: HAProxy does not have it). One that is not
    wanted and has nothing left is not told of."""

    service: str
    name: str
    address: str
    wanted: int | None = None
    load: Load | None = None

    @property
    def drained(self) -> bool:
        """No request is left, and none will come."""
        if self.wanted is not None or self.load is None:
            return self.wanted is None
        return self.load.status.startswith(("MAINT", "DRAIN", "GONE")) and self.load.sessions + self.load.queue == 0


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """Requests within ``span_s`` seconds, how many of them were answered 5xx, how many connections or answers failed
    (most of them were asked again of another copy), and how many were asked again. Reloads of HAProxy do not
    reset it."""

    span_s: float = 0.0
    requests: int = 0
    answers_5xx: int = 0
    failed: int = 0
    retries: int = 0


class ServiceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One service of the gateway's file. ``up`` of ``servers`` take requests; ``sessions`` are in flight, ``queue``
    wait, ``rate`` came in the last second; ``recent`` is of the last minute, ``total`` since the program began."""

    name: str
    version: str
    route: str
    servers: int
    up: int
    sessions: int = 0
    queue: int = 0
    rate: int = 0
    answer_ms: int = 0
    recent: Traffic = Traffic()
    total: Traffic = Traffic()


class GossipStatus(msgspec.Struct, frozen=True, kw_only=True):
    """``answered_s`` ago Serf told the members (None: not yet). ``missing`` are addresses of the gateway's file that
    nobody has seen."""

    answered_s: float | None
    problem: str | None
    hosts_alive: int
    hosts_failed: int
    missing: tuple[str, ...] = ()


class ProxyStatus(msgspec.Struct, frozen=True, kw_only=True):
    """HAProxy: ``converged`` is whether it ran all that it should in the last round, ``installed`` whether the file on
    disk says the same."""

    answers: bool
    problem: str | None
    worker: str
    converged: bool
    installed: bool
    old_workers: int = 0


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """HAProxy refuses the configuration of generation ``generation``, since ``since_s``; ``words`` are its own."""

    generation: int
    since_s: float
    times: int
    words: str


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the gateway did: when, what of which kind, and why."""

    at_s: float
    kind: str
    what: str
    why: str = ""


class StatusDocument(msgspec.Struct, frozen=True, kw_only=True):
    """All that a gateway tells. ``generation`` and ``hash`` are those of the file that it serves by, ``warnings`` what
    a person should look at, the worst first, ``done`` what it did lately, the last first."""

    now_s: float
    program: str
    fleet: str
    address: str
    generation: int | None
    hash: str | None
    offered_generation: int | None
    offered_hash: str | None
    file_problem: str | None
    warnings: tuple[str, ...]
    gossip: GossipStatus
    proxy: ProxyStatus
    refusal: Refusal | None
    services: tuple[ServiceStatus, ...]
    members: tuple[MemberStatus, ...]
    servers: tuple[ServerStatus, ...]
    done: tuple[Done, ...]


def encode_status(document: StatusDocument) -> bytes:
    """As JSON."""
    return msgspec.json.encode(document)


def decode_status(data: bytes) -> StatusDocument:
    """Reads what `encode_status` wrote, of a later gateway too. Raises `msgspec.DecodeError` where it is not such."""
    return msgspec.json.decode(data, type=StatusDocument)
