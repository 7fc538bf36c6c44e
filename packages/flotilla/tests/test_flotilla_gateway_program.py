"""The gateway program with a real HAProxy and real Serfs, under load that counts every request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from flotilla.domain.report import State
from flotilla_bridge import docker
from flotilla_real_gateway import RealGateway, real_gateway, soon, under_load
from prometheus_client.parser import text_string_to_metric_families


@pytest.fixture(scope="module")
def gateway(gateway_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealGateway]:
    """Three hosts with two copies each; the gateway's own folder has room for little."""
    with real_gateway(gateway_image, tmp_path_factory.mktemp("gateway"), own_bytes=160_000) as made:
        yield made


async def test_changes_of_members_lose_no_request(gateway: RealGateway) -> None:
    address = gateway.bridge.address()
    first = gateway.hosts[gateway.named[0]]
    async with under_load(gateway) as load:
        joined = gateway.host(address)
        await soon(lambda: gateway.serving() == gateway.copies(*gateway.named, address))
        await first.hint(State.DRAIN)
        await soon(lambda: gateway.serving() == gateway.copies(*gateway.named[1:], address))
        await first.say(State.DRAIN)
        await first.say(State.READY)
        await soon(lambda: gateway.serving() == gateway.copies(*gateway.named, address))
        await joined.leave()
        await soon(lambda: gateway.serving() == gateway.copies())
    assert load.lost == []
    docker("rm", "-f", joined.container)
    told = gateway.status()
    assert any("it drains; by " in one.why for one in told.done)


async def test_a_copy_is_not_drained_while_an_old_worker_has_a_request_for_it(gateway: RealGateway) -> None:
    slow = asyncio.create_task(asyncio.to_thread(gateway.get, "/slow", 80))
    await soon(lambda: [one for one in gateway.status().servers if one.load and one.load.sessions])
    busy = next(one for one in gateway.status().servers if one.load and one.load.sessions)
    gateway.hand(gateway.file(generation=2, timeout_s=15))
    await soon(lambda: gateway.status().proxy.old_workers and gateway.status().generation == 2)
    await gateway.hosts[busy.address].say(State.DRAIN)
    await soon(lambda: busy.name not in gateway.serving())
    assert [one.drained for one in gateway.status().servers if one.name == busy.name] == [False]
    assert (await slow)[0] == 200
    await soon(lambda: all(one.drained for one in gateway.status().servers if one.address == busy.address))
    await gateway.hosts[busy.address].say()
    await soon(lambda: gateway.serving() == gateway.copies())


async def test_a_refused_configuration_is_said_and_the_one_before_goes_on(gateway: RealGateway) -> None:
    async with under_load(gateway) as load:
        gateway.hand(gateway.file(generation=3, certificates=("missing.pem",)))
        await soon(lambda: gateway.status().refusal)
        told = gateway.status()
        assert "missing.pem" in told.refusal.words
        assert (told.generation, told.offered_generation) == (2, 3)
        assert "missing.pem" in gateway.get("/status")[1].decode()
        assert b"flotilla_refused 1" in gateway.get("/metrics")[1]
        gateway.hand(gateway.file(generation=4, timeout_s=20))
        await soon(lambda: gateway.status().generation == 4 and gateway.in_step())
    assert load.lost == []


async def test_a_broken_gateway_file_is_said_and_changes_nothing(gateway: RealGateway) -> None:
    gateway.hand(b'{"fleet": "shop"')
    await soon(lambda: gateway.status().file_problem)
    assert gateway.serving() == gateway.copies()
    docker("restart", "-t", "5", gateway.container("gateway"))
    await soon(lambda: (told := gateway.status()) and told.file_problem and told.gossip.hosts_alive == 3)
    await gateway.hosts[gateway.named[1]].say(ready=0b01)
    await soon(lambda: f"{gateway.named[1]}:8001" not in gateway.serving())
    await gateway.hosts[gateway.named[1]].say()
    gateway.hand(gateway.file(generation=5))
    await soon(lambda: gateway.status().generation == 5 and gateway.in_step())


