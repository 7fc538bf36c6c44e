"""What is asked of flotilla's program in a gateway's container. Keys go over its input, never into a command line."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from flotilla.adapters.words import tail
from flotilla.errors import OperatorError, RemoteError
from flotilla.operator.world import World
from flotilla.rollout.layout import GATEWAY

ASK_S = 90.0


class KeysVerb(StrEnum):
    """What can be done with Serf's keys."""

    LIST = "list"
    INSTALL = "install"
    USE = "use"
    REMOVE = "remove"


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """What the members said: how many are alive, how many answered, why it was refused, what went wrong where, and
    how many hold each key, by its fingerprint."""

    alive: int
    answered: int
    refusal: str | None = None
    problems: Mapping[str, str] = {}
    held: Mapping[str, int] = {}

    def complete(self) -> bool:
        """Whether all members answered, and none had a problem."""
        return self.refusal is None and self.answered >= self.alive and not self.problems


def argv(module: str, *arguments: str) -> tuple[str, ...]:
    """Runs one of flotilla's programs beside the gateway's."""
    return ("docker", "exec", "--interactive", GATEWAY, "python3", "-m", f"flotilla.programs.{module}", *arguments)


async def keys(world: World, gateway: str, verb: KeysVerb, key: str = "") -> Keys:
    """Has all members do something about a key, by way of a gateway."""
    done = await world.at(gateway).run(argv("keys", verb), stdin=key.encode(), deadline_s=ASK_S)
    try:
        return msgspec.json.decode(done.out, type=Keys)
    except msgspec.DecodeError:
        raise RemoteError(gateway, f"the keys cannot be asked about ({verb}): {tail(done.err or done.out)}") from None


async def force_leave(world: World, name: str) -> None:
    """Has a failed member be ``left``, by way of the first gateway that can."""
    words = []
    for gateway in world.fleet.gateways:
        done = await world.at(gateway).run(argv("force_leave", name), deadline_s=ASK_S)
        if done.status == 0:
            return
        words.append(f"{gateway}: {tail(done.err)}")
    raise OperatorError("no gateway can have it leave\n" + "\n".join(words))
