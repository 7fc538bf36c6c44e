"""The host's agent, whole, in its container, with real copies and a real gateway's Serf that looks on."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from flotilla.adapters.serf import SerfRpc
from flotilla.domain.handed import HostFile, HostService
from flotilla.domain.member import Member, Status
from flotilla.domain.report import HostReport, State
from flotilla.domain.tags import decode_tags
from flotilla.errors import BrokenTags, GossipError
from flotilla_bridge import KEY, TOKEN, Bridge, Host, bridge, docker, hand_out, until

SERVICES = ("shop", "blog", "till")
STRANGERS_KEY = base64.b64encode(b"s" * 32).decode()


@pytest.fixture(scope="module")
def ground(agent_image: str) -> Iterator[Bridge]:
    """A bridge for all tests here."""
    with bridge(agent_image) as made:
        yield made


@pytest.fixture(scope="module")
def gateway(ground: Bridge) -> str:
    """The address of a gateway's Serf on it."""
    address = ground.address()
    ground.serf(f"gateway-{address}", address, {"role": "gateway", "fleet": "fleet"})
    return address


@pytest.fixture(autouse=True)
def cleared(ground: Bridge, gateway: str) -> Iterator[None]:
    """Hosts go with the test that made them."""
    yield
    ground.clear(keep=1)


def a_file(gateway: str, **changes: object) -> HostFile:
    """The host's file: three services with two copies each, on 8000 to 8005."""
    services = tuple(
        HostService(
            name=name, version="1.0", generation=1, first_port=8000 + 2 * index, copies=2, health_interval_s=0.2
        )
        for index, name in enumerate(SERVICES)
    )
    file = HostFile(fleet="fleet", generation=1, gateways=(gateway,), hosts=(), services=services)
    return msgspec.structs.replace(file, **changes)


@asynccontextmanager
async def onlooker(address: str) -> AsyncIterator[SerfRpc]:
    """The gateway's Serf, to be asked."""
    serf = SerfRpc(address, 7373, TOKEN)
    try:
        yield serf
    finally:
        serf.close()
        await asyncio.sleep(0)


async def member(serf: SerfRpc, host: Host) -> Member:
    """What the gateway's Serf knows of the host."""
    found = await serf.members([host.name])
    if not found:
        raise GossipError("not there")
    return found[0]


async def report(serf: SerfRpc, host: Host) -> HostReport:
    """What the host says of itself."""
    return decode_tags((await member(serf, host)).tags, SERVICES)


def says(serf: SerfRpc, host: Host, **ready: int) -> Callable[[], Awaitable[bool]]:
    """Whether the host is alive, and these copies of these services are ready."""

    async def ask() -> bool:
        if (await member(serf, host)).status is not Status.ALIVE:
            return False
        now = {service.name: service.ready for service in (await report(serf, host)).services}
        return all(now.get(name) == mask for name, mask in ready.items())

    return ask


async def in_rotation(serf: SerfRpc, host: Host) -> None:
    """Waits until all copies are ready."""
    await until(says(serf, host, shop=3, blog=3, till=3))


async def test_a_copy_is_ready_only_when_it_answers_and_a_sick_one_harms_no_neighbour(
    ground: Bridge, gateway: str, tmp_path: Path
) -> None:
    file = a_file(gateway)
    host = ground.agent(tmp_path / "etc")
    await until(lambda: said(host, "waiting for a good one"))
    for port, mode in ((8001, "bad"), (8002, "hang"), (8003, "garbage"), (8004, "close"), (8005, "gone")):
        host.mode(port, mode)
    hand_out(host.folder, file)
    async with onlooker(gateway) as serf:
        await until(says(serf, host, shop=0b01, blog=0, till=0))
        for port, mode in ((8001, "slow"), (8004, "good"), (8005, "half"), (8003, "good")):
            host.mode(port, mode)
        await until(says(serf, host, shop=0b11, blog=0b10, till=0b01))
        host.mode(8000, "gone")
        await until(says(serf, host, shop=0b10, blog=0b10, till=0b01))
    await until(lambda: last_answer(host, 8005, "the answer is no HTTP: HTTP/1.1"))
    await until(lambda: last_answer(host, 8000, f"nobody listens on {host.address}:8000"))


