"""The examples in three languages behind HAProxy, with the configuration that a gateway makes of their fleet file."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from flotilla.domain.handed import GatewayFile, GatewayService
from flotilla.fleetfile import parse
from flotilla.gateway.configuration import Machine, configuration
from flotilla.gateway.rotation import Server
from flotilla_load import Ask, Load, under_load
from flotilla_services import EXAMPLES, Container, container, docker, example_image, wait_for
from test_flotilla_examples import LANGUAGES, begin_stream, talk

COPIES = 2


class Fleet:
    """HAProxy in a container, and two copies of each example."""

    def __init__(self, gateway: Container, copies: dict[str, list[Container]]) -> None:
        self.gateway, self.copies = gateway, copies


@pytest.fixture(scope="module")
def fleet(gateway_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with ExitStack() as stack:
        copies = {
            language: [
                stack.enter_context(container(example_image(language), env={"PREFIX": f"/{language}"}))
                for _ in range(COPIES)
            ]
            for language in LANGUAGES
        }
        for copy in (copy for each in copies.values() for copy in each):
            copy.wait_healthy()
        folder = tmp_path_factory.mktemp("haproxy")
        folder.chmod(0o755)
        (folder / "haproxy.cfg").write_text(configured(copies))
        options = ["--volume", f"{folder}:/etc/bench:ro", "--tmpfs", "/run/flotilla-haproxy:uid=7946,gid=7946"]
        options += ["--cap-add", "NET_BIND_SERVICE", "--entrypoint", "haproxy"]
        arguments = ["-W", "-db", "-f", "/etc/bench/haproxy.cfg"]
        gateway = stack.enter_context(container(gateway_image, options, arguments=arguments))
        for language in LANGUAGES:
            wait_for(lambda at=language: answers(gateway, f"/{at}"), 20, f"{language} is not there", gateway.log)
        yield Fleet(gateway, copies)


def configured(copies: dict[str, list[Container]]) -> str:
    """The configuration for these copies. Each has an address of its own, so that all are the first of their host."""
    services = [
        GatewayService(
            name=each.name, version=each.version, first_port=each.ports.container, copies=1, path=each.route.path,
            health_path=each.health.path, retry=each.retry,
        )
        for each in parse((EXAMPLES / "fleet.yaml").read_text(), EXAMPLES).services
    ]  # fmt: skip
    file = GatewayFile(
        fleet="examples",
        generation=1,
        gateways=(),
        hosts=(),
        admit=("0.0.0.0/0",),
        http_port=8080,
        services=(*services,),
    )
    servers = [
        Server(service=language, address=copy.address, port=8000, weight=100)
        for language, each in copies.items()
        for copy in each
    ]
    machine = Machine(open_files=4_096, memory=1 << 30, cpus=1, ipv6=False)
    return configuration(file, sorted(servers), machine).text


def answers(gateway: Container, path: str) -> bool:
    try:
        return gateway.ask(path, port=8080)[0] == 200
    except OSError:
        return False


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_answers_below_its_route_from_all_its_copies(fleet: Fleet, language: str) -> None:
    names = set()
    for _ in range(20):
        status, said = fleet.gateway.ask(f"/{language}", port=8080)
        about = json.loads(said)
        assert (status, about["service"]) == (200, f"hello-{language}")
        names.add(about["copy"])
    assert len(names) == COPIES
    body = bytes(range(256)) * 400
    assert fleet.gateway.ask(f"/{language}/echo", "POST", body, port=8080) == (200, body)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_stream_arrives_line_by_line(fleet: Fleet, language: str) -> None:
    connection, answer = begin_stream(fleet.gateway, f"/{language}/stream", 8080)
    begin = time.monotonic()
    assert len(answer.readlines()) == 9
    assert time.monotonic() - begin > 0.5
    connection.close()


def test_a_websocket_goes_through(fleet: Fleet) -> None:
    talk(fleet.gateway.address, 8080, "/python/ws")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_copy_that_is_stopped_by_hand_under_load_costs_no_request(fleet: Fleet, language: str) -> None:
    asks = (Ask(path=f"/{language}"), Ask("POST", f"/{language}/echo", "order {n}", holds="order {n}"))
    first, second = fleet.copies[language]
    with under_load(Load(gateways=(f"{fleet.gateway.address}:8080",), rate=100.0, asks=asks)) as running:
        running.go_on(0.5)
        docker("kill", "--signal", "TERM", first.name)
        assert first.wait_ended() == 0
        running.go_on(0.5)
        docker("start", first.name)
        first.wait_healthy()
        running.go_on(3.0)
        docker("kill", "--signal", "TERM", second.name)
        assert second.wait_ended() == 0
        running.go_on(0.5)
        docker("start", second.name)
        second.wait_healthy()
    assert not running.result.lost, running.result.text()
