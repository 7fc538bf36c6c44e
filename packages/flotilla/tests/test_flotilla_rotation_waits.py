"""When a gateway's word counts: that a host's copies are in rotation, and that no request is left on it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from flotilla.domain.load import Load, Part
from flotilla.domain.status import ServerStatus, StatusDocument, decode_status
from flotilla.operator.deploy import deploy
from flotilla.operator.provision import provision
from flotilla.operator.rotation import not_in, not_out
from flotilla.remote import Answer, Request
from flotilla_fleet_in_memory import GATEWAYS, HOSTS, SHOP, FleetInMemory

HOST = HOSTS[0]


async def _document(folder: Path, state: str) -> StatusDocument:
    memory = FleetInMemory(folder)
    await provision(memory.world())
    await deploy(memory.world())
    answer = memory.machines.at(GATEWAYS[0]).web[GATEWAYS[0], 8404](Request(path="/status.json"))
    assert isinstance(answer, Answer)
    document = decode_status(answer.body)
    members = tuple(
        msgspec.structs.replace(
            member, services=tuple(msgspec.structs.replace(one, state=state) for one in member.services)
        )
        for member in document.members
    )
    return msgspec.structs.replace(document, members=members)


def _server(wanted: int | None, status: str, sessions: int = 0, queue: int = 0) -> ServerStatus:
    load = Load(part=Part.SERVER, backend="shop", status=status, sessions=sessions, queue=queue)
    return ServerStatus(service="shop", name=f"{HOST}:8000", address=HOST, wanted=wanted, load=load)


@pytest.mark.parametrize(
    ("state", "servers", "word"),
    [
        ("drain", (), None),
        ("drain", (_server(None, "DRAIN"),), None),
        ("drain", (_server(None, "DRAIN", sessions=2, queue=1),), "has 3 requests left"),
        ("drain", (_server(100, "UP"),), "still has 1 copies"),
        ("ready", (), "has not heard yet that shop"),
    ],
)
async def test_nothing_is_left_when_a_gateway_that_knows_of_the_drain_says_so(
    tmp_path: Path, state: str, servers: tuple[ServerStatus, ...], word: str | None
) -> None:
    document = msgspec.structs.replace(await _document(tmp_path, state), servers=servers)
    said = not_out(document, HOST, ["shop"])
    assert said is None if word is None else said is not None and word in said


async def test_a_gateway_that_has_just_begun_has_no_say(tmp_path: Path) -> None:
    document = msgspec.structs.replace(await _document(tmp_path, "drain"), servers=())
    silent = msgspec.structs.replace(document, gossip=msgspec.structs.replace(document.gossip, answered_s=None))
    assert not_out(silent, HOST, ["shop"]) == "does not know the members yet"
    behind = msgspec.structs.replace(document, proxy=msgspec.structs.replace(document.proxy, converged=False))
    assert not_out(behind, HOST, ["shop"]) == "has not told HAProxy yet"


@pytest.mark.parametrize(
    ("wanted", "status", "count"), [(100, "UP", 1), (100, "DOWN", 0), (None, "UP", 0), (1, "no check", 1)]
)
async def test_a_copy_is_in_rotation_when_it_is_wanted_and_up(
    tmp_path: Path, wanted: int | None, status: str, count: int
) -> None:
    document = msgspec.structs.replace(await _document(tmp_path, "ready"), servers=(_server(wanted, status),))
    assert not_in(document, HOST, SHOP) == f"has {count} of 2 copies of shop on {HOST} in rotation"
    assert (not_in(document, HOST, msgspec.structs.replace(SHOP, copies=1)) is None) is (count == 1)