async def test_a_slow_health_path_takes_no_copy_out(ground: Bridge, gateway: str, tmp_path: Path) -> None:
    host = ground.agent(tmp_path / "etc", a_file(gateway))
    async with onlooker(gateway) as serf:
        await in_rotation(serf, host)
        for port in range(8000, 8006):
            host.mode(port, "slow")
        await until(lambda: all_took(host, 1.4))
        assert await says(serf, host, shop=3, blog=3, till=3)()
        docker("kill", host.container)
        docker("start", host.container)
        await until(lambda: all_took(host, 1.4))
        await watched(serf, host, 1.0)


async def test_a_drain_is_seen_by_others_within_moments(ground: Bridge, gateway: str, tmp_path: Path) -> None:
    file = a_file(gateway)
    host = ground.agent(tmp_path / "etc", file)
    took: list[float] = []
    async with onlooker(gateway) as serf:
        await in_rotation(serf, host)
        for generation in range(2, 12):
            drain = generation % 2 == 0
            hand_out(host.folder, msgspec.structs.replace(file, generation=generation, drain=drain))
            began = time.monotonic()
            wanted = {State.DRAIN if drain else State.READY}
            await until(lambda wanted=wanted: states(serf, host, wanted))
            took.append(round(time.monotonic() - began, 3))
        one = msgspec.structs.replace(file.services[0], state=State.CANARY, generation=12)
        hand_out(host.folder, msgspec.structs.replace(file, generation=12, services=(one,)))
        await until(lambda: states(serf, host, {State.CANARY}))
        now = await report(serf, host)
    assert (now.generation, now.services[0].generation, len(now.services)) == (12, 12, 1)
    print(f"drains and returns were seen after {sorted(took)} s")


async def test_an_agent_that_is_killed_comes_back_under_its_name_and_costs_nothing(
    ground: Bridge, gateway: str, tmp_path: Path
) -> None:
    host = ground.agent(tmp_path / "etc", a_file(gateway))
    async with onlooker(gateway) as serf:
        await in_rotation(serf, host)
        before = await report(serf, host)
        watching = asyncio.create_task(watched(serf, host, 2.5))
        docker("kill", host.container)
        docker("start", host.container)
        await watching
        await until(lambda: reported(serf, host))
        after = await report(serf, host)
        assert after.serial >= before.serial
        assert [each.name for each in await serf.members()].count(host.name) == 1
    assert host.log().count("event=start") == 2


async def test_serf_that_is_killed_comes_back(ground: Bridge, gateway: str, tmp_path: Path) -> None:
    host = ground.agent(tmp_path / "etc", a_file(gateway))
    async with onlooker(gateway) as serf:
        await in_rotation(serf, host)
        host.python(KILL_SERF)
        host.mode(8000, "gone")
        await until(says(serf, host, shop=0b10))
    assert host.log().count("event=start") == 1
    assert "serf ended after" in host.log()


@pytest.mark.faults
async def test_serf_that_hangs_is_killed_and_comes_back(ground: Bridge, gateway: str, tmp_path: Path) -> None:
    host = ground.agent(tmp_path / "etc", a_file(gateway))
    async with onlooker(gateway) as serf:
        await in_rotation(serf, host)
        host.python(KILL_SERF.replace(", 9)", ", 19)"))
        await until(lambda: trouble_is(host, "Serf's RPC did not answer 'members-filtered' within 3 s"))
        host.mode(8000, "gone")
        await until(says(serf, host, shop=0b10), within_s=90)
        await until(lambda: no_troubles(host))
    assert "serf hangs" in host.log()


@pytest.mark.faults
async def test_an_agent_without_a_keyring_says_so_and_goes_on_when_there_is_one(
    ground: Bridge, gateway: str, tmp_path: Path
) -> None:
    host = ground.agent(tmp_path / "etc", a_file(gateway), key="?")
    await until(lambda: said(host, "Failed to decode key from keyring"))
    await until(lambda: trouble_is(host, "it does not answer; what it said last is in the log"))
    host.python(f"open('/var/lib/flotilla/gossip/keyring.json', 'w').write('[\"{KEY}\"]')")
    async with onlooker(gateway) as serf:
        await in_rotation(serf, host)
    await until(lambda: no_troubles(host))


