"""``drain`` and ``undrain``: a host, or one service on it, gets no requests, or gets them again. Told to the host's
agent by its file; done when every gateway says so."""

from __future__ import annotations

import msgspec

from flotilla.domain.handed import HostFile
from flotilla.domain.report import State
from flotilla.errors import Refused
from flotilla.operator import files, rotation, targets
from flotilla.operator.world import World

MARGIN_S = 10.0
DRAIN_S = 30.0


class Drained(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: ``services`` are those that are drained, or serve again; ``changed`` is false where it was so."""

    host: str
    services: tuple[str, ...]
    changed: bool


async def drain(world: World, host: str, service: str | None = None) -> Drained:
    """Waits until no gateway has a request left on the host, or on the service's copies there."""
    before = await _told(world, host, service)
    file = with_drain(before, service, True)
    names = _names(before, service)
    if file != before:
        await files.write_host_file(world.at(host), file)
    world.say(host, f"drains {service or 'all services'}")
    patience = max((one.drain_s for one in world.fleet.services if one.name in names), default=DRAIN_S)
    await rotation.wait_until_out(world, host, names, patience + MARGIN_S)
    world.say(host, "no request is left")
    return Drained(host=host, services=names, changed=file != before)


async def undrain(world: World, host: str, service: str | None = None) -> Drained:
    """Waits until every gateway has the copies in rotation again."""
    before = await _told(world, host, service)
    file = with_drain(before, service, False)
    names = _names(before, service)
    if file.drain:
        raise Refused(f"{host}: is drained as a whole: flotilla undrain {host}")
    if file != before:
        await files.write_host_file(world.at(host), file)
    world.say(host, f"{service or 'all services'} may get requests again")
    serving = {one.name for one in file.services if one.state != State.DRAIN}
    await rotation.wait_until_in(
        world, host, [one for one in world.fleet.services if one.name in names and one.name in serving]
    )
    world.say(host, "is in rotation")
    return Drained(host=host, services=names, changed=file != before)


def with_drain(file: HostFile, service: str | None, drained: bool) -> HostFile:
    """The file with a service, or all of the host, drained or not. To undrain the host undrains its services too."""
    state = State.DRAIN if drained else State.READY
    if service is None and drained:
        return msgspec.structs.replace(file, drain=True)
    services = tuple(
        msgspec.structs.replace(one, state=state, held=drained) if service in (None, one.name) else one
        for one in file.services
    )
    return msgspec.structs.replace(file, services=services, drain=file.drain and service is not None)


def _names(file: HostFile, service: str | None) -> tuple[str, ...]:
    return tuple(one.name for one in file.services) if service is None else (service,)


async def _told(world: World, host: str, service: str | None) -> HostFile:
    targets.check(world.fleet, host)
    file = await files.read_host_file(world.at(host))
    if file is None:
        raise Refused(f"{host}: is not provisioned: flotilla provision")
    names = [one.name for one in file.services]
    if service is not None and service not in names:
        raise Refused(f"{host}: has no service {service}; it has {', '.join(names) or 'none'}")
    return file
