"""A real HAProxy through changes of membership, under load that counts every request."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Iterator

import msgspec
import pytest
import trustme
from flotilla.domain.handed import GatewayFile, GatewayService, Retry
from flotilla.gateway.change import ByCommands, ByReload, Nothing, carry_over, change
from flotilla.gateway.configuration import Configuration, Machine, configuration
from flotilla.gateway.rotation import CANARY_WEIGHT, FULL_WEIGHT, Server
from flotilla_gateway_box import Box, eventually, get, raw, status_of

PORT = 9000
FILE = GatewayFile(
    fleet="shop",
    generation=1,
    gateways=("127.0.0.10",),
    hosts=("127.0.0.1", "127.0.0.2"),
    admit=("127.0.0.0/8",),
    http_port=8080,
    https_port=8443,
    services=(
        GatewayService(
            name="web", version="1", first_port=PORT, copies=4, health_path="/health", retry=Retry.ALL, timeout_s=5
        ),
    ),
)
MACHINE = Machine(open_files=10_000, memory=1 << 30, cpus=2)
FIXED = [f"127.0.0.{host}:{PORT + copy}" for host in (1, 2) for copy in range(4)]
STRANGERS = [f"127.0.0.9:{PORT + copy}" for copy in range(4)]


def rotating(*places: str, weight: int = 10, file: GatewayFile = FILE) -> Configuration:
    servers = [
        Server(service="web", address=address, port=int(port), weight=weight)
        for address, _, port in (place.rpartition(":") for place in places)
    ]
    return configuration(file, servers, MACHINE)


@pytest.fixture
def box(gateway_image: str) -> Iterator[Box]:
    box = Box(gateway_image, "gateway-changes")
    try:
        box.start(rotating(*FIXED))
        box.copies("ok", *FIXED, *STRANGERS)
        eventually(lambda: up(box, *FIXED))
        yield box
    finally:
        box.stop()


def up(box: Box, *places: str) -> bool:
    statuses = box.statuses()
    return all(statuses.get(("web", place)) == "UP" for place in places)


class Load:
    """Clients that ask without a pause, half of them on kept connections, and count the answers."""

    def __init__(self, ip: str, clients: int = 8) -> None:
        self.answers: Counter[int | str] = Counter()
        self.places: Counter[str] = Counter()
        self._ip = ip
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number % 2 == 0,)) for number in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        self.more(100)
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def more(self, requests: int) -> None:
        """Waits for so many more answers."""
        want = self.answers.total() + requests
        eventually(lambda: self.answers.total() >= want)

    def _ask(self, kept: bool) -> None:
        link = http.client.HTTPConnection(self._ip, 8080, timeout=20)
        while not self._end.is_set():
            try:
                link.request("POST", "/", body=b"x" * 1000)
                answer = link.getresponse()
                body = answer.read()
                self.answers[answer.status] += 1
                if answer.status == 200:
                    self.places[json.loads(body)["place"]] += 1
            except (OSError, http.client.HTTPException) as error:
                self.answers[repr(error)] += 1
                link.close()
            if not kept:
                link.close()
        link.close()


def test_servers_that_come_and_go_by_command_lose_no_request(box: Box) -> None:
    with Load(box.ip) as load:
        for places in ([*FIXED, *STRANGERS], FIXED[:4], [*FIXED[:4], *STRANGERS[:1]], [*STRANGERS, *FIXED], FIXED[1:]):
            box.converge(rotating(*places))
            eventually(lambda places=places: up(box, *places))
            load.more(200)
        gone = load.places[FIXED[0]]
        load.more(200)
        assert load.places[FIXED[0]] == gone
    assert set(load.answers) == {200}
    assert set(load.places) == {*FIXED, *STRANGERS}
    assert change(box.running(), rotating(*FIXED[1:])) == Nothing()


def test_a_server_that_comes_in_gets_nothing_before_its_checks_pass(box: Box) -> None:
    box.converge(rotating(*FIXED[:4]))
    box.copies("sick", FIXED[4], STRANGERS[0])
    box.converge(rotating(*FIXED[:5], STRANGERS[0]))
    assert not up(box, FIXED[4])
    assert not up(box, STRANGERS[0])
    with Load(box.ip) as load:
        load.more(200)
    assert not {FIXED[4], STRANGERS[0]} & set(load.places)
    box.copies("ok", FIXED[4], STRANGERS[0])
    eventually(lambda: up(box, FIXED[4], STRANGERS[0]))


def test_one_that_drains_ends_its_requests_and_gets_none_from_then_on(box: Box) -> None:
    box.converge(rotating(FIXED[0]))
    answers: list[bytes] = []
    slow = threading.Thread(target=lambda: answers.append(get(box.ip, "/slow?s=1.5")))
    slow.start()
    eventually(lambda: box.seen())
    wanted = rotating(FIXED[1])
    step = change(box.running(), wanted)
    assert isinstance(step, ByCommands)
    box.run(step.commands)
    assert change(box.running(), wanted) != Nothing()
    eventually(lambda: up(box, FIXED[1]))
    assert json.loads(get(box.ip, "/").partition(b"\r\n\r\n")[2])["place"] == FIXED[1]
    box.converge(wanted)
    slow.join()
    assert status_of(answers[0]) == 200
    assert box.statuses()["web", FIXED[0]] == "MAINT"


def test_all_copies_of_a_host_that_refuse_at_once_cost_no_request(box: Box) -> None:
    with Load(box.ip, clients=16) as load:
        box.copies("closed", *FIXED[:4])
        load.more(500)
    assert set(load.answers) == {200}


def test_a_reload_loses_no_request_and_what_was_down_stays_down(box: Box) -> None:
    box.copies("sick", FIXED[0])
    eventually(lambda: box.statuses()["web", FIXED[0]] == "DOWN")
    before = box.running()
    wanted = rotating(*FIXED, *STRANGERS[:1])
    with Load(box.ip) as load:
        for _ in range(3):
            box.write(wanted)
            box.reload()
            box.run(carry_over(before, wanted))
            assert box.statuses()["web", FIXED[0]].startswith("DOWN")
            load.more(200)
    assert set(load.answers) == {200}
    assert change(box.running(), wanted) == Nothing()
    box.copies("ok", FIXED[0])
    eventually(lambda: up(box, FIXED[0], STRANGERS[0]))


def test_another_structure_takes_a_reload_and_then_nothing(box: Box) -> None:
    more = GatewayService(name="api", version="1", first_port=9100, copies=1, path="/api", health_path="/health")
    wanted = rotating(*FIXED, file=msgspec.structs.replace(FILE, services=(*FILE.services, more)))
    assert isinstance(change(box.running(), wanted), ByReload)
    box.write(wanted)
    box.reload()
    assert change(box.running(), wanted) == Nothing()


def test_what_fits_no_route_gets_404_with_a_page(box: Box) -> None:
    services = (msgspec.structs.replace(FILE.services[0], path="/web"),)
    box.write(rotating(*FIXED, file=msgspec.structs.replace(FILE, services=services)))
    box.reload()
    answer = get(box.ip, "/")
    assert status_of(answer) == 404
    assert b"There is nothing at this address" in answer
    assert b"x-request-id" in answer
    assert b"HAProxy" not in answer
    assert status_of(get(box.ip, "/web/x")) == 200


def test_a_canary_gets_a_small_share(box: Box) -> None:
    services = tuple(msgspec.structs.replace(each, balance="roundrobin") for each in FILE.services)
    file = msgspec.structs.replace(FILE, services=services)
    box.write(rotating(*FIXED[:4], file=file))
    box.reload()
    canary = Server(service="web", address="127.0.0.1", port=PORT, weight=CANARY_WEIGHT)
    others = [Server(service="web", address="127.0.0.1", port=PORT + copy, weight=FULL_WEIGHT) for copy in (1, 2, 3)]
    box.converge(configuration(file, [canary, *others], MACHINE))
    with Load(box.ip) as load:
        load.more(1000)
    assert 0 < load.places[FIXED[0]] < load.places[FIXED[1]] / 5


def test_tls_is_served_with_http2_and_plain_http_is_sent_there(gateway_image: str) -> None:
    authority = trustme.CA()
    leaf = authority.issue_cert("web.example")
    pem = leaf.private_key_pem.bytes() + b"".join(each.bytes() for each in leaf.cert_chain_pems)
    file = msgspec.structs.replace(FILE, certificates=("a.pem",))
    box = Box(gateway_image, "gateway-tls", certificate=pem)
    try:
        box.start(rotating(*FIXED, file=file))
        box.copies("ok", *FIXED)
        eventually(lambda: up(box, *FIXED))
        moved = raw(box.ip, b"GET /a/../b?c=d HTTP/1.1\r\nHost: Web.example:8080\r\nConnection: close\r\n\r\n")
        assert status_of(moved) == 308
        assert b"location: https://web.example:8443/b?c=d\r\n" in moved
        context = ssl.create_default_context()
        authority.configure_trust(context)
        context.set_alpn_protocols(["h2", "http/1.1"])
        assert handshake(box, context)[1] == "h2"
        context.set_alpn_protocols(["http/1.1"])
        answer = handshake(box, context)[2]
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["headers"]["x-forwarded-proto"] == "https"
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        assert handshake(box, context)[0] == "TLSv1.2"
    finally:
        box.stop()


def handshake(box: Box, context: ssl.SSLContext) -> tuple[str | None, str | None, bytes]:
    """The protocols of TLS and above it, and the answer where that is HTTP/1.1."""
    with (
        socket.create_connection((box.ip, 8443), 10) as link,
        context.wrap_socket(link, server_hostname="web.example") as safe,
    ):
        answer = b""
        if safe.selected_alpn_protocol() == "http/1.1":
            safe.sendall(b"GET / HTTP/1.1\r\nHost: web.example\r\nConnection: close\r\n\r\n")
            while data := safe.recv(65536):
                answer += data
        return safe.version(), safe.selected_alpn_protocol(), answer