async def test_a_stopped_agent_leaves_in_order_and_one_that_quits_does_not(
    ground: Bridge, gateway: str, tmp_path: Path
) -> None:
    host = ground.agent(tmp_path / "etc", a_file(gateway))
    async with onlooker(gateway) as serf:
        await in_rotation(serf, host)
        docker("kill", "--signal", "QUIT", host.container)
        docker("wait", host.container)
        await watched(serf, host, 1.0)
        docker("start", host.container)
        await until(lambda: reported(serf, host))
        await watched(serf, host, 0.5)
        began = time.monotonic()
        docker("stop", "--time", "10", host.container)
        print(f"stopped after {time.monotonic() - began:.1f} s")
        assert (await member(serf, host)).status in (Status.LEAVING, Status.LEFT)
        state = json.loads(docker("inspect", host.container))[0]["State"]
        assert (state["ExitCode"], state["OOMKilled"]) == (0, False)
        docker("start", host.container)
        await in_rotation(serf, host)


async def test_a_stranger_without_the_key_does_not_get_in(ground: Bridge, gateway: str, tmp_path: Path) -> None:
    host = ground.agent(tmp_path / "etc", a_file(gateway), key=STRANGERS_KEY)
    other = SerfRpc((address := ground.address()), 7373, TOKEN)
    ground.serf("gateway-forged", address, {"role": "gateway"}, join=[gateway], key=STRANGERS_KEY)
    await until(lambda: said(host, "Join failed"))
    await until(other.members)
    with pytest.raises(GossipError):
        await other.join([gateway])
    other.close()
    async with onlooker(gateway) as serf:
        assert not await serf.members([host.name, "gateway-forged"])


async def test_tags_that_somebody_else_set_are_set_right(ground: Bridge, gateway: str, tmp_path: Path) -> None:
    host = ground.agent(tmp_path / "etc", a_file(gateway))
    async with onlooker(gateway) as serf:
        await in_rotation(serf, host)
        right = (await member(serf, host)).tags
        host.python(FORGE)
        await until(lambda: broken(serf, host))
        await until(lambda: tags_are(serf, host, right))


async def test_a_broken_host_file_is_told_of_and_the_last_good_one_stays(
    ground: Bridge, gateway: str, tmp_path: Path
) -> None:
    host = ground.agent(tmp_path / "etc", a_file(gateway))
    async with onlooker(gateway) as serf:
        await in_rotation(serf, host)
        hand_out(host.folder, b'{"fleet": "fleet", "generation": "two"}')
        await until(lambda: said(host, "Expected `int`, got `str`"))
        docker("kill", host.container)
        docker("start", host.container)
        await until(lambda: said(host, "the last good one goes on"))
        await watched(serf, host, 1.0)
        (host.folder / "host.json").unlink()
        await until(lambda: said(host, "cannot be read: No such file"))
        await until(lambda: trouble_is(host, "cannot be read: No such file or directory; generation 1 goes on"))
        hand_out(host.folder, a_file(gateway, generation=3))
        await until(lambda: generation_is(serf, host, 3))
        await until(lambda: no_troubles(host))


async def test_a_host_joins_a_gateway_that_starts_later_and_whatever_its_snapshot_says(
    ground: Bridge, tmp_path: Path
) -> None:
    first, second = ground.address(), ground.address()
    host = ground.agent(tmp_path / "etc", a_file(first))
    await until(lambda: trouble_is(host, "no other member is alive"))
    ground.serf(f"gateway-{first}", first, {"role": "gateway"})
    async with onlooker(first) as serf:
        await in_rotation(serf, host)
    docker("kill", host.container, ground.container(f"gateway-{first}"))
    hand_out(host.folder, a_file(second))
    docker("start", host.container)
    await until(lambda: trouble_is(host, "no other member is alive"))
    ground.serf(f"gateway-{second}", second, {"role": "gateway"})
    async with onlooker(second) as serf:
        await in_rotation(serf, host)


