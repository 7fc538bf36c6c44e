"""The rules of `ports.Gossip`, over the fake and over real Serfs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Protocol

import pytest
from flotilla.adapters.memory import MemoryGossip, MemoryNetwork
from flotilla.adapters.serf import SerfRpc
from flotilla.domain.member import Member, Status
from flotilla.errors import GossipError
from flotilla.ports import Gossip, Hint
from flotilla_bridge import Bridge, bridge, docker, until


class Fleet(Protocol):
    """Where members can be started and killed."""

    def address(self) -> str: ...
    def start(self, name: str, address: str, tags: Mapping[str, str]) -> Gossip: ...
    def kill(self, name: str) -> None: ...


class MemoryFleet:
    def __init__(self) -> None:
        self.network = MemoryNetwork()
        self.addresses = iter(f"10.0.0.{last}" for last in range(1, 255))

    def address(self) -> str:
        return next(self.addresses)

    def start(self, name: str, address: str, tags: Mapping[str, str]) -> Gossip:
        return self.network.start(name, address, tags)

    def kill(self, name: str) -> None:
        self.network.fail(name)


class RealFleet:
    def __init__(self, made: Bridge) -> None:
        self.bridge = made
        self.started: dict[str, Gossip] = {}

    def address(self) -> str:
        return self.bridge.address()

    def start(self, name: str, address: str, tags: Mapping[str, str]) -> Gossip:
        if name in self.started:
            docker("start", self.bridge.container(name))
        else:
            self.started[name] = self.bridge.serf(name, address, tags)
        return self.started[name]

    def kill(self, name: str) -> None:
        docker("kill", self.bridge.container(name))


@pytest.fixture(params=["memory", "serf"])
def fleet(request: pytest.FixtureRequest) -> Iterator[Fleet]:
    """A fleet of the fake, and one of real Serfs."""
    if request.param == "memory":
        yield MemoryFleet()
        return
    with bridge(request.getfixturevalue("agent_image")) as made:
        yield RealFleet(made)


@contextlib.asynccontextmanager
async def members(fleet: Fleet, *names: str, meet: bool = True) -> AsyncIterator[list[Gossip]]:
    """Members who have found each other through the first, or not yet."""
    addresses = [fleet.address() for _ in names]
    gossips = [fleet.start(name, at, {"role": "host"}) for name, at in zip(names, addresses, strict=True)]
    try:
        for gossip in gossips:
            await until(gossip.members)
        for gossip in gossips[1:] if meet else ():
            assert await gossip.join([addresses[0]]) == 1
        for gossip in gossips if meet else ():
            await until(lambda gossip=gossip: has(gossip, **dict.fromkeys(names, Status.ALIVE)))
        yield gossips
    finally:
        for gossip in gossips:
            if isinstance(gossip, SerfRpc):
                gossip.close()
        await asyncio.sleep(0)


async def has(gossip: Gossip, **wanted: Status) -> bool:
    """Whether these members have these states."""
    states = {member.name: member.status for member in await gossip.members()}
    return states == wanted


async def member(gossip: Gossip, name: str) -> Member:
    """The member of this name."""
    return next(each for each in await gossip.members() if each.name == name)


@contextlib.asynccontextmanager
async def listening(gossip: Gossip) -> AsyncIterator[asyncio.Queue[Hint | GossipError]]:
    """What this member is told, in a queue."""
    heard: asyncio.Queue[Hint | GossipError] = asyncio.Queue()

    async def listen() -> None:
        try:
            async for hint in gossip.hints():
                heard.put_nowait(hint)
        except GossipError as error:
            heard.put_nowait(error)

    task = asyncio.create_task(listen())
    await asyncio.sleep(0.1)
    try:
        yield heard
    finally:
        task.cancel()


async def heard_of(heard: asyncio.Queue[Hint | GossipError], wanted: Callable[[Hint | GossipError], bool]) -> bool:
    """Waits until something is heard."""
    async with asyncio.timeout(20):
        while not wanted(await heard.get()):
            pass
    return True


async def test_members_that_join_see_each_other_with_address_and_tags(fleet: Fleet) -> None:
    async with members(fleet, "one", "other") as (one, other):
        seen = await member(one, "other")
        assert seen.tags == {"role": "host"}
        assert seen == await member(other, "other")
        assert seen.address != (await member(one, "one")).address
        assert [each.name for each in await one.members()] == ["one", "other"]
        assert await one.members(["other", "o", "host-10.0.0.1"]) == (seen,)
        assert await one.members(["nobody"]) == ()


async def test_tags_are_set_and_removed_in_one_step_and_seen_by_others(fleet: Fleet) -> None:
    async with members(fleet, "one", "other") as (one, other):

        async def tags_are(tags: dict[str, str]) -> bool:
            return (await member(one, "other")).tags == tags

        async with listening(one) as heard:
            await other.set_tags({"shop": "1.0/1/ready/f", "long": "v" * 200})
            await until(lambda: tags_are({"role": "host", "shop": "1.0/1/ready/f", "long": "v" * 200}))
            await other.set_tags({"shop": "ünï/2/drain/0"}, delete=["role", "long", "none"])
            await until(lambda: tags_are({"shop": "ünï/2/drain/0"}))
            assert await heard_of(heard, lambda hint: hint == Hint(name="member-update"))


async def test_tags_over_512_bytes_are_refused_and_change_nothing(fleet: Fleet) -> None:
    async with members(fleet, "one", "other") as (_, other):
        with pytest.raises(GossipError, match="limit"):
            await other.set_tags({"long": "v" * 512})
        assert (await member(other, "other")).tags == {"role": "host"}


async def test_a_query_reaches_all_members_with_its_payload(fleet: Fleet) -> None:
    async with members(fleet, "one", "other") as (one, other):
        payload = bytes(range(256)) + b"x" * 500
        async with listening(one) as here, listening(other) as there:
            await other.query("flotilla-report", payload)
            await other.query("flotilla-report", b"")
            for heard in (here, there):
                payloads: set[bytes] = set()
                while payloads != {payload, b""}:
                    hint = await asyncio.wait_for(heard.get(), 20)
                    if isinstance(hint, Hint) and hint.name == "flotilla-report":
                        payloads.add(hint.payload)
            await other.members()
            with pytest.raises(GossipError, match="limit"):
                await other.query("flotilla-report", b"x" * 1024)


async def test_who_leaves_is_left_and_answers_no_more(fleet: Fleet) -> None:
    async with members(fleet, "one", "other") as (one, other):
        async with listening(other) as heard, listening(one) as news:
            await other.leave()
            await until(lambda: has(one, one=Status.ALIVE, other=Status.LEFT))
            assert await heard_of(heard, lambda hint: isinstance(hint, GossipError))
            assert await heard_of(news, lambda hint: hint == Hint(name="member-leave"))
        await until(lambda: refuses(other))


async def test_who_is_killed_is_failed_and_comes_back_by_itself_with_the_same_name(fleet: Fleet) -> None:
    async with members(fleet, "one", "other") as (one, other):
        address = (await member(one, "other")).address
        fleet.kill("other")
        await until(lambda: has(one, one=Status.ALIVE, other=Status.FAILED), within_s=40)
        assert (await member(one, "other")).tags == {"role": "host"}
        with pytest.raises(GossipError):
            await other.members()
        other = fleet.start("other", address, {"role": "host"})
        for gossip in (one, other):
            await until(lambda gossip=gossip: has(gossip, one=Status.ALIVE, other=Status.ALIVE))


async def test_a_failed_member_is_made_to_leave_and_an_unknown_one_changes_nothing(fleet: Fleet) -> None:
    async with members(fleet, "one", "other") as (one, _):
        fleet.kill("other")
        await until(lambda: has(one, one=Status.ALIVE, other=Status.FAILED), within_s=40)
        await one.force_leave("other")
        await until(lambda: has(one, one=Status.ALIVE, other=Status.LEFT))
        await one.force_leave("nobody")
        assert await has(one, one=Status.ALIVE, other=Status.LEFT)


async def test_joining_through_nobody_is_refused_and_through_some_says_how_many(fleet: Fleet) -> None:
    async with members(fleet, "one", "other", meet=False) as (one, other):
        address = (await member(one, "one")).address
        assert await other.join([]) == 0
        with pytest.raises(GossipError):
            await other.join([fleet.address()])
        assert await other.join([fleet.address(), address]) == 1


async def refuses(gossip: Gossip) -> bool:
    """Whether every method is refused with an error of our own."""
    asked: list[Callable[[], object]] = [
        lambda: gossip.members(),
        lambda: gossip.set_tags({}),
        lambda: gossip.query("q", b""),
        lambda: gossip.join(["127.0.0.1"]),
        lambda: gossip.force_leave("x"),
        lambda: gossip.leave(),
        lambda: anext(gossip.hints()),
    ]
    for ask in asked:
        try:
            await ask()  # type: ignore[misc]
        except GossipError:
            continue
        return False
    return True


async def test_a_fake_that_is_out_of_reach_is_still_seen_by_the_others() -> None:
    network = MemoryNetwork()
    one, other = network.start("one", "10.0.0.1"), network.start("other", "10.0.0.2")
    await other.join(["10.0.0.1"])
    other.up = False
    assert await refuses(other)
    assert await has(one, one=Status.ALIVE, other=Status.ALIVE)
    other.up = True
    assert isinstance(other, MemoryGossip)
    assert await has(other, one=Status.ALIVE, other=Status.ALIVE)
