"""Waiting until every gateway has a host's copies in rotation, or has none of them any more and no request left."""

from __future__ import annotations

from collections.abc import Sequence

from flotilla.domain.fleet import Service
from flotilla.domain.member import Status
from flotilla.domain.report import State
from flotilla.domain.status import ServerStatus, StatusDocument
from flotilla.errors import NotInTime
from flotilla.operator import gateways
from flotilla.operator.world import World

IN_S = 30.0


def in_rotation(server: ServerStatus) -> bool:
    """Whether a gateway gives this copy requests."""
    up = server.load is not None and (server.load.status.startswith("UP") or server.load.status == "no check")
    return server.wanted is not None and up


def not_in(document: StatusDocument, address: str, service: Service) -> str | None:
    """Which copies of a service on a host a gateway does not have in rotation; None where it has all."""
    servers = [one for one in document.servers if one.service == service.name and one.address == address]
    count = sum(in_rotation(server) for server in servers)
    if count >= service.copies:
        return None
    member = next((one for one in document.members if one.address == address), None)
    why = f" ({member.problem})" if member is not None and member.problem else ""
    return f"has {count} of {service.copies} copies of {service.name} on {address} in rotation{why}"


def not_out(document: StatusDocument, address: str, names: Sequence[str]) -> str | None:
    """What is left of these services on a host; None where nothing is. A gateway that has not heard of the drain yet,
    or has not carried it out, has no say."""
    if document.gossip.answered_s is None:
        return "does not know the members yet"
    if document.proxy.answers and not document.proxy.converged:
        return "has not told HAProxy yet"
    member = next((one for one in document.members if one.address == address), None)
    if member is not None and member.status == Status.ALIVE:
        serving = [one.name for one in member.services if one.name in names and one.state != State.DRAIN]
        if serving:
            return f"has not heard yet that {', '.join(serving)} on {address} drains"
    left = [one for one in document.servers if one.address == address and one.service in names and not one.drained]
    if not left:
        return None
    requests = sum(one.load.sessions + one.load.queue for one in left if one.load is not None)
    wanted = sum(one.wanted is not None for one in left)
    if wanted:
        return f"still has {wanted} copies on {address} in rotation"
    return f"has {requests} requests left on {address}"


async def wait_until_in(world: World, address: str, services: Sequence[Service]) -> None:
    """Until every gateway has all copies of the services on the host in rotation. Raises `NotInTime`."""

    def missing(document: StatusDocument) -> str | None:
        words = [word for service in services if (word := not_in(document, address, service))]
        return "; ".join(words) or None

    if services:
        _, lacking = await gateways.all_say(world, IN_S, missing)
        if lacking:
            raise NotInTime(f"{address}: not in rotation after {IN_S:.0f} s\n{gateways.told(lacking)}")


async def wait_until_out(world: World, address: str, names: Sequence[str], seconds: float) -> None:
    """Until no gateway has a request of the services left on the host. Raises `NotInTime`."""
    _, lacking = await gateways.all_say(world, seconds, lambda document: not_out(document, address, names))
    if lacking:
        raise NotInTime(f"{address}: not drained after {seconds:.0f} s\n{gateways.told(lacking)}")
