"""What a deploy has to do, as a value: the fleet file and the facts in, nothing touched.

A copy that runs with the digest that it should have is kept; any other is started anew. A host whose copies are
replaced is drained first, so it takes its turn; hosts that have nothing to lose go first, and all at once.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from flotilla.domain.fleet import Fleet, Service
from flotilla.domain.handed import GatewayFile, HostFile
from flotilla.domain.report import State
from flotilla.domain.status import StatusDocument
from flotilla.operator import secrets
from flotilla.operator.deploy.facts import Facts, HostFacts
from flotilla.operator.releases import next_generation
from flotilla.rollout import container_name, copy_digest, gateway_file, host_file, image_reference


class ServicePlan(msgspec.Struct, frozen=True, kw_only=True):
    """One service on one host: which copies are kept, which are started, of these which in the place of another
    container, and which containers go for good. ``generation`` is that of the copies afterwards, None where it is this
    deploy's; ``before`` a version that is replaced. ``returns``: an earlier deploy left it out of rotation, so
    kept copies have to answer too before they get requests. ``grows``: copies are only added beyond those that serve,
    so these go on."""

    service: str
    keep: tuple[int, ...] = ()
    start: tuple[int, ...] = ()
    replaced: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    generation: int | None = None
    before: str = ""
    returns: bool = False
    grows: bool = False

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.start or self.replaced or self.removed)


class HostPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One host. ``file`` is what it is told in the end, ``images`` what it lacks, ``drains`` the services that have
    copies which take requests now and will not be kept."""

    address: str
    services: tuple[ServicePlan, ...]
    file: HostFile
    tells: bool
    images: tuple[str, ...] = ()
    drains: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return self.tells or any(service.changes for service in self.services)

    @property
    def touched(self) -> tuple[str, ...]:
        """The services of which copies are started or removed, or come back into rotation."""
        return tuple(plan.service for plan in self.services if plan.changes or plan.returns)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The whole. ``gateway`` is what gateways are told in the end, None where they know it; ``first`` what they are
    told before the hosts change: the same with the services that go."""

    generation: int
    first: GatewayFile | None
    gateway: GatewayFile | None
    hosts: tuple[HostPlan, ...]
    warnings: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return self.gateway is not None or any(host.changes for host in self.hosts)

    def lines(self) -> list[str]:
        """The plan for people, a line each."""
        if not self.changes:
            return ["nothing to do: all is as the fleet file says"]
        words = [f"generation {self.generation}"]
        if self.gateway is not None:
            words.append("the gateways are told first" if self.first == self.gateway else "the gateways are told")
        for host in self.hosts:
            words += [f"{host.address}: {line}" for line in _host_lines(host)]
        return [*words, *(f"warning: {warning}" for warning in self.warnings)]


def plan(fleet: Fleet, facts: Facts, *, named: bool = False) -> Plan:
    """What has to be done on the hosts that there are facts of. ``named``: the deploy is about some hosts alone, so
    gateways that know all of the file keep their generation."""
    told = {gateway: facts.gateways[gateway].file for gateway in facts.gateways}
    generations = [file.generation for file in told.values() if file is not None]
    current = max(generations, default=0)
    known = current > 0 and all(file == gateway_file(fleet, current) for file in told.values())
    if known:
        hosts = tuple(_host(fleet, facts, address, current) for address in facts.hosts)
        if named or not any(host.changes for host in hosts):
            return Plan(generation=current, first=None, gateway=None, hosts=hosts, warnings=_warnings(facts, hosts))
    generation = _next(facts, generations)
    hosts = tuple(_host(fleet, facts, address, generation) for address in facts.hosts)
    final = gateway_file(fleet, generation)
    names = {service.name for service in fleet.services}
    going = {
        service.name: service
        for file in told.values()
        if file is not None
        for service in file.services
        if service.name not in names
    }
    first = msgspec.structs.replace(final, services=(*final.services, *going.values()))
    return Plan(generation=generation, first=first, gateway=final, hosts=hosts, warnings=_warnings(facts, hosts))


def digests(fleet: Fleet, facts: Facts, host: HostFacts) -> Mapping[str, str]:
    """The digest that each service's copies should have on a host, where it has the image."""
    wanted = {}
    for service in fleet.services:
        image = host.images.get(image_reference(fleet, service))
        known = secrets.digests(facts.secrets.get(service.name, {}))
        if image is not None and set(known) >= set(service.secrets):
            wanted[service.name] = copy_digest(service, image.id, known)
    return wanted


def _next(facts: Facts, generations: list[int]) -> int:
    files = [host.file for host in facts.hosts.values() if host.file is not None]
    return next_generation(facts.releases, [*generations, *(file.generation for file in files)])


