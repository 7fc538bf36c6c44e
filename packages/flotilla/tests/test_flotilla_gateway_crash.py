"""Killed between any two of its steps and started again, whatever happens in the meantime, a gateway ends where one
ends that was never killed."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from flotilla.domain.report import State
from flotilla.gateway.configuration import configuration
from flotilla.gateway.rotation import rotation
from flotilla_stand import HOSTS, MACHINE, Stand, gateway_file, service
from hypothesis import given, settings
from hypothesis import strategies as st


class Killed(BaseException):
    """The program ends here."""


class Fate:
    """Counts the steps; at the one numbered ``at`` the program is killed: before it takes effect, or just after."""

    def __init__(self, at: int, after: bool) -> None:
        self.left = at
        self.after = after

    def strikes(self) -> bool:
        self.left -= 1
        return self.left == 0


class Mortal:
    """A port whose every call is a step."""

    def __init__(self, port: object, fate: Fate) -> None:
        self._port = port
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._port, name)
        return self._slow(call) if inspect.iscoroutinefunction(call) else self._quick(call)

    def _quick(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            struck = self._fate.strikes()
            if struck and not self._fate.after:
                raise Killed
            result = call(*arguments, **named)
            if struck:
                raise Killed
            return result

        return step

    def _slow(self, call: Callable[..., Any]) -> Callable[..., Any]:
        async def step(*arguments: Any, **named: Any) -> Any:
            struck = self._fate.strikes()
            if struck and not self._fate.after:
                raise Killed
            result = await call(*arguments, **named)
            if struck:
                raise Killed
            return result

        return step


async def until_killed(stand: Stand, fate: Fate, rounds: int) -> None:
    try:
        loop = stand.loop(
            gossip=Mortal(stand.gossip, fate), proxy=Mortal(stand.proxy, fate), store=Mortal(stand.store, fate)
        )
        await stand.rounds(loop, rounds)
    except Killed:
        pass


HOST = st.tuples(
    st.just("host"), st.sampled_from((*HOSTS, "10.0.0.31", "10.0.0.32")), st.integers(0, 3), st.sampled_from(State)
)
LEAVE = st.tuples(st.just("leave"), st.sampled_from((*HOSTS, "10.0.0.31")))
FILE = st.tuples(st.just("file"), st.integers(1, 5), st.sampled_from((7.0, 30.0)), st.integers(1, 2))
OTHER = st.tuples(st.sampled_from(("haproxy starts", "haproxy stops", "disk full", "disk free", "broken file")))
EVENT = st.one_of(HOST, HOST, LEAVE, FILE, OTHER)


async def happens(stand: Stand, event: tuple[Any, ...]) -> None:
    match event:
        case ("host", address, ready, state):
            await stand.host(address, ready, state)
        case ("leave", address):
            if address in stand.hosts and stand.hosts[address].up:
                await stand.hosts[address].leave()
        case ("file", generation, timeout_s, copies):
            stand.hand(gateway_file(service(timeout_s=timeout_s, copies=copies), generation=generation))
        case ("haproxy starts",):
            stand.proxy.start()
        case ("haproxy stops",):
            stand.proxy.stop()
        case ("disk full",):
            stand.store.full = True
        case ("disk free",):
            stand.store.full = False
        case ("broken file",):
            stand.hand(b"{")


def expected(stand: Stand, known: Any, file: Any) -> tuple[str, set[str]]:
    servers = rotation(known, file)
    return configuration(file, servers, MACHINE).text, {server.name for server in servers}


async def walk(events: list[tuple[tuple[Any, ...], int, bool, int]]) -> None:
    stand = Stand()
    await stand.fleet()
    for event, at, after, rounds in events:
        await happens(stand, event)
        await until_killed(stand, Fate(at, after), rounds)
    stand.store.full = False
    stand.hand(gateway_file(generation=9))
    loop = stand.loop()
    await stand.rounds(loop, 3)
    if not stand.proxy._pid:
        stand.proxy.start()
    await stand.rounds(loop, 12)
    text, serving = expected(stand, loop.members.known, gateway_file(generation=9))
    assert stand.store.installed() == text
    assert stand.serving() == serving
    assert (await stand.proxy.worker()).structure == loop.wanted.structure
    assert loop.haproxy.converged
    assert not loop.journal.troubles
    before = len(stand.proxy.commands), stand.proxy.reloads, len(stand.store.writes)
    await stand.rounds(stand.loop(), 6)
    assert (len(stand.proxy.commands), stand.proxy.reloads, len(stand.store.writes)) == before


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(EVENT, st.integers(1, 40), st.booleans(), st.integers(1, 4)), max_size=8))
def test_it_ends_in_the_same_place_wherever_it_was_killed(
    events: list[tuple[tuple[Any, ...], int, bool, int]],
) -> None:
    asyncio.run(walk(events))


def test_it_survives_a_kill_at_every_single_step_of_a_change_of_servers_and_of_the_file() -> None:
    async def all_steps() -> None:
        change_of_servers = ("host", HOSTS[0], 1, State.READY)
        change_of_file = ("file", 2, 7.0, 2)
        for at in range(1, 45):
            for after in (False, True):
                for event in (change_of_servers, change_of_file):
                    await walk([(("haproxy starts",), 1000, False, 4), (event, at, after, 4)])

    asyncio.run(all_steps())