async def test_a_killed_worker_comes_back_with_what_it_should_run(gateway: RealGateway) -> None:
    await gateway.hosts[gateway.named[2]].say(ready=0b10)
    await soon(lambda: f"{gateway.named[2]}:8000" not in gateway.serving())
    before = gateway.status().proxy.worker
    gateway.kill_worker()
    await soon(lambda: (told := gateway.status()) and told.proxy.worker not in ("", before) and gateway.in_step(), 40)
    assert gateway.serving() == gateway.copies() - {f"{gateway.named[2]}:8000"}
    await gateway.hosts[gateway.named[2]].say()
    await soon(lambda: gateway.serving() == gateway.copies())


async def test_a_program_that_is_killed_and_started_again_loses_nothing(gateway: RealGateway) -> None:
    async with under_load(gateway) as load:
        docker("kill", "-s", "KILL", gateway.container("gateway"))
        docker("start", gateway.container("gateway"))
        await soon(lambda: gateway.in_step() and gateway.serving() == gateway.copies())
    assert load.lost == []


async def test_a_full_disk_does_not_stop_it_from_following_the_fleet(gateway: RealGateway) -> None:
    fill = "dd if=/dev/zero of=/var/lib/flotilla/haproxy/filler bs=4k 2>/dev/null; true"
    host = gateway.hosts[gateway.named[0]]
    async with under_load(gateway) as load:
        assert gateway.inside("sh", "-c", fill) == 0
        await host.say(ready=0b01)
        await soon(lambda: gateway.serving() == gateway.copies() - {f"{host.address}:8001"})
        await soon(lambda: any("No space left" in one for one in gateway.status().warnings))
        assert gateway.inside("rm", "/var/lib/flotilla/haproxy/filler") == 0
        await soon(gateway.in_step, 40)
        await host.say()
        await soon(lambda: gateway.serving() == gateway.copies() and gateway.in_step())
    assert load.lost == []


async def test_serf_that_is_silent_is_said_and_nobody_is_taken_out(gateway: RealGateway) -> None:
    serf = "for each in /proc/[0-9]*; do grep -q ^serf $each/comm && kill -{} ${{each#/proc/}}; done; true"
    async with under_load(gateway) as load:
        assert gateway.inside("sh", "-c", serf.format("STOP")) == 0
        await soon(lambda: any("Serf has been silent for" in one for one in gateway.status().warnings))
        assert gateway.serving() == gateway.copies()
        assert gateway.inside("sh", "-c", serf.format("CONT")) == 0
        await soon(gateway.in_step)
        assert gateway.inside("sh", "-c", serf.format("KILL")) == 0
        await soon(lambda: gateway.in_step() and gateway.status().gossip.hosts_alive == 3)
    assert load.lost == []


@pytest.mark.faults
async def test_serf_that_sees_nobody_is_said_and_nobody_is_taken_out(gateway: RealGateway) -> None:
    async with under_load(gateway) as load:
        for host in gateway.hosts.values():
            docker("kill", "-s", "STOP", host.container)
        await soon(lambda: any("Serf sees none of 3 hosts" in one for one in gateway.status().warnings), 40)
        assert gateway.serving() == gateway.copies()
        for host in gateway.hosts.values():
            docker("kill", "-s", "CONT", host.container)
        await soon(gateway.in_step, 40)
    assert load.lost == []


async def test_its_metrics_are_prometheus_text_and_its_health_is_told(gateway: RealGateway) -> None:
    families = {family.name: family for family in text_string_to_metric_families(gateway.get("/metrics")[1].decode())}
    assert families["flotilla_members"].samples
    assert {sample.labels["state"] for sample in families["flotilla_servers"].samples} == {"up"}
    assert families["flotilla_service_requests"].samples[0].value > 0
    assert gateway.get("/healthz") == (200, b"well\n")
    assert gateway.get("/nowhere")[0] == 404
    assert json.loads(gateway.get("/status.json")[1])["fleet"] == "shop"
    assert b"haproxy_process" in gateway.get("/metrics/haproxy")[1]
