"""The gateway's loop, over the fakes: what it does with what comes, in which order, and what it never does."""

from __future__ import annotations

import asyncio

import pytest
from flotilla.domain.member import Role, member_name
from flotilla.domain.report import State
from flotilla.domain.tags import common_tags
from flotilla.errors import GossipError
from flotilla.ports import Hint
from flotilla_stand import GATEWAY, HOSTS, Stand, gateway_file, service

BOTH = {f"{host}:{port}" for host in HOSTS for port in (8000, 8001)}


async def started() -> tuple[Stand, object]:
    """A fleet of three hosts that a gateway serves."""
    stand = Stand()
    await stand.fleet()
    loop = stand.loop()
    await stand.rounds(loop, 2)
    stand.proxy.start()
    await stand.rounds(loop)
    assert stand.serving() == BOTH
    return stand, loop


async def test_the_first_configuration_is_there_before_haproxy_and_before_serf_answers() -> None:
    stand = Stand()
    stand.gossip.stop()
    await stand.rounds(stand.loop(), 1)
    assert stand.store.installed() is not None
    stand.proxy.start()
    assert (await stand.proxy.worker()).structure is not None


async def test_a_host_that_joins_is_served_and_one_that_drains_is_not() -> None:
    stand, loop = await started()
    await stand.host("10.0.0.24")
    await stand.host(HOSTS[0], state=State.DRAIN)
    await stand.rounds(loop)
    assert stand.serving() == BOTH - {f"{HOSTS[0]}:8000", f"{HOSTS[0]}:8001"} | {"10.0.0.24:8000", "10.0.0.24:8001"}
    assert stand.proxy.reloads == 0


async def test_what_the_commands_did_is_in_the_file_afterwards() -> None:
    stand, loop = await started()
    await stand.host(HOSTS[1], ready=0b01)
    await stand.rounds(loop)
    before = stand.serving()
    stand.proxy.start()
    assert stand.serving() == before == BOTH - {f"{HOSTS[1]}:8001"}


async def test_nothing_is_done_where_nothing_changed() -> None:
    stand, loop = await started()
    commands, writes, checks = len(stand.proxy.commands), list(stand.store.writes), stand.proxy.checks
    await stand.rounds(loop, 50)
    assert (len(stand.proxy.commands), stand.store.writes, stand.proxy.checks) == (commands, writes, checks)


async def test_a_full_disk_does_not_stop_the_gateway_from_following_the_fleet() -> None:
    stand, loop = await started()
    stand.store.full = True
    await stand.host(HOSTS[0], state=State.DRAIN)
    await stand.rounds(loop)
    assert stand.serving() == {one for one in BOTH if not one.startswith(HOSTS[0])}
    assert "No space left on device" in loop.journal.troubles["the configuration file"]
    stand.store.full = False
    stand.now_s += 60
    await stand.rounds(loop)
    assert stand.store.installed() == loop.wanted.text
    assert not loop.journal.troubles


async def test_serf_that_is_silent_changes_nothing() -> None:
    stand, loop = await started()
    stand.gossip.up = False
    await stand.rounds(loop, 100)
    assert stand.serving() == BOTH
    assert "the gossip" in loop.journal.troubles
    stand.gossip.up = True
    await stand.rounds(loop)
    assert not loop.journal.troubles


async def test_a_gateway_without_memory_does_not_empty_what_haproxy_serves() -> None:
    stand, _ = await started()
    stand.store.lose("members.json")
    lonely = Stand()
    loop = stand.loop(gossip=lonely.gossip)
    await stand.rounds(loop, 100)
    assert stand.serving() == BOTH
    assert "no host is known yet" in loop.journal.troubles["the rotation"]


async def test_a_gateway_with_memory_serves_by_it_though_serf_tells_of_nobody() -> None:
    stand, _ = await started()
    loop = stand.loop(gossip=Stand().gossip)
    await stand.rounds(loop, 100)
    assert stand.serving() == BOTH
    assert loop.haproxy.converged


async def test_hosts_that_all_left_in_order_are_all_gone() -> None:
    stand, loop = await started()
    for address in HOSTS:
        await stand.hosts[address].leave()
    await stand.rounds(loop)
    assert stand.serving() == set()
    await stand.rounds(stand.loop())
    assert stand.serving() == set()


