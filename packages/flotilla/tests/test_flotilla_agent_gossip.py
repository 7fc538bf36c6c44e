"""How a host's report gets into the gossip, over the fake of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from flotilla.adapters.agent_folder import AgentFolder
from flotilla.adapters.memory import MemoryNetwork
from flotilla.agent.health import Copy
from flotilla.agent.report import Place, places
from flotilla.domain.handed import HostFile, HostService
from flotilla.domain.member import Status
from flotilla.domain.report import HostReport
from flotilla.domain.tags import decode_tags
from flotilla.errors import GossipError
from flotilla.ports import Gossip
from flotilla.programs.agent_gossip import QUERY, Voice
from flotilla.programs.agent_troubles import Troubles

SHOP = HostService(name="shop", version="1.0", generation=1, first_port=8000, copies=2)
FILE = HostFile(fleet="fleet", generation=1, gateways=("10.0.0.1",), hosts=("10.0.0.2",), services=(SHOP,))
READY: dict[Place, Copy] = {place: Copy(ready=True) for place in places(SHOP)}


class Ground:
    """A gateway's gossip and a host's, which have not met; the host's voice, with a report."""

    def __init__(self, folder: Path) -> None:
        self.network = MemoryNetwork()
        self.gateway = self.network.start("gateway-10.0.0.1", "10.0.0.1")
        self.host = self.network.start("host-10.0.0.2", "10.0.0.2", {"rack": "3"})
        self.folder = AgentFolder(folder, folder, folder)
        self.troubles = Troubles()
        self.voice = Voice("10.0.0.2", self.folder, self.troubles)
        self.voice.renew(FILE, READY)
        self.following = asyncio.create_task(self.voice.follow_tags(self.host, lambda: FILE))

    async def seen(self, gossip: Gossip | None = None) -> HostReport:
        """What somebody sees of the host."""
        (host,) = await (gossip or self.gateway).members(["host-10.0.0.2"])
        assert host.tags["fleet"] == "fleet"
        return decode_tags(host.tags, [])


async def until(ask: Callable[[], Awaitable[object]]) -> None:
    """Waits until this can be asked and is true."""
    async with asyncio.timeout(5):
        while True:
            try:
                if await ask():
                    return
            except (GossipError, ValueError, KeyError):
                pass
            await asyncio.sleep(0.005)


async def test_a_report_goes_over_the_query_and_into_the_tags_and_strange_ones_go(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    await ground.host.join(["10.0.0.1"])
    hints = ground.gateway.hints()
    hearing = asyncio.ensure_future(anext(hints))
    await asyncio.sleep(0)
    await ground.voice.publish(ground.host, FILE)
    hint = await hearing
    assert hint.name == QUERY
    told = json.loads(hint.payload)
    assert told["name"] == "host-10.0.0.2"
    assert decode_tags(told["tags"], []) == ground.voice.report
    await until(ground.seen)
    assert await ground.seen() == ground.voice.report
    assert ground.troubles.now == {}


async def test_a_host_that_is_alone_joins_and_says_so_meanwhile(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.gateway.up = False
    await ground.voice.keep(ground.host, FILE)
    assert ground.troubles.now["the gossip"] == "no other member is alive"
    ground.gateway.up = True

    async def met() -> bool:
        await ground.voice.keep(ground.host, FILE)
        return len(await ground.gateway.members()) == 2

    await until(met)
    await ground.voice.keep(ground.host, FILE)
    assert ground.troubles.now == {}


async def test_tags_that_are_not_right_are_set_right_at_the_next_look(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    await ground.host.join(["10.0.0.1"])
    await ground.voice.keep(ground.host, FILE)
    await until(ground.seen)
    await ground.host.set_tags({"shop": "forged"})
    await ground.voice.keep(ground.host, FILE)
    await until(ground.seen)
    assert await ground.seen() == ground.voice.report


async def test_a_serf_that_cannot_be_reached_is_a_trouble_until_it_can(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    await ground.host.join(["10.0.0.1"])
    ground.host.up = False
    await ground.voice.publish(ground.host, FILE)
    await asyncio.sleep(0.01)
    await ground.voice.keep(ground.host, FILE)
    assert set(ground.troubles.now) == {"the query", "the tags", "the gossip"}
    ground.host.up = True

    async def mended() -> bool:
        await ground.voice.keep(ground.host, FILE)
        return not ground.troubles.now

    await until(mended)
    assert await ground.seen() == ground.voice.report


async def test_a_gateway_that_serf_never_heard_of_is_joined_beside_others(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    other = ground.network.start("gateway-10.0.0.9", "10.0.0.9")
    await ground.host.join(["10.0.0.1"])
    file = msgspec.structs.replace(FILE, gateways=("10.0.0.1", "10.0.0.9"))

    async def met() -> bool:
        await ground.voice.keep(ground.host, file)
        return len(await other.members()) == 3

    await until(met)
    assert {member.status for member in await ground.gateway.members()} == {Status.ALIVE}


async def test_the_last_report_is_kept_for_the_next_life_and_equal_ones_are_not_written_again(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    kept = ground.folder.last_report()
    assert kept is not None
    assert kept.report == ground.voice.report
    (tmp_path / "report.json").unlink()
    ground.voice.renew(FILE, READY)
    assert ground.folder.last_report() is None
    ground.voice.renew(FILE, {})
    assert (ground.folder.last_report() or kept).report.services[0].ready == 0


async def test_a_folder_that_cannot_be_written_is_a_trouble_and_no_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ground = Ground(tmp_path)
    (tmp_path / "report.json.new").mkdir()
    ground.voice.renew(FILE, {})
    assert "report.json" in ground.troubles.now
    (tmp_path / "report.json.new").rmdir()
    ground.voice.renew(FILE, READY)
    assert ground.troubles.now == {}
    out = capsys.readouterr().out
    assert out.count("event=trouble what=report.json") == out.count("event=mended what=report.json") == 1
