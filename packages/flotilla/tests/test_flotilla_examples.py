"""The examples in Python, Node and Java are what a fleet wants of a service, and all three the same."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path

import pytest
from flotilla.fleetfile import parse
from flotilla_load import Ask, Load, under_load
from flotilla_services import EXAMPLES, Container, container, docker, example_image, wait_for

LANGUAGES = ("python", "node", "java")


@pytest.fixture(scope="module", params=LANGUAGES)
def image(docker: None, request: pytest.FixtureRequest) -> str:
    return example_image(request.param, "1.2.3")


@pytest.fixture(scope="module")
def python_image(docker: None) -> str:
    return example_image("python", "1.2.3")


def test_it_says_who_and_which_version_it_is_and_gives_a_body_back(image: str) -> None:
    with container(image) as one:
        one.wait_healthy()
        status, said = one.ask("/")
        about = json.loads(said)
        assert (status, about["version"], about["copy"]) == (200, "1.2.3", docker_hostname(one))
        assert about["service"] == image.split(":")[0]
        body = bytes(range(256)) * 100
        assert one.ask("/echo", "POST", body) == (200, body)
        assert one.ask("/echo", "POST", b"") == (200, b"")
        assert one.ask("/echo", "POST", bytes(2 << 20))[0] == 413
        assert one.ask("/nothing")[0] == 404


def test_it_streams_line_by_line(image: str) -> None:
    with container(image) as one:
        one.wait_healthy()
        connection, answer = begin_stream(one)
        assert answer.getheader("Transfer-Encoding") == "chunked"
        assert len(answer.readlines()) == 9
        connection.close()


def test_a_request_in_flight_is_finished_when_it_is_stopped(image: str) -> None:
    with container(image) as one:
        one.wait_healthy()
        connection, answer = begin_stream(one)
        docker("kill", "--signal", "TERM", one.name)
        wait_for(lambda: says_no(one), 5, "its health is still 200", one.log)
        assert len(answer.readlines()) == 9
        assert one.wait_ended() == 0, one.log()
        assert "has stopped\n" in one.log()
        connection.close()


def test_it_answers_all_that_still_comes_until_nobody_asks_any_more(image: str) -> None:
    with container(image) as one:
        one.wait_healthy()
        with under_load(Load(gateways=(f"{one.address}:8000",), rate=50.0, asks=(Ask(),))) as running:
            running.wait_until(lambda counts: counts.answered > 10)
            docker("kill", "--signal", "TERM", one.name)
            wait_for(lambda: says_no(one), 5, "its health is still 200", one.log)
            running.go_on(1.0)
        assert not running.result.lost, running.result.text()
        assert one.wait_ended() == 0, one.log()


def test_what_takes_longer_than_its_deadline_is_given_up_with_status_1(image: str) -> None:
    with container(image, env={"FINISH_S": "0"}) as one:
        one.wait_healthy()
        with under_load(Load(gateways=(f"{one.address}:8000",), rate=20.0, asks=(Ask(path="/stream"),))) as running:
            running.wait_until(lambda counts: counts.answered > 5)
            docker("kill", "--signal", "TERM", one.name)
            assert one.wait_ended() == 1, one.log()
        assert "in flight" in one.log()


def test_a_secret_comes_from_the_file_that_a_variable_names(image: str, tmp_path: Path) -> None:
    (tmp_path / "TOKEN").write_text("open sesame\n")
    mount = ["--volume", f"{tmp_path / 'TOKEN'}:/run/secrets/TOKEN:ro"]
    with container(image, mount, env={"TOKEN_FILE": "/run/secrets/TOKEN"}) as one:
        one.wait_healthy()
        assert one.ask("/private", headers={"Authorization": "Bearer open sesame"})[0] == 200
        assert one.ask("/private", headers={"Authorization": "Bearer open"})[0] == 401
        assert "sesame" not in one.log() + docker("inspect", one.name)


def test_its_paths_can_have_a_prefix_and_health_does_without(image: str) -> None:
    with container(image, env={"PREFIX": "/here"}) as one:
        one.wait_healthy()
        assert json.loads(one.ask("/here")[1])["version"] == "1.2.3"
        assert one.ask("/here/echo?x=1", "POST", b"abc") == (200, b"abc")


def test_docker_sees_its_health_and_it_is_nobody(image: str) -> None:
    with container(image, ["--health-interval", "1s"]) as one:
        wait_for(lambda: one.state()["Health"]["Status"] == "healthy", 20, "Docker does not see it healthy", one.log)
        assert docker("inspect", "--format", "{{.Config.User}}", one.name).strip() == "65532:65532"


def test_websocket_messages_come_back(python_image: str) -> None:
    with container(python_image) as one:
        one.wait_healthy()
        talk(one.address, 8000, "/ws")


def test_the_fleet_file_of_the_examples_is_right_and_runs_all_of_them() -> None:
    fleet = parse((EXAMPLES / "fleet.yaml").read_text(), EXAMPLES)
    assert {service.image for service in fleet.services} == {f"hello-{language}" for language in LANGUAGES}
    assert all(service.env["PREFIX"] == service.route.path for service in fleet.services)


def talk(address: str, port: int, path: str) -> None:
    """Says some messages over a WebSocket, hears each of them again, and closes it in order."""
    with socket.create_connection((address, port), 5) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        stream = connection.makefile("rb")
        head = b"".join(iter(stream.readline, b"\r\n"))
        assert head.startswith(b"HTTP/1.1 101")
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head  # RFC 6455, 1.3
        for text in (b"hello", b"x" * 1000):
            connection.sendall(frame(1, text))
            size = 2 if len(text) < 126 else 4
            assert stream.read(size + len(text))[size:] == text
        connection.sendall(frame(8, b"\x03\xe8"))
        assert stream.read() == b"\x88\x02\x03\xe8"


def frame(kind: int, data: bytes) -> bytes:
    """A client's frame (RFC 6455, 5.2): whole, masked."""
    size = bytes([128 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    mask = b"abcd"
    return bytes([128 | kind]) + size + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))


def says_no(one: Container) -> bool:
    """Its health path answers 503, or it does not listen any more."""
    try:
        return one.ask("/healthz")[0] == 503
    except OSError:
        return True


def begin_stream(
    one: Container, path: str = "/stream", port: int = 8000
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """A request for ``/stream``, of whose answer the first line is there."""
    connection = http.client.HTTPConnection(one.address, port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.readline().startswith(b"line 0 of hello-")
    return connection, answer


def docker_hostname(one: Container) -> str:
    return docker("inspect", "--format", "{{.Config.Hostname}}", one.name).strip()
