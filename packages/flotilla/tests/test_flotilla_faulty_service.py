"""The faulty service does each thing wrong that it is told to, and nothing else."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator

import pytest
from flotilla_services import Container, container, docker, faulty_image, wait_for


@pytest.fixture(scope="module")
def image(docker: None) -> str:
    return faulty_image("7")


@pytest.fixture(scope="module")
def service(image: str) -> Iterator[Container]:
    with container(image) as one:
        one.wait_healthy()
        yield one


@pytest.fixture
def sound(service: Container) -> Iterator[Container]:
    """The service, sound again after the test."""
    yield service
    service.control(error_one_in=0, close_one_in=0, half_one_in=0, hang_one_in=0, slow_s=0.0, sick=False)
    service.control(hang_health=False, slow_health_s=0.0)


def test_answers_can_be_errors_one_in_two(sound: Container) -> None:
    sound.control(error_one_in=2)
    assert sorted(sound.ask()[0] for _ in range(4)) == [200, 200, 500, 500]


def test_a_connection_can_be_closed_without_an_answer(sound: Container) -> None:
    sound.control(close_one_in=1)
    with pytest.raises(http.client.RemoteDisconnected):
        sound.ask()


def test_an_answer_can_break_off(sound: Container) -> None:
    sound.control(half_one_in=1)
    with pytest.raises(http.client.IncompleteRead):
        sound.ask()


def test_answers_can_be_slow_while_health_is_fast(sound: Container) -> None:
    sound.control(slow_s=0.5)
    begin = time.monotonic()
    assert sound.ask("/healthz")[0] == 200
    healthy = time.monotonic()
    assert sound.ask()[0] == 200
    assert healthy - begin < 0.5 <= time.monotonic() - healthy


def test_it_can_hang_and_still_be_told_to_stop_that(sound: Container) -> None:
    sound.control(hang_one_in=1)
    connection = http.client.HTTPConnection(sound.address, 8000, timeout=0.3)
    connection.request("GET", "/")
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()
    sound.control(hang_one_in=0)
    assert sound.ask()[0] == 200


def test_health_can_be_sick_or_slow_or_hang_while_the_service_lives(sound: Container) -> None:
    sound.control(sick=True)
    assert (sound.ask("/healthz")[0], sound.ask()[0]) == (503, 200)
    sound.control(sick=False, slow_health_s=0.4)
    begin = time.monotonic()
    assert sound.ask("/healthz")[0] == 200
    assert time.monotonic() - begin >= 0.4
    sound.control(hang_health=True)
    connection = http.client.HTTPConnection(sound.address, 8000, timeout=0.3)
    connection.request("GET", "/healthz")
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()


def test_an_unknown_fault_is_refused_by_name(sound: Container) -> None:
    status, said = sound.ask("/control", "POST", b'{"slow": 1}')
    assert status == 400
    assert b"slow: no such fault; there are hang_one_in" in said


def test_it_can_end_at_once_or_refuse_what_it_is_told(image: str) -> None:
    with container(image, env={"FAULTS": '{"exit_at_once": 3}'}) as one:
        assert one.wait_ended() == 3
    with container(image, env={"FAULTS": '{"port": "x"}'}) as one:
        assert one.wait_ended() == 1
        assert "FAULTS: port: 'x' is no int" in one.log()


def test_it_can_get_ready_late_and_listen_on_another_port(image: str) -> None:
    with container(image, env={"FAULTS": '{"ready_after_s": 1.0, "port": 8001}'}) as one:
        wait_for(lambda: "listens on 8001" in one.log(), 10, "it does not listen")
        begin = time.monotonic()
        assert one.ask("/healthz", port=8001)[0] == 503
        with pytest.raises(ConnectionRefusedError):
            one.ask("/healthz")
        wait_for(lambda: one.ask("/healthz", port=8001)[0] == 200, 10, "it is never ready")
        assert time.monotonic() - begin > 0.3


@pytest.mark.parametrize(("sigterm", "whole", "status"), [("drain", True, 0), ("abrupt", False, 143)])
def test_a_request_in_flight_at_sigterm_is_finished_or_not(image: str, sigterm: str, whole: bool, status: int) -> None:
    with container(image, env={"FAULTS": f'{{"slow_s": 0.7, "sigterm": "{sigterm}"}}'}) as one:
        one.wait_healthy()
        connection = http.client.HTTPConnection(one.address, 8000, timeout=5)
        connection.request("GET", "/")
        wait_for(lambda: one.counts().get("requests") == 1, 5, "the request did not arrive")
        docker("kill", "--signal", "TERM", one.name)
        if whole:
            assert connection.getresponse().status == 200
        else:
            with pytest.raises(ConnectionError):
                connection.getresponse()
        connection.close()
        assert one.wait_ended() == status


def test_it_can_leak_until_it_is_killed(image: str) -> None:
    with container(image, ["--memory", "48m"], {"FAULTS": '{"leak_mb_s": 200}'}) as one:
        assert one.wait_ended() == 137
        assert one.state()["OOMKilled"]
