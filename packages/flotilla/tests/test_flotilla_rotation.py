"""Which copies are in rotation, and with what weight."""

from __future__ import annotations

import msgspec
from flotilla.domain.member import Role, member_name
from flotilla.domain.report import State
from flotilla.gateway.known import Known, merge
from flotilla.gateway.rotation import CANARY_WEIGHT, FULL_WEIGHT, rotation
from flotilla_members import FILE, NOW, a_host, a_report


def test_a_ready_service_has_full_weight_a_canary_little_and_a_drained_one_none() -> None:
    members = [
        a_host("10.0.0.21", a_report(ready=0b101)),
        a_host("10.0.0.22", a_report(ready=0b10, state=State.CANARY)),
        a_host("10.0.0.23", a_report(state=State.DRAIN)),
    ]
    servers = rotation(merge(Known(), members, FILE, NOW), FILE)
    assert [(server.name, server.weight) for server in servers] == [
        ("10.0.0.21:8000", FULL_WEIGHT),
        ("10.0.0.21:8002", FULL_WEIGHT),
        ("10.0.0.22:8001", CANARY_WEIGHT),
    ]


def test_the_order_of_members_does_not_matter() -> None:
    members = [a_host(f"10.0.0.{number}") for number in (21, 22, 100, 3)]
    one, other = (merge(Known(), each, FILE, NOW) for each in (members, members[::-1]))
    assert rotation(one, FILE) == rotation(other, FILE)


def test_a_host_with_an_ipv6_address_is_in_rotation() -> None:
    file = msgspec.structs.replace(FILE, admit=("fd00::/8",))
    name = member_name(Role.HOST, "fd00::21")
    servers = rotation(merge(Known(), [a_host("fd00::21", name=name)], file, NOW), file)
    assert [server.name for server in servers] == ["fd00::21:8000", "fd00::21:8001"]
