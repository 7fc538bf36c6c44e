"""What is there before a deploy: on each host and each gateway, and on the operator's own machine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from flotilla.domain.fleet import Fleet
from flotilla.domain.handed import GatewayFile, HostFile
from flotilla.domain.secret import Secret
from flotilla.domain.status import StatusDocument
from flotilla.errors import FlotillaError
from flotilla.operator import containers, files, gateways, releases, secrets
from flotilla.operator.commands import failed
from flotilla.operator.world import World
from flotilla.remote import Machine, Workshop
from flotilla.rollout import image_reference

INSPECT = ("docker", "image", "inspect", "--format", "{{.Id}} {{.Config.User}}")
LISTENING = ("cat", "/proc/net/tcp", "/proc/net/tcp6")


class Image(msgspec.Struct, frozen=True):
    """An image on a machine: its id, and the user that it runs as by itself."""

    id: str
    user: str


class HostFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One host: what it was told last, its containers by name, its images by reference, the ports that are taken."""

    file: HostFile | None = None
    containers: Mapping[str, containers.Container] = {}
    images: Mapping[str, Image] = {}
    taken: frozenset[int] = frozenset()


class GatewayFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway: what it was told last, and what it says, or why it says nothing."""

    file: GatewayFile | None = None
    status: StatusDocument | str = ""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. ``away`` says of machines why they cannot be worked on, ``here`` has the images of the operator's own
    machine, ``unreadable`` says what cannot be read there."""

    hosts: Mapping[str, HostFacts]
    gateways: Mapping[str, GatewayFacts]
    away: Mapping[str, str]
    here: Mapping[str, Image]
    secrets: Mapping[str, Mapping[str, Secret]]
    unreadable: Sequence[str]
    password: Secret | None = None
    certificates: Mapping[str, bytes] = {}
    releases: tuple[releases.Release, ...] = ()


async def look(world: World, hosts: Sequence[str]) -> Facts:
    """Looks at everything at once. A machine that cannot be reached is a fact too."""
    fleet = world.fleet
    found = dict[str, HostFacts]()
    front = dict[str, GatewayFacts]()
    away: dict[str, str] = {}

    async def host(address: str) -> None:
        try:
            found[address] = await look_at_host(world.at(address), fleet)
        except FlotillaError as error:
            away[address] = str(error)

    async def gateway(address: str) -> None:
        try:
            file = await files.read_gateway_file(world.at(address))
            front[address] = GatewayFacts(file=file, status=await gateways.status(world, address))
        except FlotillaError as error:
            away[address] = str(error)

    await asyncio.gather(*map(host, hosts), *map(gateway, fleet.gateways))
    known, unreadable = await secrets.read_all(world, fleet.services)
    password, problem = await _password(world)
    certificates, problems = _certificates(fleet)
    past: tuple[releases.Release, ...] = ()
    if fleet.gateways[0] not in away:
        try:
            past = await releases.read(world)
        except FlotillaError as error:
            away[fleet.gateways[0]] = str(error)
    return Facts(
        hosts={address: found[address] for address in hosts if address in found},
        gateways={address: front[address] for address in fleet.gateways if address in front},
        away=away,
        here=await _here(world.workshop, fleet),
        secrets=known,
        unreadable=(*unreadable, *problem, *problems),
        password=password,
        certificates=certificates,
        releases=past,
    )


async def look_at_host(machine: Machine, fleet: Fleet) -> HostFacts:
    """One host's facts."""
    return HostFacts(
        file=await files.read_host_file(machine),
        containers=await containers.containers(machine),
        images=await images(machine, fleet),
        taken=read_listening((await machine.run(LISTENING)).out.decode()),
    )


async def images(machine: Machine, fleet: Fleet) -> dict[str, Image]:
    """The services' images that the machine has."""
    found = {}
    for reference in references(fleet):
        done = await machine.run((*INSPECT, reference))
        if done.status == 0:
            found[reference] = _image(done.out)
        elif b"No such image" not in done.err:
            raise failed(machine.address, (*INSPECT, reference), done)
    return found


def references(fleet: Fleet) -> tuple[str, ...]:
    """The services' images, each once."""
    return tuple(dict.fromkeys(image_reference(fleet, service) for service in fleet.services))


def read_listening(out: str) -> frozenset[int]:
    """The ports that somebody listens on, from ``/proc/net/tcp`` and ``tcp6`` (state 0A)."""
    ports = set()
    for line in out.splitlines():
        fields = line.split()
        if len(fields) > 3 and fields[3] == "0A":
            ports.add(int(fields[1].rpartition(":")[2], 16))
    return frozenset(ports)


async def _here(workshop: Workshop, fleet: Fleet) -> dict[str, Image]:
    found = {}
    for reference in references(fleet):
        done = await workshop.run((*INSPECT, reference))
        if done.status == 0:
            found[reference] = _image(done.out)
    return found


def _image(out: bytes) -> Image:
    identity, _, user = out.decode().strip().partition(" ")
    return Image(identity, user)


async def _password(world: World) -> tuple[Secret | None, tuple[str, ...]]:
    registry = world.fleet.registry
    if registry is None or registry.password is None:
        return None, ()
    try:
        return await secrets.read(world.workshop, world.fleet.folder, registry.password), ()
    except secrets.SecretUnreadable as error:
        return None, (f"registry.password: {error}",)


def _certificates(fleet: Fleet) -> tuple[dict[str, bytes], list[str]]:
    found, problems = {}, []
    for path in fleet.listen.certificates:
        try:
            found[path.name] = (fleet.folder / path.expanduser()).read_bytes()
        except OSError as error:
            problems.append(f"listen.certificates: {path} cannot be read: {error.strerror}")
    return found, problems
