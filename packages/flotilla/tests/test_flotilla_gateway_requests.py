"""A real HAProxy with the gateway's configuration: what becomes of single requests."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import pytest
from flotilla.domain.handed import GatewayFile, GatewayService, Retry
from flotilla.gateway.configuration import Configuration, Machine, configuration
from flotilla.gateway.rotation import Server
from flotilla_gateway_box import Box, eventually, get, post, raw, status_of, told

HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
MACHINE = Machine(open_files=10_000, memory=1 << 30, cpus=2)


def service(name: str, first_port: int, **more: object) -> GatewayService:
    return GatewayService(
        name=name, version="1", first_port=first_port, copies=1, health_path="/health", timeout_s=1.0, **more
    )


FILE = GatewayFile(
    fleet="shop",
    generation=1,
    gateways=("127.0.0.10",),
    hosts=HOSTS,
    admit=("127.0.0.0/8",),
    http_port=8080,
    services=(
        service("root", 9000),
        service("replayed", 9100, path="/all", retry=Retry.ALL),
        service("safe", 9200, path="/safe", retry=Retry.SAFE),
        service("once", 9300, path="/once", retry=Retry.CONNECT),
        service("api", 9400, path="/api"),
        service("deeper", 9500, path="/api/v2"),
        service("named", 9600, host="named.example"),
        service("namedapi", 9700, host="named.example", path="/api", max_body=1000),
        service("hashed", 9800, path="/hash", balance="header:X-Customer"),
    ),
)
PLACES = {each.name: [f"{host}:{each.first_port}" for host in HOSTS] for each in FILE.services}


def rotating(hosts: tuple[str, ...] = HOSTS) -> Configuration:
    servers = [
        Server(service=each.name, address=host, port=each.first_port, weight=100)
        for each in FILE.services
        for host in hosts
    ]
    return configuration(FILE, servers, MACHINE)


@pytest.fixture(scope="module")
def running_box(gateway_image: str) -> Iterator[Box]:
    box = Box(gateway_image, "gateway-requests")
    try:
        box.start(rotating())
        yield box
    finally:
        box.stop()


@pytest.fixture
def box(running_box: Box) -> Box:
    """All copies answer and are up, and nothing is in the book of requests."""
    running_box.copies("ok", *(place for places in PLACES.values() for place in places))
    eventually(lambda: set(running_box.statuses().values()) <= {"UP", "no check"})
    running_box.seen()
    return running_box


def place_of(answer: bytes) -> str:
    return str(told(answer)["place"])


@pytest.mark.parametrize(
    ("host", "path", "name"),
    [
        ("any.example", "/", "root"),
        ("any.example", "/apix", "root"),
        ("any.example", "/api", "api"),
        ("any.example", "/api/", "api"),
        ("any.example", "/api?x=/../v2", "api"),
        ("any.example", "/api/v2x", "api"),
        ("any.example", "/api/v2", "deeper"),
        ("any.example", "/api/v2/x", "deeper"),
        ("any.example", "/x/../api/v2", "deeper"),
        ("any.example", "/%61pi/%2e/v2/x", "deeper"),
        ("any.example", "/api/%2e%2e/x", "root"),
        ("any.example", "/api/v2/..", "api"),
        ("any.example", "/..%2fapi", "root"),
        ("any.example", "/%zz/../api", "api"),
        ("any.example", "//api", "root"),
        ("NAMED.example.:8080", "/", "named"),
        ("named.example", "/api/x", "namedapi"),
        ("named.example", "/safe", "named"),
        ("named.example.org", "/safe", "safe"),
    ],
)
def test_a_request_goes_to_the_service_of_its_host_and_path(box: Box, host: str, path: str, name: str) -> None:
    answer = raw(box.ip, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert place_of(answer) in PLACES[name]


def test_the_service_sees_the_path_by_which_its_request_was_routed(box: Box) -> None:
    assert told(get(box.ip, "/x/%2E%2E/%61pi/v2/./%2f?q=%61"))["target"].startswith("/api/v2/%2F?")


def test_what_fits_no_route_gets_a_page_that_says_so(gateway_image: str, box: Box) -> None:
    answer = raw(box.ip, b"BREW\r\n\r\n")
    assert status_of(answer) == 400
    assert b"HAProxy" not in answer


def test_copies_are_told_the_clients_address_and_not_what_the_client_says_of_it(box: Box) -> None:
    forged = ("X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "Forwarded: for=1.2.3.4", "X_Forwarded_For: 1")
    headers = told(get(box.ip, "/", *forged))["headers"]
    assert headers["x-forwarded-for"].startswith("172.")
    assert headers["x-forwarded-proto"] == "http"
    assert "forwarded" not in headers
    assert "x_forwarded_for" not in headers


@pytest.mark.parametrize(("sent", "kept"), [("abc-1.2:3", True), ("a b", False), ('a"b', False), ("a" * 200, False)])
def test_a_sane_request_id_is_kept_and_another_is_made(box: Box, sent: str, kept: bool) -> None:
    answer = get(box.ip, "/", f"X-Request-ID: {sent}")
    seen = told(answer)["headers"]["x-request-id"]
    assert (seen == sent) is kept
    assert len(seen) > 8
    assert f"x-request-id: {seen}".encode() in answer.lower()


def test_two_request_ids_are_none(box: Box) -> None:
    assert "," not in told(get(box.ip, "/", "X-Request-ID: a", "X-Request-ID: b"))["headers"]["x-request-id"]


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 17_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 200_000 + b"\r\n\r\n", 400),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"POST /api HTTP/1.1\r\nHost: named.example\r\nContent-Length: 1001\r\n\r\n" + b"a" * 1001, 413),
        (
            b"POST /api HTTP/1.1\r\nHost: named.example\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n"
            + b"a" * 1001 + b"\r\n0\r\n\r\n",
            413,
        ),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413),
    ],
)  # fmt: skip
def test_what_is_too_large_is_refused(box: Box, request_bytes: bytes, status: int) -> None:
    with socket.create_connection((box.ip, 8080), 10) as link:
        link.sendall(request_bytes)
        assert status_of(link.recv(65536)) == status


def test_a_body_of_the_longest_length_passes(box: Box) -> None:
    for length in (b"Content-Length: 1000\r\n\r\n" + b"a" * 1000,
                   b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + b"a" * 1000 + b"\r\n0\r\n\r\n"):  # fmt: skip
        answer = raw(box.ip, b"POST /api HTTP/1.1\r\nHost: named.example\r\nConnection: close\r\n" + length)
        assert told(answer)["length"] == 1000


def test_a_client_that_is_slow_with_its_headers_gets_408(box: Box) -> None:
    begun = time.monotonic()
    assert status_of(raw(box.ip, b"GET / HTTP/1.1\r\nHost: a\r\n")) == 408
    assert 9 < time.monotonic() - begun < 13


@pytest.mark.parametrize("mode", ["closed", "drop", "half", "hang"])
def test_a_get_is_asked_of_another_copy_where_the_policy_allows(box: Box, mode: str) -> None:
    for name, path in (("replayed", "/all"), ("safe", "/safe")):
        good = PLACES[name][0]
        box.copies(mode, *PLACES[name][1:])
        assert {place_of(get(box.ip, path)) for _ in range(2 if mode == "hang" else 6)} == {good}


def test_the_policy_connect_asks_again_only_what_never_reached_a_copy(box: Box) -> None:
    box.copies("closed", *PLACES["once"][1:])
    assert {place_of(get(box.ip, "/once")) for _ in range(6)} == {PLACES["once"][0]}
    box.copies("drop", *PLACES["once"])
    assert status_of(get(box.ip, "/once")) == 502
    assert len(box.seen()) == 7


def test_a_post_of_60_kb_is_replayed_by_the_policy_all(box: Box) -> None:
    box.copies("drop", *PLACES["replayed"][1:])
    body = bytes(range(256)) * 240
    answers = [told(post(box.ip, "/all", body)) for _ in range(6)]
    assert {(each["place"], each["length"]) for each in answers} == {(PLACES["replayed"][0], len(body))}
    assert len({each["digest"] for each in answers}) == 1
    assert len(box.seen()) > 6


def test_a_post_that_reached_a_copy_is_not_replayed_by_the_policy_safe(box: Box) -> None:
    box.copies("drop", *PLACES["safe"])
    assert status_of(post(box.ip, "/safe", b"x" * 60_000)) == 502
    assert len(box.seen()) == 1


def test_a_post_that_reached_none_goes_to_another_copy_whatever_the_policy(box: Box) -> None:
    for name, path in (("safe", "/safe"), ("once", "/once")):
        box.copies("closed", *PLACES[name][1:])
        assert {told(post(box.ip, path, b"x" * 6_000))["place"] for _ in range(6)} == {PLACES[name][0]}


def test_an_error_of_the_service_is_its_answer_and_not_asked_again(box: Box) -> None:
    box.copies("error", *PLACES["replayed"])
    assert status_of(get(box.ip, "/all")) == 500
    assert len(box.seen()) == 1


def test_a_copy_that_never_answers_costs_504_where_nothing_may_be_replayed(box: Box) -> None:
    box.copies("hang", *PLACES["once"])
    answer = get(box.ip, "/once")
    assert status_of(answer) == 504
    assert b"HAProxy" not in answer


def test_an_upload_of_unknown_length_reaches_the_copy_while_it_goes_on(box: Box) -> None:
    with socket.create_connection((box.ip, 8080), 10) as link:
        link.sendall(b"POST /all HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            link.sendall(b"3\r\nabc\r\n")
        eventually(lambda: sum(load for load in box_sessions(box, "replayed")))
        link.sendall(b"0\r\n\r\n")
        answer = b""
        while data := link.recv(65536):
            answer += data
    assert told(answer)["length"] == 9


def box_sessions(box: Box, backend: str) -> list[int]:
    rows = (line.split(",") for line in box.ask("show stat -1 4 -1").splitlines() if line.startswith(f"{backend},"))
    return [int(row[4]) for row in rows]


def test_a_streamed_answer_arrives_while_it_goes_on(box: Box) -> None:
    with socket.create_connection((box.ip, 8080), 10) as link:
        link.sendall(b"GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = b""
        while b"first" not in answer:
            answer += link.recv(65536)
        assert b"last" not in answer
        box.go()
        while b"last" not in answer:
            answer += link.recv(65536)


def test_a_websocket_passes_and_outlives_the_time_for_an_answer(box: Box) -> None:
    with socket.create_connection((box.ip, 8080), 10) as link:
        link.sendall(b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                     b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")  # fmt: skip
        assert status_of(link.recv(65536)) == 101
        link.sendall(b"one")
        assert link.recv(100) == b"echo:one"
        time.sleep(1.5)  # longer than the service's timeout_s, which is what must not end it
        link.sendall(b"two")
        assert link.recv(100) == b"echo:two"


def test_the_same_value_of_the_header_goes_to_the_same_copy_and_only_that_of_a_lost_one_moves(box: Box) -> None:
    def placed() -> dict[int, str]:
        return {each: place_of(get(box.ip, "/hash", f"X-Customer: {each}")) for each in range(30)}

    before = placed()
    assert placed() == before
    assert len(set(before.values())) == 3
    lost = PLACES["hashed"][1]
    box.copies("closed", lost)
    after = placed()
    assert lost not in after.values()
    assert {each: place for each, place in before.items() if place != lost} == {
        each: place for each, place in after.items() if before[each] != lost
    }


def test_when_checks_took_out_every_server_the_last_resort_serves(box: Box) -> None:
    box.copies("sick", *PLACES["api"])
    eventually(lambda: all(status == "DOWN" for (name, _), status in box.statuses().items() if name == "api"))
    assert place_of(get(box.ip, "/api")) in PLACES["api"]
    log = eventually(lambda: [line for line in box.log() if line["path"] == "/api"])
    assert log[-1]["service"] == "api"


def test_without_a_server_there_is_503_with_a_page_and_when_to_come_again(box: Box) -> None:
    box.converge(rotating(hosts=()))
    answer = get(box.ip, "/")
    box.converge(rotating())
    assert status_of(answer) == 503
    assert b"retry-after: 2" in answer.lower()
    assert b"Please try again" in answer
    assert b"HAProxy" not in answer


@pytest.mark.parametrize(
    "target", ['/log/"quo\\te"', "/log/\u00e9\u4e2d", "/log/%0a%0d%00", "/log/{%[src]}", "/log/" + "a" * 3000]
)
def test_the_log_is_a_json_object_a_line_whatever_was_asked(box: Box, target: str) -> None:
    lines = f"GET {target} HTTP/1.1\r\nHost: a\r\nX-Request-ID: log-1\r\nConnection: close\r\n\r\n"
    before = len(box.log())
    raw(box.ip, lines.encode())
    found = eventually(lambda: box.log()[before:])
    words = [line for line in box.words().splitlines() if line.startswith("{")]
    assert all(isinstance(json.loads(line), dict) for line in words)
    assert found[-1]["status"] in (200, 400)
    if found[-1]["status"] == 200:
        assert found[-1]["id"] == "log-1"
        assert found[-1]["path"].startswith("/log/")


def test_the_log_tells_who_asked_what_and_which_copy_answered_without_the_query(box: Box) -> None:
    box.copies("closed", *PLACES["replayed"][1:])
    before = len(box.log())
    for _ in range(3):
        get(box.ip, "/all/x?token=secret")
    lines = eventually(lambda: len(found := box.log()[before:]) == 3 and found)
    for line in lines:
        assert (line["method"], line["path"], line["host"], line["status"]) == ("GET", "/all/x", "any.example", 200)
        assert (line["service"], line["copy"], line["end"]) == ("replayed", PLACES["replayed"][0], "----")
        assert line["bytes_out"] > 100
        assert line["total_ms"] >= 0
    assert any(line["retries"].startswith("+") for line in lines)
    assert "secret" not in box.words()


def test_the_status_port_answers_with_haproxys_numbers_and_says_when_the_program_is_away(box: Box) -> None:
    numbers = get(box.ip, "/metrics/haproxy", port=8404)
    assert status_of(numbers) == 403  # of the bridge's network, which is not admitted
    assert b"haproxy_process" in told_inside(box, "/metrics/haproxy")
    assert b"503" in told_inside(box, "/status")


def told_inside(box: Box, path: str) -> bytes:
    """What the status port answers to the machine itself."""
    return box.inside(8404, path)