async def test_a_query_of_a_host_is_heard_before_its_tags_and_nonsense_is_not() -> None:
    stand, loop = await started()
    payload = await stand.tell(HOSTS[2], state=State.DRAIN)
    for hint in (Hint(name="flotilla-report", payload=b"{"), Hint(name="flotilla-report", payload=payload)):
        loop.members.hear(hint, loop.file.serving)
    await stand.rounds(loop)
    assert stand.serving() == {one for one in BOTH if not one.startswith(HOSTS[2])}


async def test_another_gateway_file_is_served_by_after_haproxy_took_it() -> None:
    stand, loop = await started()
    stand.hand(gateway_file(service(), service("other", first_port=9000, path="/other"), generation=2))
    await stand.rounds(loop, 3)
    assert loop.file.serving.generation == 2
    assert stand.proxy.reloads == 1
    assert stand.serving() == BOTH


async def test_a_refused_configuration_is_never_installed_and_the_one_before_follows_the_fleet() -> None:
    stand, loop = await started()
    installed = stand.store.installed()
    stand.proxy.refuses = lambda text: "no such certificate" if "/refused" in text else None
    stand.hand(gateway_file(service(path="/refused"), generation=2))
    await stand.rounds(loop, 40)
    assert stand.store.installed() == installed
    assert loop.installer.offers.refused.words == "no such certificate"
    assert loop.file.serving.generation == 1
    assert len([line for line in stand.said if "no such certificate" in line]) == 1
    assert 2 < loop.installer.offers.refused.times < 10
    await stand.host(HOSTS[0], ready=0)
    await stand.rounds(loop)
    assert stand.serving() == {one for one in BOTH if not one.startswith(HOSTS[0])}
    stand.proxy.refuses = lambda text: None
    stand.now_s += 100
    await stand.rounds(loop)
    assert loop.file.serving.generation == 2
    assert loop.installer.offers.refused is None


async def test_a_broken_gateway_file_changes_nothing_and_is_said_once() -> None:
    stand, loop = await started()
    for broken in (b"{", b'{"fleet": 1}', b"\xff\xfe", b""):
        stand.hand(broken)
        await stand.rounds(loop, 20)
        assert stand.serving() == BOTH
        assert "not a GatewayFile" in loop.journal.troubles["gateway.json"]
    restarted = stand.loop()
    await stand.host(HOSTS[0], ready=0b10)
    await stand.rounds(restarted)
    assert stand.serving() == BOTH - {f"{HOSTS[0]}:8000"}
    assert len([line for line in stand.said if "gateway.json:" in line]) <= 5
    stand.hand(gateway_file(generation=3))
    await stand.rounds(restarted)
    assert restarted.file.serving.generation == 3
    assert not restarted.journal.troubles


async def test_values_that_haproxy_cannot_be_given_are_refused_without_asking_it() -> None:
    stand, loop = await started()
    checks = stand.proxy.checks
    stand.hand(gateway_file(service(balance="header:bad name"), generation=2))
    await stand.rounds(loop)
    assert "balance" in loop.journal.troubles["gateway.json"]
    assert stand.proxy.checks == checks
    assert loop.file.serving.generation == 1


async def test_without_a_gateway_file_it_waits_and_says_so() -> None:
    stand = Stand()
    stand.store.handed = None
    loop = stand.loop()
    await stand.rounds(loop)
    assert "waiting for a deploy" in loop.journal.troubles["gateway.json"]
    assert stand.store.installed() is None
    stand.hand(gateway_file())
    await stand.rounds(loop)
    assert stand.store.installed() is not None


async def test_haproxy_that_starts_anew_from_an_old_file_is_brought_up_to_date() -> None:
    stand, loop = await started()
    stand.store.full = True
    await stand.host(HOSTS[0], ready=0)
    await stand.rounds(loop)
    stand.proxy.start()
    assert stand.serving() == BOTH
    await stand.rounds(loop, 2)
    assert stand.serving() == {one for one in BOTH if not one.startswith(HOSTS[0])}


