"""What a gateway believes of its members, and for how long."""

from __future__ import annotations

import msgspec
import pytest
from flotilla.domain.member import Member, Status
from flotilla.domain.report import State
from flotilla.gateway.known import HELD_S, HINT_HELD_S, Known, decode_known, encode_known, merge, overlay
from flotilla.gateway.rotation import rotation
from flotilla_members import FILE, NOW, a_gateway, a_host, a_report

HOST = "host-10.0.0.21"


def names(known: Known) -> list[str]:
    return [server.name for server in rotation(known, FILE)]


@pytest.fixture
def known() -> Known:
    """One host with two ready copies."""
    return merge(Known(), [a_host()], FILE, NOW)


def test_an_alive_host_is_in_rotation_with_its_ready_copies(known: Known) -> None:
    assert names(known) == ["10.0.0.21:8000", "10.0.0.21:8001"]


@pytest.mark.parametrize("status", [Status.LEFT, Status.LEAVING, Status.NONE])
def test_a_host_that_leaves_is_out_and_stays_shown(known: Known, status: Status) -> None:
    after = merge(known, [a_host(status=status)], FILE, NOW)
    assert names(after) == []
    assert after.members[HOST].status is status
    assert merge(after, [], FILE, NOW).members == {}


def test_a_failed_host_stays_in_rotation_for_a_day_and_is_no_last_resort(known: Known) -> None:
    failed = a_host(status=Status.FAILED)
    after = merge(known, [failed], FILE, NOW + HELD_S - 1)
    assert [server.alive for server in rotation(after, FILE)] == [False, False]
    assert after.members[HOST].seen_s == NOW
    over = merge(after, [failed], FILE, NOW + HELD_S)
    assert names(over) == []
    assert "24 hours" in str(over.members[HOST].problem)
    assert names(merge(over, [a_host()], FILE, NOW + HELD_S + 1)) == ["10.0.0.21:8000", "10.0.0.21:8001"]


def test_an_empty_list_empties_nothing_for_a_day(known: Known) -> None:
    after = merge(known, [], FILE, NOW + HELD_S - 1)
    assert names(after) == names(known)
    assert after.members[HOST].status is Status.FAILED
    assert merge(after, [], FILE, NOW + HELD_S).members == {}


def test_a_host_that_vanished_after_it_left_is_forgotten(known: Known) -> None:
    leaving = merge(known, [a_host(status=Status.LEAVING)], FILE, NOW)
    assert merge(leaving, [], FILE, NOW).members == {}


def test_a_gateway_that_starts_finds_a_failed_host_and_holds_it(known: Known) -> None:
    assert names(merge(Known(), [a_host(status=Status.FAILED)], FILE, NOW)) == names(known)


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (a_host(fleet="other"), "of another fleet: 'other'"),
        (a_host(tags={"role": "king"}), "role is 'king'"),
        (Member(name=HOST, address="10.0.0.21", status=Status.ALIVE, tags={}), "no tags role and fleet"),
        (a_host(address="10.0.0.66", name=HOST), "name does not go with its address"),
        (a_host(address="192.168.0.1", name=HOST), "outside the admitted networks (10.0.0.0/24)"),
        (a_host(address="10.0.0.021", name=HOST), "outside the admitted networks"),
        (a_host(tags={"flotilla": "1/x/1"}), "broken tags, its last good report holds"),
        (a_host(tags={}), "broken tags, its last good report holds"),
        (a_host(tags={"flotilla": "1/9/1", "web": "1.0.0/1/gone/3"}), "broken tags, its last good report holds"),
    ],
)
def test_a_member_that_is_forged_or_broken_changes_nothing_and_is_shown(
    known: Known, member: Member, words: str
) -> None:
    after = merge(known, [member], FILE, NOW)
    assert names(after) == names(known)
    assert words in str(after.members[HOST].problem)
    alone = merge(Known(), [member], FILE, NOW)
    assert names(alone) == []
    assert alone.members[HOST].problem
    assert merge(after, [a_host()], FILE, NOW).members[HOST].problem is None


def test_a_host_outside_the_admitted_networks_never_gets_in() -> None:
    known = merge(Known(), [a_host(address="10.0.1.21")], FILE, NOW)
    assert names(known) == []
    assert names(overlay(known, "host-10.0.1.21", a_report(serial=9), FILE, NOW)) == []


def test_a_host_whose_network_is_admitted_no_more_is_out(known: Known) -> None:
    narrow = msgspec.structs.replace(FILE, admit=("10.0.0.64/26",))
    assert rotation(known, narrow) == ()


def test_what_the_file_does_not_know_of_a_report_keeps_nothing_else_of_it_out(known: Known) -> None:
    tags = {"flotilla": "1/2/1", "web": "1.0.0/1/ready/f001", "other": "1/1/ready/1"}
    after = merge(known, [a_host(tags=tags)], FILE, NOW)
    assert names(after) == ["10.0.0.21:8000"]
    assert "'other' is not in the gateway's file" in str(after.members[HOST].problem)
    assert "copies of web outside its ports 8000 to 8002" in str(after.members[HOST].problem)


def test_a_hint_takes_effect_before_the_member_list_and_an_older_list_does_not_undo_it(known: Known) -> None:
    drained = overlay(known, HOST, a_report(serial=2, state=State.DRAIN), FILE, NOW)
    assert names(drained) == []
    assert names(merge(drained, [a_host(report=a_report(serial=1))], FILE, NOW + 1)) == []
    assert names(merge(drained, [a_host(report=a_report(serial=3))], FILE, NOW + 1)) == names(known)


def test_a_list_with_a_lower_serial_counts_when_it_lasts(known: Known) -> None:
    drained = overlay(known, HOST, a_report(serial=2, state=State.DRAIN), FILE, NOW)
    after = merge(drained, [a_host(report=a_report(serial=1))], FILE, NOW + HINT_HELD_S)
    assert names(after) == names(known)


@pytest.mark.parametrize("serial", [0, 1])
def test_a_hint_that_is_no_later_changes_nothing(known: Known, serial: int) -> None:
    assert overlay(known, HOST, a_report(serial=serial, state=State.DRAIN), FILE, NOW) is known


def test_a_hint_of_a_stranger_or_of_one_that_left_changes_nothing(known: Known) -> None:
    later = a_report(serial=9)
    assert overlay(known, "host-10.0.0.99", later, FILE, NOW) is known
    left = merge(known, [a_host(status=Status.LEFT)], FILE, NOW)
    assert overlay(left, HOST, later, FILE, NOW) is left
    forged = merge(Known(), [a_host(fleet="other")], FILE, NOW)
    assert overlay(forged, HOST, later, FILE, NOW) is forged
    gateways = merge(Known(), [a_gateway("10.0.0.30")], FILE, NOW)
    assert overlay(gateways, "gateway-10.0.0.30", later, FILE, NOW) is gateways


def test_a_gateway_is_a_member_without_copies() -> None:
    known = merge(Known(), [a_gateway()], FILE, NOW)
    assert known.members["gateway-10.0.0.10"].problem is None
    assert names(known) == []


def test_the_memory_comes_back_as_it_was(known: Known) -> None:
    assert decode_known(encode_known(known)) == (known, None)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"members":{"a":1}}', b"\xff", b'{"members":{}, "x":1}'])
def test_a_broken_memory_is_an_empty_one_with_a_reason(data: bytes) -> None:
    known, reason = decode_known(data)
    assert known == Known()
    assert "begins empty" in str(reason)
