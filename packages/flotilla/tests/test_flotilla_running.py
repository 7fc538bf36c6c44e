"""What HAProxy 3.0.11 says of itself, as values. The texts are its own."""

from __future__ import annotations

import pytest
from flotilla.errors import ProxyError
from flotilla.gateway.running import ALL_STAT, Running, questions, running

INFO = "Name: HAProxy\nVersion: 3.0.11-1+deb13u5\nUptime: 0d 0h00m14s\nUptime_sec: 14\ndescription: flotilla 4bb9\n\n"
HEADER = (
    "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state "
    "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr "
    "srv_agent_addr srv_agent_port\n"
)
SERVERS = HEADER + (
    "2 web 1 10.0.0.1:8000 10.0.0.1 2 4 10 10 3 15 3 6 6 0 0 0 - 8000 - 0 0 - - 0\n"
    "2 web 2 10.0.0.2:8000 10.0.0.2 0 5 10 10 14 8 2 0 14 0 0 0 - 8000 - 0 0 - - 0\n"
    "2 web 1000001 10.0.0.9:8000 10.0.0.9 2 8 1 10 1 15 3 6 2 0 0 1 - 8000 - 0 0 - - 0\n"
    "3 flotilla.program 1 program /run/x 2 0 1 1 3 1 0 0 0 0 0 0 - 0 - 0 0 - - 0\n"
    "\n"
)
STAT = (
    "# pxname,svname,qcur,qmax,scur,smax,slim,stot\nweb,10.0.0.9:8000,1,1,3,3,,9,\n\n"
    "# pxname,svname,qcur,qmax,scur,smax,slim,stot\nweb,10.0.0.7:8000,0,0,0,0,,0,\n\n"
)


def test_servers_are_read_with_their_states_and_the_gateways_own_left_out() -> None:
    said = running(INFO, SERVERS, STAT)
    assert (said.structure, said.uptime_s) == ("4bb9", 14)
    first, second, third = said.servers.values()
    assert (first.in_maintenance, first.drains, first.watched, first.weight, first.operational) == (
        False, False, True, 10, 2,
    )  # fmt: skip
    assert (second.in_maintenance, second.drains, second.operational) == (True, False, 0)
    assert (third.drains, third.added, third.watched, third.sessions, third.queue) == (True, True, False, 3, 1)


def test_only_those_that_drain_are_asked_for_their_requests() -> None:
    said = running(INFO, SERVERS)
    assert questions(said) == ("show stat 2 4 1000001",)
    draining = next(each for each in said.servers.values() if each.drains)
    many = Running(structure="x", servers={("web", str(number)): draining for number in range(201)})
    assert questions(many) == (ALL_STAT,)


def test_somebody_elses_haproxy_has_no_structure() -> None:
    assert running("Version: 3.0\ndescription: mine\n", SERVERS).structure is None
    assert running("Version: 3.0\n", SERVERS).structure is None


@pytest.mark.parametrize(
    ("info", "servers", "stat"),
    [
        ("Permission denied\n", SERVERS, ""),
        (INFO, "Permission denied\n", ""),
        (INFO, "1\n# be_id be_name\n", ""),
        (INFO, HEADER + "2 web x\n", ""),
        (INFO, SERVERS.replace(" 2 4 10 ", " up 4 10 "), ""),
        (INFO, SERVERS, "web,10.0.0.1:8000,x,1,3,3,\n"),
    ],
)
def test_an_answer_that_is_none_is_an_error(info: str, servers: str, stat: str) -> None:
    with pytest.raises(ProxyError):
        running(info, servers, stat)
