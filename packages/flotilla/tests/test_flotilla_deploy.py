"""Deploys, over a fleet in memory: checks first, nothing stopped that is in rotation, nothing in rotation that does not
answer, and equal copies left alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from flotilla.domain.fleet import Ports, Registry, Service
from flotilla.domain.report import State
from flotilla.domain.secret import Secret
from flotilla.errors import ChecksFailed, Refused, Stopped
from flotilla.operator import releases
from flotilla.operator.deploy import deploy
from flotilla.operator.deploy.facts import read_listening
from flotilla.operator.deploy.probe import ending, hidden, shown
from flotilla.operator.drain import drain, undrain
from flotilla.operator.files import write_host_file
from flotilla.operator.provision import provision
from flotilla.operator.status import status
from flotilla.remote import Answer, NoAnswer, Request
from flotilla_fleet_in_memory import GATEWAYS, HOSTS, SECRET, SHOP, FleetInMemory

ALL = {"fleet-shop-0", "fleet-shop-1"}


async def _provisioned(folder: Path, services: Sequence[Service] = (SHOP,)) -> FleetInMemory:
    memory = FleetInMemory(folder, services)
    await provision(memory.world())
    return memory


async def test_services_come_to_empty_hosts(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    done = await deploy(memory.world())
    assert (done.generation, set(done.changed)) == (1, set(HOSTS))
    for host in HOSTS:
        assert memory.running(host) == dict.fromkeys(ALL, "1.0.0")
        (service,) = memory.host_file(host).services
        assert (service.state, service.generation) == (State.READY, 1)


async def test_the_second_time_nothing_is_changed(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    await deploy(memory.world())
    before = memory.changes()
    done = await deploy(memory.world())
    assert (done.generation, done.changed, memory.changes()) == (1, (), before)
    assert done.plan == ["nothing to do: all is as the fleet file says"]


async def test_each_new_copy_is_asked_for_its_health_and_its_smoke_request(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    await deploy(memory.world())
    assert [request.path for name, request in memory.asked if name == "fleet-shop-0"] == ["/readyz", "/smoke"] * 2
    assert {request.headers.get("Authorization") for _, request in memory.asked} == {None, f"Bearer {SECRET}"}


async def test_a_secret_is_in_a_file_and_nowhere_else(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    await deploy(memory.world())
    memory.answers["1.0.1"] = Answer(status=500, body=SECRET.encode())
    with pytest.raises(Stopped) as stopped:
        await deploy(memory.version("1.0.1"))
    assert SECRET not in str(stopped.value)
    assert SECRET not in repr(memory.ran()) + repr(memory.voice.lines) + repr(memory.asked)
    for host in HOSTS:
        having = {
            path for path, file in memory.machines.at(host).files.items() if SECRET.encode() in (file.content or b"")
        }
        assert having == {"/var/lib/flotilla/secrets/shop/TOKEN"}


async def test_no_copy_is_stopped_that_takes_requests(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    await deploy(memory.world())
    memory.in_flight = {(host, "shop"): 40 for host in HOSTS}
    await deploy(memory.version("1.0.1"))
    stops = [line for line in memory.history if "stops" in line]
    assert len(stops) == 4
    assert all(line.endswith(", out") for line in stops)


async def test_hosts_are_changed_one_after_another(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    await deploy(memory.world())
    memory.history.clear()
    await deploy(memory.version("1.0.1"))
    order = [line.split()[0] for line in memory.history]
    assert order == [HOSTS[0]] * 4 + [HOSTS[1]] * 4


async def test_a_drain_that_does_not_end_stops_before_anything_is_replaced(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    await deploy(memory.world())
    memory.in_flight = {(HOSTS[0], "shop"): 1_000_000}
    with pytest.raises(Stopped, match=r"not drained after 40 s\ngateway .* requests left on 10\.0\.0\.21"):
        await deploy(memory.version("1.0.1"))
    assert memory.running(HOSTS[0]) == dict.fromkeys(ALL, "1.0.0")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(status=503, body=b"no database"), "did not get healthy within 5 s: GET /readyz got 503: no database"),
        (NoAnswer("nothing listens there"), "GET /readyz got nothing listens there"),
    ],
)
async def test_a_version_that_does_not_get_healthy_stops_at_the_first_host(
    tmp_path: Path, answer: Answer | NoAnswer, words: str
) -> None:
    memory = await _provisioned(tmp_path)
    await deploy(memory.world())
    memory.answers["1.0.1"] = answer
    with pytest.raises(Stopped) as stopped:
        await deploy(memory.version("1.0.1"))
    assert words in str(stopped.value)
    assert "its log ends with" in str(stopped.value)
    assert f"no host was finished; not on {HOSTS[0]}, {HOSTS[1]}" in str(stopped.value)
    assert memory.running(HOSTS[1]) == dict.fromkeys(ALL, "1.0.0")
    assert memory.host_file(HOSTS[0]).services[0].state == State.DRAIN
    (last,) = [release for release in await releases.read(memory.world()) if release.generation == 2]
    assert last.ended.startswith("stopped: ")


async def test_what_was_stopped_is_finished_by_the_next_deploy(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    await deploy(memory.world())
    memory.answers["1.0.1"] = NoAnswer("nothing listens there")
    with pytest.raises(Stopped):
        await deploy(memory.version("1.0.1"))
    memory.answers.clear()
    await deploy(memory.version("1.0.0"))
    for host in HOSTS:
        assert memory.running(host) == dict.fromkeys(ALL, "1.0.0")
        assert memory.host_file(host).services[0].state == State.READY


async def test_kept_copies_that_an_interrupted_deploy_left_out_are_asked_before_another_host_is_drained(
    tmp_path: Path,
) -> None:
    memory = await _provisioned(tmp_path)
    await deploy(memory.world())
    file = memory.host_file(HOSTS[0])
    services = (msgspec.structs.replace(file.services[0], state=State.DRAIN),)
    machine = memory.machines.at(HOSTS[0])
    await write_host_file(machine, msgspec.structs.replace(file, services=services))
    memory.asked.clear()
    done = await deploy(memory.world())
    assert f"{HOSTS[0]}: shop: copies: 2 kept, back into rotation" in done.plan
    assert sorted(name for name, request in memory.asked if request.path == "/smoke") == [
        "fleet-shop-0",
        "fleet-shop-1",
    ]
    assert memory.host_file(HOSTS[0]).services[0].state == State.READY


async def test_a_changed_setting_or_secret_replaces_copies_and_what_gateways_need_does_not(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    await deploy(memory.world())
    memory.history.clear()
    await deploy(memory.world(services=(msgspec.structs.replace(SHOP, timeout_s=5),)))
    assert memory.history == []
    await deploy(memory.world(services=(msgspec.structs.replace(SHOP, env={"A": "1"}),)))
    assert len(memory.history) == 8
    (tmp_path / "token").write_text("another")
    await deploy(memory.world())
    assert len(memory.history) == 16


async def test_a_service_that_left_the_file_leaves_the_hosts_and_then_the_gateways(tmp_path: Path) -> None:
    other = msgspec.structs.replace(SHOP, name="other", ports=Ports(first=8100, container=80))
    memory = await _provisioned(tmp_path, (SHOP, other))
    await deploy(memory.world())
    memory.history.clear()
    await deploy(memory.world(services=(SHOP,)))
    assert sorted(memory.history) == sorted(
        f"{host} stops fleet-other-{index} 1.0.0, out" for host in HOSTS for index in (0, 1)
    )
    assert set(memory.running(HOSTS[0])) == ALL
    assert b"other" not in (
        memory.machines.at(GATEWAYS[1]).files["/var/lib/flotilla/gateway/gateway.json"].content or b""
    )


async def test_more_copies_take_none_out_of_rotation(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    await deploy(memory.world())
    writes = memory.watch_host_files()
    await deploy(memory.world(services=(msgspec.structs.replace(SHOP, copies=3),)))
    assert set(memory.running(HOSTS[0])) == ALL | {"fleet-shop-2"}
    assert [(file.services[0].copies, file.services[0].state) for file in writes[HOSTS[0]]] == [
        (2, State.READY),
        (3, State.READY),
    ]


async def test_a_copy_that_is_missing_among_those_that_serve_has_its_host_drained_first(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    await deploy(memory.world())
    del memory.dockers[HOSTS[0]].containers["fleet-shop-0"]
    writes = memory.watch_host_files()
    await deploy(memory.world())
    states = [file.services[0].state for file in writes[HOSTS[0]]]
    assert states == [State.DRAIN, State.DRAIN, State.READY]


async def test_fewer_copies_remove_the_last_ones(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    await deploy(memory.world())
    await deploy(memory.world(services=(msgspec.structs.replace(SHOP, copies=1),)))
    assert set(memory.running(HOSTS[0])) == {"fleet-shop-0"}


async def test_all_problems_are_told_at_once_and_nothing_is_touched(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    (tmp_path / "token").unlink()
    memory.machines.at(HOSTS[1]).away = "it does not answer"
    taken = b"0: 00000000:1F41 00000000:0000 0A\n"
    files = memory.machines.at(HOSTS[0]).files
    files["/proc/net/tcp"] = msgspec.structs.replace(files["/proc/net/tcp"], content=taken)
    before = memory.changes()
    with pytest.raises(ChecksFailed) as failed:
        await deploy(memory.version("9"))
    problems = "\n".join(failed.value.problems)
    for words in (
        f"{HOSTS[1]}: it does not answer",
        "services.shop.secrets.TOKEN: ",
        f"{HOSTS[0]}: has no image shop:9, nor has this machine",
        f"{HOSTS[0]}: port 8001 is taken, and shop wants it",
    ):
        assert words in problems
    assert memory.changes() == before


async def test_an_image_that_runs_as_root_is_refused_unless_the_file_says_so(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    memory.here.images["shop:1.0.0"] = ("sha256:root", "")
    with pytest.raises(ChecksFailed, match=r"the image of shop runs as root"):
        await deploy(memory.world())
    await deploy(memory.world(services=(msgspec.structs.replace(SHOP, user="0"),)))


async def test_machines_that_are_not_provisioned_are_told_of(tmp_path: Path) -> None:
    with pytest.raises(ChecksFailed) as failed:
        await deploy(FleetInMemory(tmp_path).world())
    assert {f"{address}: is not provisioned: flotilla provision" for address in (*GATEWAYS, *HOSTS)} == set(
        failed.value.problems
    )


async def test_a_host_that_alone_answers_for_a_service_is_warned_of(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    await deploy(memory.world())
    warning = f"warning: {HOSTS[0]} alone answers for shop: nobody does while its copies are replaced"
    assert warning not in (await deploy(memory.version("1.0.1"), dry_run=True)).plan
    await drain(memory.world(), HOSTS[1])
    assert warning in (await deploy(memory.version("1.0.1"), dry_run=True)).plan


async def test_a_dry_run_touches_nothing(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    before = memory.changes()
    done = await deploy(memory.world(), dry_run=True)
    assert memory.changes() == before
    assert f"{HOSTS[0]}: shop: copies: 2 started" in done.plan


async def test_an_image_comes_from_the_registry_where_it_is_not_here(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    for host in HOSTS:
        memory.dockers[host].registry["r.example.com/shop:1.0.0"] = ("sha256:r", "app")
    await deploy(memory.world(registry=Registry(server="r.example.com")))
    assert memory.running(HOSTS[0]) == dict.fromkeys(ALL, "1.0.0")


async def test_what_people_drained_stays_drained_through_a_deploy(tmp_path: Path) -> None:
    other = msgspec.structs.replace(SHOP, name="other", ports=Ports(first=8100, container=80))
    memory = await _provisioned(tmp_path, (SHOP, other))
    await deploy(memory.world())
    await drain(memory.world(), HOSTS[0])
    await drain(memory.world(), HOSTS[1], "other")
    await deploy(memory.version("1.0.1"))
    assert memory.host_file(HOSTS[0]).drain
    assert [one.state for one in memory.host_file(HOSTS[1]).services] == [State.READY, State.DRAIN]
    assert memory.running(HOSTS[0])["fleet-shop-0"] == "1.0.1"
    await undrain(memory.world(), HOSTS[0])
    await undrain(memory.world(), HOSTS[1], "other")
    assert not memory.host_file(HOSTS[0]).drain
    assert [one.state for one in memory.host_file(HOSTS[1]).services] == [State.READY, State.READY]


async def test_a_drain_is_over_when_no_gateway_has_a_request_left(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    await deploy(memory.world())
    memory.in_flight = {(HOSTS[0], "shop"): 20}
    done = await drain(memory.world(), HOSTS[0])
    assert memory.in_flight[HOSTS[0], "shop"] == 0
    assert (done.services, done.changed) == (("shop",), True)
    assert not (await drain(memory.world(), HOSTS[0])).changed


async def test_a_service_of_a_drained_host_is_not_undrained_alone(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    await deploy(memory.world())
    await drain(memory.world(), HOSTS[0])
    with pytest.raises(Refused, match="is drained as a whole"):
        await undrain(memory.world(), HOSTS[0], "shop")
    with pytest.raises(Refused, match="has no service nope; it has shop"):
        await drain(memory.world(), HOSTS[0], "nope")


async def test_a_host_in_no_file_gets_the_services_and_nobody_else_is_touched(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    await deploy(memory.world())
    await provision(memory.world(), ["10.0.0.24"])
    memory.history.clear()
    done = await deploy(memory.world(), ["10.0.0.24"])
    assert (done.generation, done.changed) == (1, ("10.0.0.24",))
    assert {line.split()[0] for line in memory.history} == {"10.0.0.24"}
    assert memory.running("10.0.0.24") == dict.fromkeys(ALL, "1.0.0")


async def test_the_status_shows_who_differs_from_the_file(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    await deploy(memory.world())
    await drain(memory.world(), HOSTS[0])
    memory.machines.at(HOSTS[1]).away = "it does not answer"
    seen = await status(memory.version("1.0.1"))
    first, second = seen.hosts
    assert first.drained
    assert first.drift == ("shop: runs 1.0.0, the file says 1.0.1",)
    assert (second.member, second.drift) == ("no member", ("it does not answer",))
    assert seen.services[0].versions == {"1.0.0": 2}
    assert f"gateway {GATEWAYS[0]}: is told otherwise than the file says: flotilla deploy" in seen.warnings


async def test_generations_grow_also_where_the_first_gateway_forgot_them(tmp_path: Path) -> None:
    memory = await _provisioned(tmp_path)
    await deploy(memory.world())
    await deploy(memory.version("1.0.1"))
    del memory.machines.at(GATEWAYS[0]).files["/var/lib/flotilla/releases.json"]
    assert (await deploy(memory.version("1.0.0"))).generation == 3


def test_ports_that_somebody_listens_on_are_read_from_the_kernels_tables() -> None:
    table = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
   1: 0100007F:1F41 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0
   2: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000
"""
    assert read_listening(table) == {8000, 22}


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("0 running 0 false", ""),
        ("2 running 1 false", ""),
        ("0 exited 3 false", "it has ended (status 3)"),
        (
            "3 restarting 137 true",
            "it ends again and again (status 137, killed for want of memory, started anew 3 times)",
        ),
    ],
)
def test_a_container_that_will_not_live_is_told_early(state: str, words: str) -> None:
    assert ending(state) == words


def test_answers_are_shown_short_and_without_secrets() -> None:
    secrets = {"TOKEN": Secret("abc")}
    assert shown(Answer(status=500, body=b"a\n  b" + b"x" * 1000), secrets).startswith("500: a b")
    assert len(shown(Answer(status=500, body=b"x" * 1000), secrets)) < 400
    assert shown(Answer(status=500, body=b"x" * 299 + b"abc"), secrets).endswith("x…")
    assert hidden("token=abc", secrets) == "token=…"
    assert repr(Request(path="/", headers={"A": "secret"})) == "Request(GET /)"
