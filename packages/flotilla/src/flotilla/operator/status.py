"""``status``: one screen of the fleet. Who is there, what runs where, how much there is to do, and what differs from
the file. Looks at everything at once; what cannot be looked at is a line of it, not an error."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from flotilla.domain.fleet import Fleet, Service
from flotilla.domain.handed import HostFile, handed_hash
from flotilla.domain.member import Role
from flotilla.domain.report import State
from flotilla.domain.service_id import same_version
from flotilla.domain.status import MemberStatus, StatusDocument
from flotilla.errors import FlotillaError
from flotilla.operator import files, gateways
from flotilla.operator.containers import Container, containers
from flotilla.operator.rotation import in_rotation
from flotilla.operator.world import World
from flotilla.rollout import gateway_file


class GatewayLine(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway: ``state`` is ``serves`` or why it does not; ``rate`` requests a second of all services."""

    address: str
    state: str
    generation: int | None = None
    rate: int = 0


class HostLine(msgspec.Struct, frozen=True, kw_only=True):
    """A host: ``member`` is Serf's word, ``in_file`` false where it joined by itself, ``drift`` what differs."""

    address: str
    member: str
    in_file: bool
    drained: bool = False
    generation: int | None = None
    drift: tuple[str, ...] = ()


class ServiceLine(msgspec.Struct, frozen=True, kw_only=True):
    """A service: copies by version as the hosts tell, those in rotation of those wanted, and its load."""

    name: str
    wanted_version: str
    versions: Mapping[str, int]
    ready: int
    wanted: int
    sessions: int = 0
    queue: int = 0
    rate: int = 0


class FleetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; ``warnings`` are what somebody should look at."""

    fleet: str
    gateways: tuple[GatewayLine, ...]
    hosts: tuple[HostLine, ...]
    services: tuple[ServiceLine, ...]
    warnings: tuple[str, ...]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a host was told, and its containers; or why nobody knows."""

    file: HostFile | None = None
    containers: Mapping[str, Container] = {}
    why: str = ""


async def status(world: World) -> FleetStatus:
    """Looks, and puts it together."""
    fleet = world.fleet

    async def gateway(address: str) -> StatusDocument | str:
        try:
            return await gateways.status(world, address)
        except FlotillaError as error:
            return str(error).removeprefix(f"{address}: ")

    async def host(address: str) -> Told:
        machine = world.at(address)
        try:
            return Told(file=await files.read_host_file(machine), containers=await containers(machine))
        except FlotillaError as error:
            return Told(why=str(error).removeprefix(f"{address}: "))

    documents, told = await asyncio.gather(
        asyncio.gather(*map(gateway, fleet.gateways)), asyncio.gather(*map(host, fleet.hosts))
    )
    return put_together(
        fleet, dict(zip(fleet.gateways, documents, strict=True)), dict(zip(fleet.hosts, told, strict=True))
    )


def put_together(fleet: Fleet, documents: Mapping[str, StatusDocument | str], told: Mapping[str, Told]) -> FleetStatus:
    """The screen as a value. What hosts say is taken from the first gateway that answers."""
    answering = [document for document in documents.values() if not isinstance(document, str)]
    members = {one.address: one for one in (answering[0].members if answering else ()) if one.role == Role.HOST}
    others = sorted(set(members) - set(fleet.hosts))
    hosts = tuple(_host(fleet, address, members.get(address), told.get(address)) for address in (*fleet.hosts, *others))
    warnings = [f"gateway {address}: {one}" for address, one in documents.items() if isinstance(one, str)]
    for address, one in documents.items():
        if not isinstance(one, str):
            warnings += [f"gateway {address}: {warning}" for warning in one.warnings]
            warnings += [f"gateway {address}: is told otherwise than the file says: flotilla deploy"] * _differs(
                fleet, one
            )
    return FleetStatus(
        fleet=fleet.name,
        gateways=tuple(_gateway(address, one) for address, one in documents.items()),
        hosts=hosts,
        services=tuple(_service(fleet, service, answering, members) for service in fleet.services),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _differs(fleet: Fleet, document: StatusDocument) -> bool:
    if document.generation is None:
        return True
    return document.hash != handed_hash(gateway_file(fleet, document.generation))


def _gateway(address: str, document: StatusDocument | str) -> GatewayLine:
    if isinstance(document, str):
        return GatewayLine(address=address, state=document)
    state = (
        "serves" if document.proxy.answers else f"HAProxy does not answer: {document.proxy.problem or 'why is unknown'}"
    )
    rate = sum(one.rate for one in document.services)
    return GatewayLine(address=address, state=state, generation=document.generation, rate=rate)


def _host(fleet: Fleet, address: str, member: MemberStatus | None, told: Told | None) -> HostLine:
    drift = []
    if told is not None and told.why:
        drift.append(told.why)
    if member is not None and member.problem:
        drift.append(member.problem)
    file = told.file if told is not None else None
    if told is not None and not told.why:
        drift += _drift(fleet, told)
    if file is not None:
        drift += [
            f"{one.name}: out of rotation, a deploy is under way or did not end"
            for one in file.services
            if one.state == State.DRAIN and not one.held
        ]
    drained = file is not None and (file.drain or any(one.held for one in file.services))
    return HostLine(
        address=address,
        member=member.status if member is not None else "no member",
        in_file=address in fleet.hosts,
        drained=drained,
        generation=member.generation if member is not None else None,
        drift=tuple(drift),
    )


def _drift(fleet: Fleet, told: Told) -> list[str]:
    """How a host differs from the file, in versions and numbers of copies that run."""
    found = []
    for service in fleet.services:
        running = [
            one
            for one in told.containers.values()
            if one.labels.get("flotilla.service") == service.name
            and one.labels.get("flotilla.fleet") == fleet.name
            and one.state == "running"
        ]
        old = {one.labels.get("flotilla.version", "?") for one in running} - {service.version}
        if len(running) != service.copies:
            found.append(f"{service.name}: {len(running)} of {service.copies} copies run")
        if old:
            found.append(f"{service.name}: runs {', '.join(sorted(old))}, the file says {service.version}")
    return found


def _service(
    fleet: Fleet, service: Service, documents: list[StatusDocument], members: Mapping[str, MemberStatus]
) -> ServiceLine:
    versions: dict[str, int] = {}
    for member in members.values():
        for one in member.services:
            if one.name == service.name and one.ready:
                version = service.version if same_version(one.version, service.version) else one.version
                versions[version] = versions.get(version, 0) + len(one.ready)
    servers = [one for one in (documents[0].servers if documents else ()) if one.service == service.name]
    loads = [one.load for document in documents for one in document.servers if one.service == service.name and one.load]
    return ServiceLine(
        name=service.name,
        wanted_version=service.version,
        versions=versions,
        ready=sum(in_rotation(server) for server in servers),
        wanted=service.copies * len(fleet.hosts),
        sessions=sum(load.sessions for load in loads),
        queue=sum(load.queue for load in loads),
        rate=sum(load.rate for load in loads),
    )