async def test_a_file_that_haproxy_reads_and_does_not_start_with_is_taken_back() -> None:
    stand, loop = await started()
    installed = stand.store.installed()
    stand.proxy.does_not_start = lambda text: "cannot bind" if "timeout server 7000ms" in text else None
    stand.hand(gateway_file(service(timeout_s=7), generation=2))
    await stand.rounds(loop, 40)
    assert loop.file.serving.generation == 1
    assert stand.store.installed() == installed
    assert "cannot bind" in loop.installer.offers.refused.words
    assert 2 < loop.installer.offers.refused.times < 10
    stand.proxy.does_not_start = lambda text: None
    stand.now_s += 100
    await stand.rounds(loop)
    assert loop.file.serving.generation == 2
    assert loop.installer.offers.refused is None
    assert not loop.journal.troubles


async def test_commands_that_do_not_help_are_followed_by_a_reload() -> None:
    stand, loop = await started()
    stand.proxy.deaf = True
    await stand.host(HOSTS[0], ready=0b01)
    await stand.rounds(loop, 19)
    assert stand.proxy.reloads == 0
    assert "time and again" in loop.journal.troubles["HAProxy's runtime API"]
    await stand.rounds(loop, 5)
    assert stand.proxy.reloads == 1
    assert stand.serving() == BOTH - {f"{HOSTS[0]}:8001"}
    assert not loop.journal.troubles


async def test_a_hint_is_followed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flotilla.programs.gateway_loop.PERIOD_S", 60)
    stand, loop = await started()
    running = asyncio.create_task(loop.run())
    async with asyncio.timeout(5):
        while not loop.journal.counts["hints"]:
            await stand.gossip.query("anything", b"")
            await asyncio.sleep(0.01)
        await stand.gossip.query("flotilla-report", await stand.tell(HOSTS[1], state=State.DRAIN))
        left = {one for one in BOTH if not one.startswith(HOSTS[1])}
        while stand.serving() != left:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])


async def test_servers_that_were_down_are_held_down_after_a_reload() -> None:
    stand, loop = await started()
    down = ("shop", f"{HOSTS[0]}:8000")
    await stand.proxy.run([f"set server {down[0]}/{down[1]} health down"])
    stand.hand(gateway_file(service(timeout_s=7), generation=2))
    await stand.rounds(loop, 1)
    assert stand.proxy.reloads == 1
    assert stand.proxy.servers[down].operational == 0


async def test_a_server_with_requests_is_waited_for() -> None:
    stand, loop = await started()
    key = ("shop", "10.0.0.24:8000")
    await stand.host("10.0.0.24")
    await stand.rounds(loop)
    stand.proxy.in_flight[key] = 3
    await stand.hosts["10.0.0.24"].leave()
    await stand.rounds(loop)
    assert stand.proxy.servers[key].drains
    stand.proxy.in_flight.clear()
    await stand.rounds(loop)
    assert key not in stand.proxy.servers


async def test_a_forged_member_has_no_effect() -> None:
    stand, loop = await started()
    name = member_name(Role.HOST, "192.168.7.7")
    stranger = stand.network.start(name, "192.168.7.7", common_tags(Role.HOST, "shop") | stand.tags())
    await stranger.join([GATEWAY])
    await stand.rounds(loop)
    assert stand.serving() == BOTH
    assert loop.members.known.members[name].problem is not None


async def test_those_who_are_missing_are_joined_again() -> None:
    stand, loop = await started()
    stand.network.fail(member_name(Role.HOST, HOSTS[0]))
    await stand.rounds(loop, 1)
    assert loop.members.missing(loop.file.serving) == (HOSTS[0],)
    asked: list[tuple[str, ...]] = []

    class Asked:
        async def join(self, addresses: tuple[str, ...]) -> int:
            asked.append(tuple(addresses))
            raise GossipError("nobody answers")

    loop.members._gossip = Asked()
    await loop.members.join(loop.file.serving)
    assert asked == [(HOSTS[0],)]


async def test_what_it_did_is_told_with_the_reason() -> None:
    stand, loop = await started()
    await stand.host(HOSTS[0], state=State.DRAIN)
    await stand.rounds(loop, 1)
    told = loop.journal.done[0]
    assert told.what == "10.0.0.21: 2 servers out"
    assert told.why.startswith("it drains; by 4 commands in ")
