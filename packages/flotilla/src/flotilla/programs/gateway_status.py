"""The status document, from what the loop knows and what HAProxy counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from flotilla.domain.handed import GatewayFile, GatewayService
from flotilla.domain.load import Load, Part, Statistics
from flotilla.domain.member import Role, Status
from flotilla.domain.status import (
    GossipStatus,
    MemberStatus,
    ProxyStatus,
    Refusal,
    ServerStatus,
    ServiceOnMember,
    ServiceStatus,
    StatusDocument,
)
from flotilla.gateway.known import KnownMember
from flotilla.gateway.servers import LAST_RESORT, OWN
from flotilla.programs.gateway_file import ABOUT as FILE
from flotilla.programs.gateway_follower import PROXY
from flotilla.programs.gateway_loop import GatewayLoop
from flotilla.programs.gateway_members import GOSSIP
from flotilla.programs.gateway_traffic import TrafficCounter
from flotilla.programs.gateway_warnings import warnings

NO_FLEET = "?"
OUT = ("MAINT", "DRAIN", "GONE")


def service_of(backend: str) -> str | None:
    """The service that a backend is of (the last resort is the service's own), None for the gateway's own."""
    return None if backend.startswith(OWN) else backend.removesuffix(LAST_RESORT)


def document(
    loop: GatewayLoop, statistics: Statistics | None, traffic: TrafficCounter, program: str, now_s: float
) -> StatusDocument:
    """All that the gateway tells. Without ``statistics`` HAProxy did not answer."""
    file, offer = loop.file.serving, loop.file.offer
    members = tuple(_member(member) for _, member in sorted(loop.members.known.members.items()))
    servers = tuple(_servers(loop, statistics or Statistics()))
    told = StatusDocument(
        now_s=now_s,
        program=program,
        fleet=file.fleet if file else NO_FLEET,
        address=loop.address,
        generation=file.generation if file else None,
        hash=loop.file.hash,
        offered_generation=offer.generation if offer else None,
        offered_hash=loop.file.offer_hash if offer else None,
        file_problem=_trouble(loop, FILE),
        warnings=(),
        gossip=_gossip(loop, file, members, now_s),
        proxy=_proxy(loop, statistics),
        refusal=_refusal(loop, file, offer),
        services=tuple(_service(one, servers, statistics, traffic) for one in (file.services if file else ())),
        members=members,
        servers=servers,
        done=loop.journal.done,
    )
    return msgspec.structs.replace(told, warnings=warnings(told, loop.journal.troubles))


def _trouble(loop: GatewayLoop, about: str) -> str | None:
    return loop.journal.troubles.get(about)


def _gossip(loop: GatewayLoop, file: GatewayFile | None, members: Iterable[MemberStatus], now_s: float) -> GossipStatus:
    hosts = [member for member in members if member.role == Role.HOST]
    answered_s = loop.members.answered_s
    return GossipStatus(
        answered_s=None if answered_s is None else max(0.0, now_s - answered_s),
        problem=_trouble(loop, GOSSIP),
        hosts_alive=sum(member.status == Status.ALIVE for member in hosts),
        hosts_failed=sum(member.status == Status.FAILED for member in hosts),
        missing=loop.members.missing(file) if file else (),
    )


def _proxy(loop: GatewayLoop, statistics: Statistics | None) -> ProxyStatus:
    return ProxyStatus(
        answers=loop.haproxy.worker is not None and statistics is not None,
        problem=_trouble(loop, PROXY),
        worker=f"HAProxy {loop.haproxy.worker.version}, pid {loop.haproxy.worker.pid}" if loop.haproxy.worker else "",
        converged=loop.haproxy.converged,
        installed=loop.wanted is not None and loop.wanted.text == loop.installer.installed,
        old_workers=statistics.old_workers if statistics else 0,
    )


def _refusal(loop: GatewayLoop, file: GatewayFile | None, offer: GatewayFile | None) -> Refusal | None:
    for refused, of in ((loop.installer.offers.refused, offer), (loop.installer.files.refused, file)):
        if refused and of:
            return Refusal(generation=of.generation, since_s=refused.since_s, times=refused.times, words=refused.words)
    return None


def _member(member: KnownMember) -> MemberStatus:
    report = member.report
    role = Role.GATEWAY if member.name.startswith(f"{Role.GATEWAY}-") else Role.HOST
    services = report.services if report else ()
    return MemberStatus(
        name=member.name,
        address=member.address,
        role=role,
        status=member.status,
        problem=member.problem,
        seen_s=member.seen_s,
        generation=report.generation if report else None,
        serial=report.serial if report else None,
        services=tuple(
            ServiceOnMember(
                name=one.name,
                version=one.version,
                generation=one.generation,
                state=one.state,
                ready=tuple(one.copies()),
            )
            for one in services
        ),
    )


def _servers(loop: GatewayLoop, statistics: Statistics) -> Iterable[ServerStatus]:
    """The servers in rotation, and those out of it that still have something to end."""
    counted = _by_server(statistics)
    for server in loop.servers:
        load = counted.pop((server.service, server.name), None)
        yield ServerStatus(
            service=server.service, name=server.name, address=server.address, wanted=server.weight, load=load
        )
    for (service, name), load in sorted(counted.items()):
        if load.sessions or load.queue or not load.status.startswith(OUT):
            yield ServerStatus(service=service, name=name, address=name.rpartition(":")[0], wanted=None, load=load)


def _by_server(statistics: Statistics) -> dict[tuple[str, str], Load]:
    """What each copy does, in its backend and in that of the last resort together."""
    counted: dict[tuple[str, str], Load] = {}
    for load in statistics.loads:
        service = service_of(load.backend) if load.part is Part.SERVER else None
        if service is not None:
            key = (service, load.name)
            other = counted.get(key)
            counted[key] = load if other is None else _together(other, load)
    return counted


def _together(one: Load, other: Load) -> Load:
    main, last = (other, one) if one.backend.endswith(LAST_RESORT) else (one, other)
    serves = main.status.startswith(OUT) and not last.status.startswith(OUT)
    return msgspec.structs.replace(
        main,
        status=last.status if serves else main.status,
        sessions=main.sessions + last.sessions,
        queue=main.queue + last.queue,
        rate=main.rate + last.rate,
        requests=main.requests + last.requests,
        answers_5xx=main.answers_5xx + last.answers_5xx,
        failed=main.failed + last.failed,
        retries=main.retries + last.retries,
        answer_ms=main.answer_ms or last.answer_ms,
    )


def _service(
    service: GatewayService, servers: Iterable[ServerStatus], statistics: Statistics | None, traffic: TrafficCounter
) -> ServiceStatus:
    mine = [one for one in servers if one.service == service.name and one.wanted is not None]
    loads = [
        load
        for load in (statistics.loads if statistics else ())
        if load.part is Part.BACKEND and service_of(load.backend) == service.name
    ]
    return ServiceStatus(
        name=service.name,
        version=service.version,
        route=f"{service.host or ''}{service.path}",
        servers=len(mine),
        up=sum(one.load is not None and one.load.status.startswith("UP") for one in mine),
        sessions=sum(load.sessions for load in loads),
        queue=sum(load.queue for load in loads),
        rate=sum(load.rate for load in loads),
        answer_ms=max((load.answer_ms for load in loads), default=0),
        recent=traffic.recent(service.name),
        total=traffic.total(service.name),
    )


def states(servers: Iterable[ServerStatus]) -> Mapping[str, int]:
    """How many servers are in which state, by HAProxy's first word for it."""
    counted: dict[str, int] = {}
    for server in servers:
        state = state_of(server)
        counted[state] = counted.get(state, 0) + 1
    return counted


def state_of(server: ServerStatus) -> str:
    """``up``, ``down``, ``out`` (of rotation, with requests left), or ``unknown`` while HAProxy does not have it."""
    if server.wanted is None:
        return "out"
    if server.load is None:
        return "unknown"
    return "up" if server.load.status.startswith("UP") else "down"