def _host(fleet: Fleet, facts: Facts, address: str, generation: int) -> HostPlan:
    host = facts.hosts[address]
    wanted = digests(fleet, facts, host)
    services = [_service(fleet, service, host, wanted.get(service.name)) for service in fleet.services]
    services += _going(fleet, host)
    kept = {plan.service: plan.generation for plan in services if plan.generation is not None}
    file = _holding(host_file(fleet, generation, generations=kept), host.file)
    taking = {service.name for service in host.file.services} if host.file else set()
    images = (image_reference(fleet, service) for service in fleet.services)
    return HostPlan(
        address=address,
        services=tuple(services),
        file=file,
        tells=file != host.file,
        images=tuple(image for image in dict.fromkeys(images) if image not in host.images),
        drains=tuple(plan.service for plan in services if plan.service in taking and _takes_requests(host, plan)),
    )


def _service(fleet: Fleet, service: Service, host: HostFacts, digest: str | None) -> ServicePlan:
    keep, start, replaced, before = [], [], [], ""
    generations = set()
    for index in range(service.copies):
        there = host.containers.get(container_name(fleet, service, index))
        if there is None:
            start.append(index)
        elif digest is not None and there.state == "running" and there.labels.get("flotilla.digest") == digest:
            keep.append(index)
            generations.add(int(there.labels.get("flotilla.generation", "0")))
        else:
            start.append(index)
            replaced.append(there.name)
            before = there.labels.get("flotilla.version", "")
    wanted = {container_name(fleet, service, index) for index in range(service.copies)}
    removed = _ours(fleet, host, service.name, wanted)
    told = next((one for one in host.file.services if one.name == service.name), None) if host.file else None
    returns = told is not None and told.state == State.DRAIN and not told.held
    beyond = told is not None and min(start, default=0) >= told.copies
    return ServicePlan(
        service=service.name,
        keep=tuple(keep),
        start=tuple(start),
        replaced=tuple(replaced),
        removed=tuple(removed),
        generation=max(generations) if keep and not start else None,
        before=before,
        returns=returns,
        grows=bool(keep and start and beyond and not replaced and not removed and not returns),
    )


def _going(fleet: Fleet, host: HostFacts) -> list[ServicePlan]:
    """The services that are in the file no more."""
    names = {service.name for service in fleet.services}
    gone = sorted(
        {
            one.labels.get("flotilla.service", "")
            for one in host.containers.values()
            if one.labels.get("flotilla.fleet") == fleet.name
        }
        - names
        - {""}
    )
    return [ServicePlan(service=name, removed=tuple(_ours(fleet, host, name, set()))) for name in gone]


def _ours(fleet: Fleet, host: HostFacts, service: str, wanted: set[str]) -> list[str]:
    return sorted(
        one.name
        for one in host.containers.values()
        if one.labels.get("flotilla.fleet") == fleet.name
        and one.labels.get("flotilla.service") == service
        and one.name not in wanted
    )


def _holding(file: HostFile, before: HostFile | None) -> HostFile:
    """The file with what people have drained."""
    if before is None:
        return file
    held = {service.name for service in before.services if service.held}
    services = tuple(
        msgspec.structs.replace(service, state=State.DRAIN, held=True) if service.name in held else service
        for service in file.services
    )
    return msgspec.structs.replace(file, drain=before.drain, services=services)


def _takes_requests(host: HostFacts, plan: ServicePlan) -> bool:
    """Whether copies that may have requests are stopped, or wait for new ones among them that were not asked yet."""
    stopped = any(host.containers[name].state == "running" for name in (*plan.replaced, *plan.removed))
    return stopped or bool(plan.keep and plan.start and not plan.grows and not plan.returns)


def _warnings(facts: Facts, hosts: tuple[HostPlan, ...]) -> tuple[str, ...]:
    """Services that nobody answers for while a host is drained, as the gateways see it."""
    serving: dict[str, set[str]] = {}
    for gateway in facts.gateways.values():
        for server in gateway.status.servers if isinstance(gateway.status, StatusDocument) else ():
            if server.wanted is not None:
                serving.setdefault(server.service, set()).add(server.address)
    return tuple(
        f"{host.address} alone answers for {service}: nobody does while its copies are replaced"
        for host in hosts
        for service in host.drains
        if serving.get(service) == {host.address}
    )


def _host_lines(host: HostPlan) -> list[str]:
    lines = []
    for plan in host.services:
        parts = []
        fresh = len(plan.start) - len(plan.replaced)
        if plan.keep:
            parts.append(f"{len(plan.keep)} kept")
        if fresh:
            parts.append(f"{fresh} started")
        if plan.replaced:
            parts.append(f"{len(plan.replaced)} replaced" + (f" (were {plan.before})" if plan.before else ""))
        if plan.removed:
            parts.append(f"{len(plan.removed)} removed")
        if plan.returns and plan.keep:
            parts.append("back into rotation")
        lines.append(f"{plan.service}: copies: {', '.join(parts)}")
    if not host.changes:
        return ["nothing to do"]
    return [*(f"lacks the image {image}" for image in host.images), *lines]
