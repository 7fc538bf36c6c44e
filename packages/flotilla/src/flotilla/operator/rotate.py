"""``upgrade --rotate-keys``: a new key for the gossip, while all goes on. First all hold the new one, then all speak
with it, and only then the old ones go: at each step all understand one another, and stopping between two is safe."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from flotilla.domain.member import Role, Status, member_name
from flotilla.domain.status import StatusDocument
from flotilla.errors import NotInTime, OperatorError, Refused
from flotilla.operator import gateways, keyring, programs
from flotilla.operator.commands import everywhere
from flotilla.operator.programs import Keys, KeysVerb
from flotilla.operator.world import World


class Rotated(msgspec.Struct, frozen=True, kw_only=True):
    """How many members speak with the new key, and how many old keys are gone."""

    members: int
    removed: int


async def rotate(world: World) -> Rotated:
    """Raises `Refused` where a machine of the file is missing: it would not understand the others when it came back."""
    gateway = world.fleet.gateways[0]
    old = await keyring.read(world.at(gateway))
    if not old:
        raise Refused(f"{gateway}: has no key yet: flotilla provision")
    _refuse_missing(world, await gateways.statuses(world), "nothing was changed")
    new = keyring.new_key()
    await _step(world, gateway, KeysVerb.INSTALL, new, "all members hold the new key")
    await _step(world, gateway, KeysVerb.USE, new, "all members speak with the new key")
    _refuse_missing(world, await gateways.statuses(world), "all speak with the new key, and hold the old one still")
    await _refuse_unkept(world, new)
    members = 0
    for key in old:
        members = (await _step(world, gateway, KeysVerb.REMOVE, key, "an old key is gone")).alive
    return Rotated(members=members, removed=len(old))


async def _step(world: World, gateway: str, verb: KeysVerb, key: str, done: str) -> Keys:
    answer = await programs.keys(world, gateway, verb, key)
    if not answer.complete():
        problems = [answer.refusal or "", *(f"{name}: {words}" for name, words in answer.problems.items())]
        raise NotInTime(
            f"{answer.answered} of {answer.alive} members did it ({verb} a key); all still understand one another, and "
            "old keys are kept: do it again\n" + "\n".join(problem for problem in problems if problem)
        )
    world.say("", f"{done} ({answer.alive})")
    return answer


def _refuse_missing(world: World, documents: Mapping[str, StatusDocument | str], state: str) -> None:
    words = []
    for gateway, document in documents.items():
        if isinstance(document, str):
            words.append(f"gateway {gateway}: {document}")
        else:
            words += absent(document, world.fleet.gateways, world.fleet.hosts)
    if words:
        told = "\n".join(dict.fromkeys(words))
        raise Refused(f"{told}\nWithout them no old key is removed; {state}. Have them back, or out of the file")


def absent(document: StatusDocument, gateway_addresses: tuple[str, ...], hosts: tuple[str, ...]) -> list[str]:
    """The machines of the file that are not alive."""
    alive = {member.name for member in document.members if member.status == Status.ALIVE}
    wanted = [(Role.GATEWAY, address) for address in gateway_addresses] + [(Role.HOST, address) for address in hosts]
    return [f"{address}: is not there" for role, address in wanted if member_name(role, address) not in alive]


async def _refuse_unkept(world: World, new: str) -> None:
    """Each machine has to speak with the new key after a restart too."""
    everyone = (*world.fleet.gateways, *world.fleet.hosts)
    kept = await everywhere(everyone, lambda address: keyring.read(world.at(address)))
    wrong = [address for address, keys in kept.items() if not keys or keys[0] != new]
    if wrong:
        raise OperatorError(f"{', '.join(wrong)}: did not keep the new key; old keys are kept: do it again")
