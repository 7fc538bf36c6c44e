"""The runbook of a deploy, from the checks to the last host. It stops at the first thing that goes wrong, and says
where everything stands; whatever is changed then is out of rotation, and the next deploy goes on from there."""

from __future__ import annotations

import asyncio
import getpass
import socket
from collections.abc import Sequence

import msgspec

from flotilla.errors import ChecksFailed, FlotillaError, Stopped
from flotilla.operator import releases, targets
from flotilla.operator.commands import everywhere
from flotilla.operator.deploy import checks, facts, steps
from flotilla.operator.deploy.plan import Plan, plan
from flotilla.operator.world import World


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: ``changed`` are the hosts that were not as they should be."""

    generation: int
    changed: tuple[str, ...]
    plan: Sequence[str]


async def deploy(world: World, named: Sequence[str] = (), *, dry_run: bool = False) -> Deployed:
    """Deploys to the fleet's hosts, or only to those ``named``. Raises `ChecksFailed` where nothing was touched, and
    `Stopped` where something was."""
    hosts = targets.hosts(world.fleet, named)
    found = await facts.look(world, hosts)
    wanted = plan(world.fleet, found, named=bool(named))
    if problems := checks.problems(world.fleet, found, wanted):
        raise ChecksFailed(problems)
    for line in wanted.lines():
        world.say("", line)
    changed = tuple(host.address for host in wanted.hosts if host.changes)
    deployed = Deployed(generation=wanted.generation, changed=changed, plan=wanted.lines())
    if dry_run or not wanted.changes:
        return deployed
    await _remembered(world, found, wanted)
    return deployed


async def _remembered(world: World, found: facts.Facts, wanted: Plan) -> None:
    """Does it, and keeps how it ended."""
    release = releases.Release(
        generation=wanted.generation,
        at_s=world.workshop.now_s(),
        who=f"{getpass.getuser()}@{socket.gethostname()}",
        versions={service.name: service.version for service in world.fleet.services},
    )
    past = await releases.remember(world, found.releases, release)
    done: list[str] = []
    try:
        await _in_order(world, found, wanted, done)
    except (FlotillaError, asyncio.CancelledError) as error:
        why = str(error) or "interrupted"
        stopped = Stopped(f"{why}\n{where_it_stands(wanted, done)}")
        ended = msgspec.structs.replace(release, ended=f"stopped: {why.splitlines()[0]}")
        try:
            await releases.remember(world, past, ended)
        except FlotillaError as other:
            world.say("", f"how it ended could not be kept: {other}")
        if isinstance(error, asyncio.CancelledError):
            world.say("", str(stopped))
            raise
        raise stopped from error
    await releases.remember(world, past, msgspec.structs.replace(release, ended="done"))


async def _in_order(world: World, found: facts.Facts, wanted: Plan, done: list[str]) -> None:
    """Images, routes, hosts that have nothing to lose, the others one by one, and the routes that go."""
    await steps.bring_images(world, found, wanted.hosts)
    if wanted.first is not None:
        await steps.tell_gateways(world, found, wanted.first)
    changing = {host.address: host for host in wanted.hosts if host.changes}

    async def change(address: str) -> None:
        await steps.change_host(world, found, wanted, changing[address])
        done.append(address)

    await everywhere([address for address, host in changing.items() if not host.drains], change)
    for address, host in changing.items():
        if host.drains:
            await change(address)
    if wanted.gateway is not None and wanted.gateway != wanted.first:
        await steps.tell_gateways(world, found, wanted.gateway)


def where_it_stands(wanted: Plan, done: Sequence[str]) -> str:
    """Which hosts have the new generation, and which not."""
    left = [host for host in wanted.hosts if host.changes and host.address not in done]
    words = [f"generation {wanted.generation} is on {', '.join(done)}" if done else "no host was finished"]
    if left:
        words.append(f"not on {', '.join(host.address for host in left)}")
    return f"{'; '.join(words)}. What is unfinished is out of rotation; flotilla deploy goes on from there"
