"""What must be so before a deploy touches anything; all that is not is told at once."""

from __future__ import annotations

from flotilla.domain.fleet import Fleet, Service
from flotilla.operator.deploy.facts import Facts, HostFacts, Image
from flotilla.operator.deploy.plan import HostPlan, Plan
from flotilla.rollout import image_reference, runs_as_root
from flotilla.rollout.layout import AGENT


def problems(fleet: Fleet, facts: Facts, plan: Plan) -> list[str]:
    """A line for each problem, the machines first."""
    found = [*facts.away.values(), *facts.unreadable]
    for gateway, told in facts.gateways.items():
        if told.file is None:
            found.append(f"{gateway}: is not provisioned: flotilla provision")
        elif isinstance(told.status, str):
            found.append(f"{gateway}: {told.status}. flotilla provision starts what is missing")
    for host in plan.hosts:
        found += [f"{host.address}: {problem}" for problem in _host(fleet, facts, facts.hosts[host.address], host)]
    return list(dict.fromkeys(found))


def _host(fleet: Fleet, facts: Facts, there: HostFacts, host: HostPlan) -> list[str]:
    agent = there.containers.get(AGENT)
    if agent is None:
        return ["is not provisioned: flotilla provision"]
    found = [] if agent.state == "running" else [f"its agent is {agent.state}: flotilla provision starts it"]
    for image in host.images:
        if fleet.registry is None and image not in facts.here:
            found.append(
                f"has no image {image}, nor has this machine, and the fleet file names no registry: build it here"
            )
    for service in fleet.services:
        reference = image_reference(fleet, service)
        own = there.images.get(reference) or (None if fleet.registry else facts.here.get(reference))
        found += root(service, own)
    return found + _ports(fleet, there, host)


def root(service: Service, image: Image | None) -> list[str]:
    """That copies would be root, if they would."""
    if image is None or not runs_as_root(service, image.user):
        return []
    return [
        f"the image of {service.name} runs as root: give it a user (USER in its Dockerfile), or say so in the fleet "
        f"file (services.{service.name}.user)"
    ]


def _ports(fleet: Fleet, there: HostFacts, host: HostPlan) -> list[str]:
    """Ports that somebody else listens on. What our own running containers hold becomes free, or is kept."""
    ours = set()
    for service in there.file.services if there.file else ():
        ours |= set(range(service.first_port, service.first_port + service.copies))
    running = any("flotilla.service" in one.labels and one.state == "running" for one in there.containers.values())
    taken = there.taken - (ours if running else set())
    plans = {plan.service: plan for plan in host.services}
    wanted = {
        service.ports.first + index: service.name for service in fleet.services for index in plans[service.name].start
    }
    return [
        f"port {port} is taken, and {wanted[port]} wants it: ss -tlnp shows by whom"
        for port in sorted(taken & set(wanted))
    ]
