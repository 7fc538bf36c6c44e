"""``provision``: from machines with sshd to a fleet whose agents know one another, and nothing deployed yet.

All machines at once, gateways' programs before the hosts'. What is already as it should be is left alone: doing it
again changes nothing. What it does not do yet: firewall, sshd's hardening, clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from flotilla.domain.member import Role, Status, member_name
from flotilla.domain.status import MemberStatus, StatusDocument
from flotilla.errors import NotInTime
from flotilla.images import Target, image_name
from flotilla.operator import containers, engine, files, gateways, keyring, targets
from flotilla.operator.commands import everywhere
from flotilla.operator.images import OwnImages
from flotilla.operator.world import World
from flotilla.rollout import agent_argv, gateway_argv, gateway_file, host_file, proxy_argv
from flotilla.rollout.layout import AGENT, GATEWAY

JOIN_S = 60.0


class Provisioned(msgspec.Struct, frozen=True, kw_only=True):
    """What was changed, by machine. Nothing anywhere: all was as it should be."""

    changed: Mapping[str, Sequence[str]]


async def provision(world: World, named: Sequence[str] = ()) -> Provisioned:
    """Provisions the fleet's machines, or only the hosts ``named``. Raises `RemoteError` or `RemoteErrors` where
    machines cannot be worked on, `NotInTime` where an agent does not become a member."""
    hosts = targets.hosts(world.fleet, named)
    own = () if named else world.fleet.gateways
    changed: dict[str, list[str]] = {address: [] for address in (*own, *hosts)}
    images = OwnImages(world)

    async def prepare(address: str) -> None:
        await _prepare(world, address, images, changed[address])

    async def start(address: str) -> None:
        await _start(world, address, changed[address])

    await everywhere(changed, prepare)
    await _share_keys(world, changed)
    await everywhere(own, start)
    await everywhere(hosts, start)
    for address, done in changed.items():
        world.say(address, ", ".join(done) if done else "nothing changed")
    await _wait_for_members(world, hosts)
    return Provisioned(changed=changed)


async def _prepare(world: World, address: str, images: OwnImages, changed: list[str]) -> None:
    """All that has to be there before a container is started."""
    machine, gateway = world.at(address), address in world.fleet.gateways
    changed += await engine.ensure(world, address)
    changed += await files.ensure_folders(machine, files.GATEWAY_FOLDERS if gateway else files.HOST_FOLDERS)
    target = Target.GATEWAY if gateway else Target.AGENT
    if await images.bring(address, target):
        changed.append(f"image {image_name(target)} brought")
    if gateway and await files.read_gateway_file(machine) is None:
        empty = msgspec.structs.replace(gateway_file(world.fleet, 0), services=(), certificates=())
        await files.write_gateway_file(machine, empty)
        changed.append("empty gateway.json written")
    if not gateway and await files.read_host_file(machine) is None:
        await files.write_host_file(machine, msgspec.structs.replace(host_file(world.fleet, 0), services=()))
        changed.append("empty host.json written")


async def _share_keys(world: World, changed: Mapping[str, list[str]]) -> None:
    """Gives the fleet's keys to all that have none, or that the fleet would not understand."""
    everyone = tuple(dict.fromkeys((*world.fleet.gateways, *changed)))
    found = await everywhere(everyone, lambda address: keyring.read(world.at(address)))
    keys = keyring.fleets_keys(found) or (keyring.new_key(),)

    async def give(address: str) -> None:
        machine = world.at(address)
        if found[address] is not None:  # Serf writes the file too: not while it runs
            await machine.run(("docker", "rm", "--force", AGENT, GATEWAY))
        await keyring.write(machine, keys)
        changed[address].append("Serf's key written")

    await everywhere([address for address in changed if not keyring.speaks(found[address], keys)], give)


async def _start(world: World, address: str, changed: list[str]) -> None:
    machine = world.at(address)
    there = await containers.containers(machine)
    for argv in await _programs(world, address):
        marked = containers.marked(argv)
        done = await containers.replace(machine, marked, there.get(containers.name_of(marked)))
        if done:
            changed.append(done)


async def _programs(world: World, address: str) -> tuple[tuple[str, ...], ...]:
    """The commands that start flotilla's own containers on a machine."""
    if address not in world.fleet.gateways:
        return (agent_argv(image_name(Target.AGENT), address),)
    nofile = await engine.open_files(world.at(address))
    image = image_name(Target.GATEWAY)
    return gateway_argv(image, address, nofile), proxy_argv(image, nofile)


async def _wait_for_members(world: World, hosts: Sequence[str]) -> None:
    wanted = {
        **{member_name(Role.GATEWAY, address): address for address in world.fleet.gateways},
        **{member_name(Role.HOST, address): address for address in hosts},
    }

    def absent(document: StatusDocument) -> dict[str, str]:
        members = {member.name: member for member in document.members}
        return {address: _absence(members.get(name)) for name, address in wanted.items() if _absence(members.get(name))}

    def missing(document: StatusDocument) -> str | None:
        words = [f"{address} {why}" for address, why in absent(document).items()]
        return "; ".join(words) or None

    last, lacking = await gateways.all_say(world, JOIN_S, missing)
    if not lacking:
        return
    suspects = {gateway for gateway, document in last.items() if isinstance(document, str)}
    for document in last.values():
        suspects |= set() if isinstance(document, str) else set(absent(document))
    logs = await everywhere(sorted(suspects), lambda address: _why(world, address))
    words = "\n".join(f"{address}: {why}" for address, why in logs.items())
    raise NotInTime(f"not every agent is a member after {JOIN_S:.0f} s\n{gateways.told(lacking)}\n{words}")


def _absence(member: MemberStatus | None) -> str:
    """Why a member does not count as there; empty where it does."""
    if member is None:
        return "is no member"
    if member.status != Status.ALIVE:
        return f"is {member.status}"
    return member.problem or ""


async def _why(world: World, address: str) -> str:
    machine = world.at(address)
    name = GATEWAY if address in world.fleet.gateways else AGENT
    there = (await containers.containers(machine)).get(name)
    if there is None:
        return f"has no container {name}"
    return f"{name} is {there.state}; it said last:\n{await containers.last_words(machine, name)}"
