"""The steps of a deploy on machines. The order of the steps is the guarantee: a copy that takes requests is told to
drain, and every gateway says that none is left, before it is stopped; a new one answers before it gets any."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from flotilla.domain.fleet import Service
from flotilla.domain.handed import GatewayFile, HostFile
from flotilla.domain.report import State
from flotilla.domain.secret import Secret
from flotilla.domain.status import StatusDocument
from flotilla.errors import ChecksFailed, NotInTime, OperatorError
from flotilla.operator import containers, files, gateways, images, rotation, secrets
from flotilla.operator.commands import everywhere, succeed
from flotilla.operator.deploy import checks, probe
from flotilla.operator.deploy.facts import Facts, look_at_host
from flotilla.operator.deploy.facts import images as known_images
from flotilla.operator.deploy.plan import HostPlan, Plan, ServicePlan, digests
from flotilla.operator.world import World
from flotilla.rollout import container_name, copy_argv, image_reference
from flotilla.rollout.layout import CERTIFICATES_FOLDER, USER

TOLD_S = 30.0
DRAIN_MARGIN_S = 10.0


async def bring_images(world: World, facts: Facts, hosts: Sequence[HostPlan]) -> None:
    """Images, where they are missing; nothing else is touched. What a registry gave is checked now."""

    async def bring(address: str) -> None:
        for image in lacking[address]:
            if world.fleet.registry is not None and image not in facts.here:
                await images.pull(world, address, world.fleet.registry, facts.password, image)
            else:
                await images.send(world, address, image)
        there = await known_images(world.at(address), world.fleet)
        found = [
            f"{address}: {problem}"
            for service in world.fleet.services
            for problem in checks.root(service, there.get(image_reference(world.fleet, service)))
        ]
        if found:
            raise ChecksFailed(found)

    lacking = {host.address: host.images for host in hosts if host.images}
    await everywhere(lacking, bring)


async def tell_gateways(world: World, facts: Facts, file: GatewayFile) -> None:
    """Installs certificates and the gateways' file, and waits until each serves by it."""

    async def tell(gateway: str) -> None:
        machine = world.at(gateway)
        for name, content in facts.certificates.items():
            await machine.put(f"{CERTIFICATES_FOLDER}/{name}", content, mode=0o440, owner=f"0:{USER}")
        await files.write_gateway_file(machine, file)

    await everywhere(world.fleet.gateways, tell)
    world.say("", f"the gateways are told of generation {file.generation}")
    _, lacking = await gateways.all_say(world, TOLD_S, lambda document: _not_served(document, file.generation))
    if lacking:
        raise NotInTime(f"not every gateway serves by generation {file.generation}\n{gateways.told(lacking)}")


def _not_served(document: StatusDocument, generation: int) -> str | None:
    if document.refusal is not None and document.refusal.generation == generation:
        return f"HAProxy refuses the configuration: {document.refusal.words}"
    if document.generation != generation:
        return f"serves by generation {document.generation}" + (
            f": {document.file_problem}" if document.file_problem else ""
        )
    return None if document.proxy.converged else f"HAProxy does not run it yet: {document.proxy.problem or 'it will'}"


async def change_host(world: World, facts: Facts, plan: Plan, host: HostPlan) -> None:
    """All of one host. Raises where it stops; what is changed then stays out of rotation."""
    if not host.changes:
        return
    machine, services = world.at(host.address), {service.name: service for service in world.fleet.services}
    before = facts.hosts[host.address].file
    if host.drains and before is not None:
        await files.write_host_file(machine, _draining(before, host.drains))
        await wait_until_drained(world, host, before)
    if host.touched:
        await files.write_host_file(machine, _meanwhile(host, before))
        for part in host.services:
            await _start(world, facts, plan, host.address, part, services.get(part.service))
        await wait_until_they_answer(world, facts, host, services)
    await files.write_host_file(machine, host.file)
    if host.file.drain:
        world.say(host.address, "is drained: its copies wait for flotilla undrain")
        return
    serving = {service.name for service in host.file.services if not service.held} & set(host.touched)
    await rotation.wait_until_in(world, host.address, [services[name] for name in sorted(serving)])
    world.say(host.address, f"serves generation {plan.generation}")


def _meanwhile(host: HostPlan, before: HostFile | None) -> HostFile:
    """What the host is told while its copies change: services that change are out of rotation, but those that grow stay
    as they were, because new copies beyond those that are told of get no requests."""
    grows = {plan.service for plan in host.services if plan.grows}
    old = {service.name: service for service in before.services} if before is not None else {}
    file = _draining(host.file, [name for name in host.touched if name not in grows])
    services = tuple(old[service.name] if service.name in grows else service for service in file.services)
    return msgspec.structs.replace(file, services=services)


def _draining(file: HostFile, names: Sequence[str]) -> HostFile:
    services = tuple(
        msgspec.structs.replace(service, state=State.DRAIN) if service.name in names else service
        for service in file.services
    )
    return msgspec.structs.replace(file, services=services)


async def wait_until_drained(world: World, host: HostPlan, before: HostFile) -> None:
    """Until every gateway says that no request of the services is left on the host."""
    world.say(host.address, f"drains {', '.join(host.drains)}")
    patience = max((service.drain_s for service in world.fleet.services if service.name in host.drains), default=30.0)
    await rotation.wait_until_out(world, host.address, host.drains, patience + DRAIN_MARGIN_S)


async def _start(
    world: World, facts: Facts, plan: Plan, address: str, part: ServicePlan, service: Service | None
) -> None:
    """Stops what goes, and starts what comes."""
    machine = world.at(address)
    stop_s = service.drain_s if service is not None else containers.STOP_S
    await asyncio.gather(*(containers.remove(machine, name, stop_s=stop_s) for name in (*part.replaced, *part.removed)))
    if service is None or not part.start:
        return
    known: Mapping[str, Secret] = facts.secrets.get(service.name, {})
    there = await look_at_host(machine, world.fleet)
    image = there.images.get(image_reference(world.fleet, service))
    if image is None:
        raise OperatorError(f"{address}: has no image {image_reference(world.fleet, service)} any more")
    digest = digests(world.fleet, facts, there)[service.name]
    await secrets.write(machine, service.name, known)
    world.say(address, f"starts {len(part.start)} copies of {service.name} {service.version}")
    for index in part.start:
        argv = copy_argv(world.fleet, service, index, address, image.id, digest, plan.generation)
        await succeed(machine, argv, deadline_s=120)


async def wait_until_they_answer(world: World, facts: Facts, host: HostPlan, services: Mapping[str, Service]) -> None:
    """Waits until each new copy of a host answers, and each that comes back."""
    new = [
        (services[part.service], index)
        for part in host.services
        for index in (*part.start, *(part.keep if part.returns else ()))
    ]
    results = await asyncio.gather(
        *(
            probe.check(
                world, host.address, service, index, container_name(world.fleet, service, index),
                facts.secrets.get(service.name, {}),
            )
            for service, index in new
        ),
        return_exceptions=True,
    )  # fmt: skip
    for result in results:
        if isinstance(result, BaseException):
            raise result
    if new:
        world.say(host.address, f"{len(new)} copies answer")