async def test_the_key_is_rotated_by_a_member_and_lasts(ground: Bridge, tmp_path: Path) -> None:
    address, new = ground.address(), base64.b64encode(b"n" * 32).decode()
    ground.serf(f"gateway-{address}", address, {"role": "gateway"})
    host = ground.agent(tmp_path / "etc", a_file(address))
    async with onlooker(address) as serf:
        await in_rotation(serf, host)
        assert "no key" in keys(host, "install", "?")[1]
        old = next(iter(keys(host, "list", "")[0]["held"]))
        for what in ("install", "use"):
            assert keys(host, what, new)[0]["answered"] == 2
        assert keys(host, "remove", new)[0]["problems"]
        assert keys(host, "list", "")[0]["held"] == {old: 2, keys(host, "install", new)[0]["key"]: 2}
        assert new not in host.log()
        docker("kill", host.container)
        docker("start", host.container)
        await until(lambda: has_logged(host, "event=report", 2))
        await in_rotation(serf, host)
        assert (await serf.list_keys()).held[new] == 2


KILL_SERF = """
import os, pathlib
for each in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    if each.read_bytes().startswith(b"serf\\0"):
        os.kill(int(each.parent.name), 9)
"""

FORGE = """
import asyncio, pathlib
from flotilla.adapters.serf import SerfRpc
from flotilla.adapters.serf.settings import rpc_of
rpc = SerfRpc(*rpc_of(pathlib.Path("/run/flotilla/serf.json")))
asyncio.run(rpc.set_tags({"shop": "forged", "rack": "3"}, ["fleet"]))
"""


def keys(host: Host, what: str, key: str) -> tuple[dict, str]:
    """What the program that rotates keys says, as JSON and in words."""
    argv = ["exec", "-i", host.container, "python3", "-m", "flotilla.programs.keys", what]
    said = docker(*argv, check=False, text=key, both=True)
    return (json.loads(said) if said.startswith("{") else {}), said


async def watched(serf: SerfRpc, host: Host, seconds: float) -> None:
    """For so long the gateway sees all copies of the host ready, and never that it left."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        now = await member(serf, host)
        assert now.status in (Status.ALIVE, Status.FAILED)
        assert {service.ready for service in decode_tags(now.tags, SERVICES).services} == {3}
        await asyncio.sleep(0.01)


async def states(serf: SerfRpc, host: Host, wanted: set[State]) -> bool:
    return {service.state for service in (await report(serf, host)).services} == wanted


async def reported(serf: SerfRpc, host: Host) -> bool:
    """Whether the host is alive, and its agent of this life has told its report."""
    last = host.log().rpartition("event=start")[2]
    return "event=report" in last and (await member(serf, host)).status is Status.ALIVE


async def generation_is(serf: SerfRpc, host: Host, generation: int) -> bool:
    return (await report(serf, host)).generation == generation


async def tags_are(serf: SerfRpc, host: Host, tags: object) -> bool:
    return (await member(serf, host)).tags == tags


async def broken(serf: SerfRpc, host: Host) -> bool:
    try:
        await report(serf, host)
    except BrokenTags:
        return True
    return False


async def said(host: Host, words: str) -> bool:
    return words in host.log()


async def has_logged(host: Host, words: str, times: int) -> bool:
    return host.log().count(words) >= times


async def troubles(host: Host) -> dict[str, str]:
    return (host.status() or {}).get("troubles", {})


async def trouble_is(host: Host, words: str) -> bool:
    return words in (await troubles(host)).values()


async def no_troubles(host: Host) -> bool:
    return await troubles(host) == {}


async def last_answer(host: Host, port: int, words: str) -> bool:
    copies = {copy["port"]: copy for copy in (host.status() or {}).get("copies", [])}
    return port in copies and copies[port]["last"]["words"] == words


async def all_took(host: Host, seconds: float) -> bool:
    """Whether the last answer of each copy took so long."""
    copies = (host.status() or {}).get("copies", [])
    return bool(copies) and all(copy["last"] and copy["last"]["took_s"] >= seconds for copy in copies)
