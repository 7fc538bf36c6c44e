"""The load generator counts every request, and tells what became of each: held against a server that counts, too."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flotilla_load import Again, Ask, Load, Order, Outcome, Result, under_load

SERVICE = Path(__file__).with_name("faulty_service.py")
GET, POST = Ask(), Ask("POST", "/x", "body {n}", holds="body {n}")


class Served:
    """A faulty service on this machine."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.port = process, port
        self.gateway = f"127.0.0.1:{port}"

    def counts(self) -> dict[str, int]:
        with urllib.request.urlopen(f"http://{self.gateway}/counts") as answer:
            return json.load(answer)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def service(copy: str = "a:1", **faults: object) -> Iterator[Served]:
    port = free_port()
    env = {**os.environ, "COPY": copy, "FAULTS": json.dumps({"port": port, **faults})}
    process = subprocess.Popen([sys.executable, str(SERVICE)], env=env, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert "listens" in process.stdout.readline()
        try:
            yield Served(process, port)
        finally:
            process.kill()


def loaded(*gateways: str, seconds: float = 1.0, **more: object) -> Result:
    load = Load(gateways=gateways, seconds=seconds, **{"rate": 300.0, "asks": (GET, POST), "timeout_s": 3.0, **more})
    with under_load(load) as running:
        running.finish()
    return running.result


def test_all_requests_of_the_plan_are_made_and_answered() -> None:
    with service() as one:
        result = loaded(one.gateway)
        assert len(result.answers) == 300
        assert result.outcomes == {Outcome.OK: 300}
        assert one.counts()["requests"] == 300
    assert sum(answer.kept for answer in result.answers) == 150
    assert sum(answer.kept and answer.ask == 0 for answer in result.answers) == 75


@pytest.mark.parametrize(
    ("faults", "counted", "outcome"),
    [
        ({"close_one_in": 7}, "closed", Outcome.DROPPED),
        ({"half_one_in": 7}, "halves", Outcome.DROPPED),
        ({"error_one_in": 7}, "errors", Outcome.STATUS),
        ({"hang_one_in": 30}, "hung", Outcome.TIMED_OUT),
    ],
)
def test_what_the_server_did_wrong_is_counted_exactly(faults: dict[str, int], counted: str, outcome: Outcome) -> None:
    with service(**faults) as one:
        result = loaded(one.gateway, kept=0.0, timeout_s=0.5)
        wrong = one.counts()[counted]
    assert wrong == 300 // next(iter(faults.values()))
    assert result.outcomes == {Outcome.OK: 300 - wrong, outcome: wrong}
    assert len(result.lost) == wrong


def test_answers_that_break_off_over_kept_connections_are_counted_exactly() -> None:
    with service(half_one_in=7) as one:
        result = loaded(one.gateway, kept=1.0)
        assert len(result.lost) == one.counts()["halves"] == 42
    assert result.races == 0


def test_a_get_on_a_connection_that_was_just_closed_is_repeated_and_counted_apart() -> None:
    with service(close_one_in=2) as one:
        result = loaded(one.gateway, kept=1.0, connections=1, asks=(GET,), rate=100.0)
        closed = one.counts()["closed"]
    # Where two requests overlap, one has a new connection: that one's end is no race.
    assert sum(answer.races for answer in result.answers) + len(result.lost) == closed
    assert result.races > 50 > 10 * len(result.lost)


def test_a_post_on_a_connection_that_was_just_closed_is_lost() -> None:
    with service(close_one_in=2) as one:
        result = loaded(one.gateway, kept=1.0, connections=1, asks=(POST,), rate=100.0)
        assert len(result.lost) == one.counts()["closed"] == 50
    assert result.races > 40


def test_a_connection_that_is_closed_while_idle_costs_no_request() -> None:
    with service(idle_s=0.05) as one:
        result = loaded(one.gateway, kept=1.0, connections=2, rate=10.0, asks=(GET,))
    assert not result.lost
    assert result.idle_closed >= 5


def test_a_stall_is_seen_by_all_requests_that_were_due_in_it() -> None:
    with service() as one, under_load(Load(gateways=(one.gateway,), rate=200.0)) as running:
        running.go_on(0.5)
        running.mark("stopped")
        one.process.send_signal(signal.SIGSTOP)
        running.go_on(0.5)
        one.process.send_signal(signal.SIGCONT)
        went_on = running.mark("went on")
        running.go_on(0.5)
    result = running.result
    stalled = result.between(running.marks["stopped"] + 0.02, went_on)  # it takes a moment until the signal is there
    assert not result.lost
    assert len(stalled) >= 90
    assert all(answer.end >= went_on for answer in stalled)
    assert result.stall_s >= went_on - running.marks["stopped"] - 0.1


def test_an_answer_to_another_request_is_wrong() -> None:
    with service() as one:
        result = loaded(one.gateway, asks=(Ask("POST", "/", "no number", holds="number {n}"),), rate=50.0)
    assert set(result.outcomes) == {Outcome.WRONG}


def test_a_dead_gateway_takes_no_request_with_it_where_clients_ask_the_other() -> None:
    with service() as one:
        dead = f"127.0.0.1:{free_port()}"
        for order in Order:
            result = loaded(dead, one.gateway, order=order, again=Again.CONNECT)
            assert not result.lost
            assert sum(answer.elsewhere for answer in result.answers) >= 1
        result = loaded(dead, one.gateway)
    assert result.outcomes == {Outcome.OK: 150, Outcome.REFUSED: 150}


def test_what_a_gateway_dropped_is_asked_of_the_other_where_the_method_allows() -> None:
    with service(close_one_in=1) as bad, service("b:1") as good:
        safe = loaded(bad.gateway, good.gateway, again=Again.SAFE)
        everything = loaded(bad.gateway, good.gateway, again=Again.ALL)
    assert {answer.ask for answer in safe.lost} == {1}
    assert not everything.lost


def test_the_timeline_tells_when_a_host_got_its_last_request() -> None:
    with service("10.0.0.1:8000") as one, service("10.0.0.2:8000") as other:
        load = Load(gateways=(one.gateway, other.gateway), rate=200.0, again=Again.ALL)
        with under_load(load) as running:
            running.wait_until(lambda counts: "10.0.0.1:8000" in counts.copies)
            running.go_on(0.5)
            one.process.kill()
            one.process.wait()
            killed = running.mark("killed")
            running.go_on(0.5)
    result = running.result
    assert not result.lost
    assert result.last_after(killed, "10.0.0.1") == 0.0
    assert result.last_after(killed, "10.0.0.2") > 0.4
    assert set(result.timeline()) == {"10.0.0.1", "10.0.0.2"}
    assert sum(sum(line) for line in result.timeline().values()) == len(result.answers)


def test_chunked_answers_and_those_that_end_with_the_connection_are_whole() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        answers = [
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwho",
            b"HTTP/1.1 200 OK\r\n\r\nwhole",
        ]
        rest = [b"l\r\n1;x=y\r\ne\r\n0\r\n\r\n", b""]
        asks = (Ask(holds="whole"),)
        with under_load(Load(gateways=(f"127.0.0.1:{server.getsockname()[1]}",), rate=2.0, asks=asks)) as running:
            for first, second in zip(answers, rest, strict=True):
                connection, _ = server.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(first)
                    connection.sendall(second)
            running.wait_until(lambda counts: counts.answered >= 2)
            running.stop()
    assert [one.outcome for one in running.result.answers[:2]] == [Outcome.OK, Outcome.OK]
