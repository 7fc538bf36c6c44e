"""Commands that have to succeed, the same work on many machines at once, and waiting for what will come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from flotilla.adapters.words import shown, tail
from flotilla.errors import CommandFailed, FlotillaError, RemoteErrors
from flotilla.operator.world import World
from flotilla.remote import Done, Machine

T = TypeVar("T")

POLL_S = 0.2


async def succeed(machine: Machine, argv: Sequence[str], *, stdin: bytes = b"", deadline_s: float = 60.0) -> str:
    """What the command wrote. Raises `CommandFailed` where it ended with another status than 0."""
    done = await machine.run(argv, stdin=stdin, deadline_s=deadline_s)
    if done.status:
        raise failed(machine.address, argv, done)
    return done.out.decode(errors="replace")


def failed(address: str, argv: Sequence[str], done: Done) -> CommandFailed:
    """The error of a command, with the mend where it is known."""
    said = tail(done.err) or tail(done.out)
    mend = ""
    if argv[0] == "docker":
        if "not found" in said and "docker" in said and done.status in (1, 127):
            mend = "Docker is missing there: flotilla provision brings it"
        elif "Cannot connect to the Docker daemon" in said:
            mend = "its Docker Engine does not run: flotilla provision starts it, journalctl -u docker tells more"
        elif "no space left on device" in said:
            mend = "its disk is full: docker image prune -a there gives room"
    return CommandFailed(address, shown(argv), done.status, said, mend)


async def everywhere(addresses: Iterable[str], work: Callable[[str], Awaitable[T]]) -> dict[str, T]:
    """Does the work for all machines at once, and lets each end. What went wrong is raised together."""
    order = tuple(addresses)
    results = await asyncio.gather(*(work(address) for address in order), return_exceptions=True)
    errors: list[FlotillaError] = []
    done: dict[str, T] = {}
    for address, result in zip(order, results, strict=True):
        if isinstance(result, FlotillaError):
            errors.append(result)
        elif isinstance(result, BaseException):
            raise result
        else:
            done[address] = result
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise RemoteErrors(errors)
    return done


async def until(
    world: World, seconds: float, look: Callable[[], Awaitable[T | None]], *, poll_s: float = POLL_S
) -> T | None:
    """Looks until something other than None is seen, or None when the time is up. Looks at least once."""
    end = world.workshop.now_s() + seconds
    while True:
        seen = await look()
        if seen is not None or world.workshop.now_s() >= end:
            return seen
        await world.workshop.sleep(poll_s)
