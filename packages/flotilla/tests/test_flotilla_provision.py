"""Provisioning, over a fleet in memory: whole, idempotent, and with the key in no command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flotilla.errors import NotInTime, Refused, RemoteErrors, Unreachable
from flotilla.operator import files
from flotilla.operator.keyring import fleets_keys, speaks
from flotilla.operator.provision import provision
from flotilla.operator.rotate import rotate
from flotilla_fleet_in_memory import GATEWAYS, HOSTS, FleetInMemory


def _keys(memory: FleetInMemory, address: str) -> list[str]:
    keys: list[str] = json.loads(memory.machines.at(address).files[files.KEYRING].content or b"")
    return keys


async def test_machines_with_sshd_become_a_fleet(tmp_path: Path) -> None:
    memory = FleetInMemory(tmp_path)
    done = await provision(memory.world())
    assert set(memory.dockers[HOSTS[0]].containers) == {"flotilla-agent"}
    assert set(memory.dockers[GATEWAYS[0]].containers) == {"flotilla-gateway", "flotilla-haproxy"}
    assert set(done.changed) == {*GATEWAYS, *HOSTS}
    assert memory.host_file(HOSTS[0]).services == ()


async def test_the_second_time_changes_nothing_and_says_so(tmp_path: Path) -> None:
    memory = FleetInMemory(tmp_path)
    await provision(memory.world())
    before = memory.changes()
    done = await provision(memory.world())
    assert memory.changes() == before
    assert all(what == [] for what in done.changed.values())
    assert f"{HOSTS[0]} nothing changed" in memory.voice.lines


async def test_images_are_built_once_and_sent_where_they_are_missing(tmp_path: Path) -> None:
    memory = FleetInMemory(tmp_path)
    await provision(memory.world())
    assert sum(argv[:2] == ("docker", "build") for argv in memory.workshop.ran) == 2
    assert sum(argv[:2] == ("docker", "load") for argv in memory.ran()) == 4


async def test_all_have_one_key_which_is_in_no_command_line(tmp_path: Path) -> None:
    memory = FleetInMemory(tmp_path)
    await provision(memory.world())
    (key,) = _keys(memory, GATEWAYS[0])
    assert {tuple(_keys(memory, address)) for address in (*GATEWAYS, *HOSTS)} == {(key,)}
    assert not [argv for argv in memory.ran() if any(key in word for word in argv)]
    file = memory.machines.at(HOSTS[0]).files[files.KEYRING]
    assert (file.mode, file.owner) == (0o600, "7946:7946")


async def test_a_machine_that_missed_a_rotation_gets_the_gateways_key(tmp_path: Path) -> None:
    memory = FleetInMemory(tmp_path)
    await provision(memory.world())
    stale = memory.machines.at(HOSTS[1]).files[files.KEYRING]
    await rotate(memory.world())
    memory.machines.at(HOSTS[1]).files[files.KEYRING] = stale
    done = await provision(memory.world())
    assert _keys(memory, HOSTS[1]) == _keys(memory, GATEWAYS[0])
    assert list(done.changed[HOSTS[1]]) == ["Serf's key written", "flotilla-agent started"]


async def test_a_program_of_another_image_is_replaced_without_leaving(tmp_path: Path) -> None:
    memory = FleetInMemory(tmp_path)
    await provision(memory.world())
    memory.dockers[HOSTS[0]].containers["flotilla-agent"].labels["flotilla.argv"] = "other"
    done = await provision(memory.world())
    assert list(done.changed[HOSTS[0]]) == ["flotilla-agent replaced"]
    assert ("docker", "rm", "--force", "flotilla-agent") in memory.machines.at(HOSTS[0]).ran


async def test_a_machine_that_cannot_be_reached_is_told_of_and_the_others_are_prepared(tmp_path: Path) -> None:
    memory = FleetInMemory(tmp_path)
    memory.machines.at(HOSTS[0]).away = "it does not answer"
    with pytest.raises(Unreachable, match=HOSTS[0]):
        await provision(memory.world())
    memory.machines.at(HOSTS[1]).away = "it does not answer"
    with pytest.raises(RemoteErrors, match=rf"{HOSTS[0]}: .*\n{HOSTS[1]}: "):
        await provision(memory.world())
    assert "/var/lib/flotilla/gateway" in memory.machines.at(GATEWAYS[0]).files


async def test_an_agent_that_is_no_member_is_told_of_with_its_log(tmp_path: Path) -> None:
    memory = FleetInMemory(tmp_path)
    await provision(memory.world())
    memory.dockers[HOSTS[0]].containers["flotilla-agent"].log = "cannot listen on 7946"
    memory.mute.add(HOSTS[0])
    with pytest.raises(
        NotInTime, match=f"(?s){HOSTS[0]} is no member.*flotilla-agent is running.*cannot listen on 7946"
    ):
        await provision(memory.world())


async def test_a_host_in_no_file_is_provisioned_by_hand_and_nothing_else_is_touched(tmp_path: Path) -> None:
    memory = FleetInMemory(tmp_path)
    await provision(memory.world())
    before = {address: list(memory.dockers[address].containers) for address in (*GATEWAYS, *HOSTS)}
    done = await provision(memory.world(), ["10.0.0.24"])
    assert set(done.changed) == {"10.0.0.24"}
    assert before == {address: list(memory.dockers[address].containers) for address in (*GATEWAYS, *HOSTS)}
    assert _keys(memory, "10.0.0.24") == _keys(memory, GATEWAYS[0])


@pytest.mark.parametrize("address", ["10.9.0.1", "10.0.0.10", "host-1"])
async def test_what_may_be_no_host_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(Refused, match=address):
        await provision(FleetInMemory(tmp_path).world(), [address])


async def test_a_rotated_key_is_on_all_machines_and_the_old_one_on_none(tmp_path: Path) -> None:
    memory = FleetInMemory(tmp_path)
    await provision(memory.world())
    (old,) = _keys(memory, GATEWAYS[0])
    done = await rotate(memory.world())
    keys = {tuple(_keys(memory, address)) for address in (*GATEWAYS, *HOSTS)}
    assert len(keys) == 1
    assert old not in next(iter(keys))
    assert (done.members, done.removed) == (4, 1)
    assert not [argv for argv in memory.ran() if any(old in word or next(iter(keys))[0] in word for word in argv)]


async def test_no_key_is_rotated_while_a_host_of_the_file_is_missing(tmp_path: Path) -> None:
    memory = FleetInMemory(tmp_path)
    await provision(memory.world())
    old = _keys(memory, GATEWAYS[0])
    memory.machines.at(HOSTS[1]).away = "it does not answer"
    with pytest.raises(Refused, match=rf"{HOSTS[1]}: is not there\n.*no old key is removed; nothing was changed"):
        await rotate(memory.world())
    assert _keys(memory, GATEWAYS[0]) == old


@pytest.mark.parametrize(
    ("own", "fleets", "understood"),
    [
        (None, ("a",), False),
        (("a",), ("a",), True),
        (("b", "a"), ("a", "b"), True),
        (("a",), ("b", "a"), False),
        (("a", "b"), ("b",), False),
        (("c",), ("a",), False),
    ],
)
def test_machines_understand_each_other_when_each_knows_what_the_other_speaks_with(
    own: tuple[str, ...] | None, fleets: tuple[str, ...], understood: bool
) -> None:
    assert speaks(own, fleets) is understood


def test_the_first_machine_that_has_keys_is_believed() -> None:
    assert fleets_keys({"a": None, "b": ("2",), "c": ("3",)}) == ("2",)
    assert fleets_keys({"a": None}) is None
