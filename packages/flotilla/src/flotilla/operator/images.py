"""Images: whether a machine has one, and bringing it, from the registry or over the connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from flotilla.domain.fleet import Registry
from flotilla.domain.secret import Secret
from flotilla.errors import OperatorError
from flotilla.images import Target, build_argv, context, image_name
from flotilla.operator.commands import failed, succeed
from flotilla.operator.world import World
from flotilla.remote import Machine, Workshop

SEND_S = 1800.0
BUILD_S = 1800.0
LOGIN = "/run/flotilla-login"


def _inspect(image: str) -> tuple[str, ...]:
    return ("docker", "image", "inspect", "--format", "{{.Id}}", image)


async def there(machine: Machine, image: str) -> bool:
    """Whether the machine has the image."""
    done = await machine.run(_inspect(image))
    if done.status and b"No such image" not in done.err:
        raise failed(machine.address, _inspect(image), done)
    return done.status == 0


async def here(workshop: Workshop, image: str) -> bool:
    """Whether the operator's own machine has the image; not, where there is no Docker."""
    return (await workshop.run(_inspect(image))).status == 0


async def send(world: World, address: str, image: str) -> None:
    """From the operator's engine to the machine's, over the connection that is there."""
    world.say(address, f"is sent the image {image}")

    async def counted() -> AsyncIterator[bytes]:
        count = 0
        async for chunk in world.workshop.stream(("docker", "save", image)):
            count += len(chunk)
            world.voice.amount(address, image, count)
            yield chunk

    load = ("docker", "load", "--quiet")
    done = await world.at(address).send(load, counted(), deadline_s=SEND_S)
    if done.status:
        raise failed(address, load, done)


async def pull(world: World, address: str, registry: Registry, password: Secret | None, image: str) -> None:
    """Has the machine pull the image. Its login lies in memory, and is gone afterwards."""
    machine = world.at(address)
    world.say(address, f"pulls the image {image}")
    docker: tuple[str, ...] = ("docker",)
    try:
        if registry.username is not None and password is not None:
            docker = ("docker", "--config", LOGIN)
            login = (*docker, "login", "--username", registry.username, "--password-stdin", registry.server)
            await succeed(machine, login, stdin=password.reveal().encode())
        await succeed(machine, (*docker, "pull", "--quiet", image), deadline_s=SEND_S)
    finally:
        if docker != ("docker",):
            await machine.run(("rm", "-rf", LOGIN))


class OwnImages:
    """The images of the agent and of the gateway: built here once, sent where their tag is missing."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._building = asyncio.Lock()

    async def bring(self, address: str, target: Target) -> bool:
        """Whether it had to be brought."""
        image = image_name(target)
        if await there(self._world.at(address), image):
            return False
        async with self._building:
            if not await here(self._world.workshop, image):
                await self._build(target)
        await send(self._world, address, image)
        return True

    async def _build(self, target: Target) -> None:
        self._world.say("", f"the image {image_name(target)} is built here")
        argv = build_argv(target)
        done = await self._world.workshop.run(argv, stdin=context(), deadline_s=BUILD_S)
        if done.status == 127:
            raise OperatorError(
                f"{image_name(target)} has to be built, and there is no Docker here: install it (on Debian: "
                "sudo apt-get install docker.io), or have the image where it is needed by a docker load of your own"
            )
        if done.status:
            raise failed("this machine", argv, done)
