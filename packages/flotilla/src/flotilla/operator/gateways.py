"""What the gateways say of the fleet: their status documents, and waiting until they all say something."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from flotilla.domain.status import StatusDocument, decode_status
from flotilla.operator.commands import everywhere, until
from flotilla.operator.world import World
from flotilla.remote import Answer, Request

STATUS = Request(path="/status.json")
STATUS_S = 5.0


async def status(world: World, gateway: str) -> StatusDocument | str:
    """A gateway's document, or why there is none."""
    answer = await world.at(gateway).ask(gateway, world.fleet.listen.status_port, STATUS, deadline_s=STATUS_S)
    if not isinstance(answer, Answer):
        return f"its status page does not answer: {answer.why}"
    if answer.status != 200:
        return f"its status page answers {answer.status}"
    try:
        return decode_status(answer.body)
    except msgspec.DecodeError as error:
        return f"its status cannot be read ({error}): is it of another version of flotilla?"


async def statuses(world: World) -> Mapping[str, StatusDocument | str]:
    """All gateways' documents."""
    return await everywhere(world.fleet.gateways, lambda gateway: status(world, gateway))


async def all_say(
    world: World, seconds: float, missing: Callable[[StatusDocument], str | None]
) -> tuple[Mapping[str, StatusDocument | str], dict[str, str]]:
    """Waits until no gateway misses anything. ``missing`` says what one still does, None for nothing. The last
    documents come back, and what each gateway still missed when the time was up."""
    last: Mapping[str, StatusDocument | str] = {}
    lacking: dict[str, str] = {}

    async def look() -> bool | None:
        nonlocal last, lacking
        last = await statuses(world)
        words = {gateway: one if isinstance(one, str) else missing(one) for gateway, one in last.items()}
        lacking = {gateway: word for gateway, word in words.items() if word is not None}
        return None if lacking else True

    await until(world, seconds, look)
    return last, lacking


def told(lacking: Mapping[str, str]) -> str:
    """What gateways miss, a line each."""
    return "\n".join(f"gateway {gateway}: {word}" for gateway, word in lacking.items())
