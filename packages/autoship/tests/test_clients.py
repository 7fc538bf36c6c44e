"""What clients may take: their time, their bytes, their number; and that each of them gets to read its answer."""

from __future__ import annotations

import contextlib
import json
import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from autoship.web import predictions, shipments
from autoship.web.server import LONGEST_HEADER, Limits
from autoship_samples import line, record, records
from test_http import PROBLEM, assert_problem, serving
from test_prometheus import number, scrape

TIMEOUT_S = 1.0
MOST = 20
HEAD = b"POST /v1/prediction HTTP/1.1\r\nhost: x\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    limits = Limits(request_timeout_s=TIMEOUT_S, connections=MOST)
    with serving(tmp_path_factory.mktemp("clients") / "autoship.db", limits) as address:
        yield address


@contextlib.contextmanager
def connected(server: str, receive_buffer: int | None = None) -> Iterator[socket.socket]:
    host, port = server.removeprefix("http://").split(":")
    with socket.socket() as connection:
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(20)
        connection.connect((host, int(port)))
        yield connection


def answered(connection: socket.socket) -> tuple[int, dict[str, object]]:
    """The status and the problem of all that comes until the connection is closed."""
    head, _, body = read_all(connection).partition(b"\r\n\r\n")
    assert PROBLEM.encode() in head
    return int(head.split(b" ")[1]), json.loads(body)


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65_536), b""))


def dribble(connection: socket.socket, text: bytes) -> None:
    """Sends a byte at a time, a moment apart, for as long as the other side listens."""
    with contextlib.suppress(OSError):
        for start in range(len(text)):
            connection.sendall(text[start : start + 1])
            if readable(connection, TIMEOUT_S / 20):
                return


def readable(connection: socket.socket, within_s: float) -> bool:
    connection.settimeout(within_s)
    try:
        return bool(connection.recv(1, socket.MSG_PEEK)) or True
    except TimeoutError:
        return False
    finally:
        connection.settimeout(20)


def test_a_header_that_does_not_end_is_refused(server: str) -> None:
    with connected(server) as connection:
        dribble(connection, HEAD + b"x-a: " + b"a" * 200)
        assert answered(connection)[0] == 408


def test_so_is_the_second_one_of_a_connection(server: str) -> None:
    with connected(server) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        dribble(connection, HEAD + b"x-a: " + b"a" * 200)
        assert answered(connection)[0] == 408


@pytest.mark.parametrize("sent", [b"", b"\r\n" * 200])
def test_a_connection_on_which_nothing_is_asked_is_closed(server: str, sent: bytes) -> None:
    with connected(server) as connection:
        dribble(connection, sent)
        assert read_all(connection) == b""


@pytest.mark.parametrize("path", ["/v1/prediction", "/v1/predictions", "/v1/shipments", "/login"])
@pytest.mark.parametrize("first", [b"", b"[", b'{"customer_id"'])
def test_a_body_that_comes_too_slowly_is_refused(server: str, path: str, first: bytes) -> None:
    with connected(server) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 5000\r\n\r\n".encode() + first)
        dribble(connection, b" " * 200)
        status, problem = answered(connection)
        assert (status, problem["type"]) == (408, "urn:autoship:problem:too-slow")


def test_a_stream_that_goes_on_is_taken_in_however_long_it_takes(server: str) -> None:
    began = time.monotonic()

    def slowly() -> Iterator[bytes]:
        number = 0
        while time.monotonic() < began + 2.5 * TIMEOUT_S:
            number += 1
            yield line(record(number, "slow", at=number))
            with connected(server) as other:
                readable(other, TIMEOUT_S / 20)

    taken = httpx.post(f"{server}/v1/shipments", content=slowly(), timeout=20).json()
    assert taken["accepted"] > 20


def test_an_answer_that_nobody_reads_is_given_up(server: str) -> None:
    httpx.post(f"{server}/v1/shipments", content=b"".join(map(line, records(50, "unread"))))
    orders = json.dumps({"orders": [{"customer_id": "unread", "order": {}}] * 1_000}).encode()
    request = b"POST /v1/predictions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s" % (len(orders), orders)
    with httpx.Client(base_url=server) as client, connected(server, receive_buffer=4096) as connection:
        before = number(scrape(client), "autoship_http_refused_total", reason="answer_not_read")
        connection.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            for _ in range(40):
                connection.sendall(request)
        deadline = time.monotonic() + 20
        while number(scrape(client), "autoship_http_refused_total", reason="answer_not_read") == before:
            assert time.monotonic() < deadline


def test_a_header_without_end_is_refused_while_it_arrives(server: str) -> None:
    with connected(server) as connection:
        connection.sendall(HEAD)
        with contextlib.suppress(OSError):
            for number_ in range(100):
                connection.sendall(b"x-%d: %s\r\n" % (number_, b"a" * (LONGEST_HEADER // 10)))
        assert connection.recv(65_536).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "sent", [b"hello\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"GET \xff\r\n"]
)
def test_what_is_no_http_is_a_problem(server: str, sent: bytes) -> None:
    with connected(server) as connection:
        connection.sendall(sent)
        assert answered(connection)[0] == 400


def test_a_body_that_is_no_http_is_a_problem(server: str) -> None:
    with connected(server) as connection:
        connection.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\nno length\r\n")
        assert answered(connection)[0] == 400


def test_one_connection_too_many_is_told_so_and_the_others_go_on(server: str) -> None:
    with contextlib.ExitStack() as stack, httpx.Client(base_url=server, timeout=20) as client:
        assert client.get("/healthz").status_code == 200
        others = [stack.enter_context(connected(server)) for _ in range(MOST + 5)]
        told = [other for other in others if readable(other, 0.2)]
        assert len(told) >= 5
        status, problem = answered(told[-1])
        assert status == 503
        assert "connections are open already" in str(problem["detail"])
        assert client.get("/healthz").status_code == 200
    with httpx.Client(base_url=server, timeout=20) as client:
        until_served(client)


def until_served(client: httpx.Client) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if client.get("/healthz").status_code == 200:
                return
    raise AssertionError("not served again")


def locked(path: Path) -> sqlite3.Connection:
    """The file, locked by somebody else until the connection is closed."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other


def too_large(path: str, limit: int) -> bytes:
    body = b" " * (3 * limit)
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


EARLY = [
    (too_large("/v1/prediction", predictions.ONE_LIMIT), 413),
    (too_large("/v1/shipments", shipments.ARRAY_LIMIT).replace(b"\r\n\r\n ", b"\r\n\r\n[", 1), 413),
    (too_large("/nothing", 2**22), 404),
    (too_large("/healthz", 2**22), 405),
    (too_large("/login", 2**22), 413),
]


@pytest.mark.parametrize(("request_", "status"), EARLY, ids=[str(status) for _, status in EARLY])
def test_an_early_answer_is_read_by_a_client_that_sends_everything_first(
    server: str, request_: bytes, status: int
) -> None:
    with connected(server) as connection:
        connection.sendall(request_)
        assert answered(connection)[0] == status


def test_an_answer_to_a_request_with_a_body_that_nobody_wants_leaves_the_connection_in_order(server: str) -> None:
    with httpx.Client(base_url=server, timeout=20) as client:
        for _ in range(3):
            response = client.request("GET", "/healthz", content=b"x" * 100)
            assert (response.status_code, response.headers["connection"]) == (200, "close")
            assert "connection" not in client.get("/healthz").headers


def test_records_of_an_array_are_held_to_the_limit_of_lines(server: str) -> None:
    long = line(record(2, "array", order={"text": "x" * shipments.LONGEST_LINE}))
    body = b"[" + b",".join([line(record(1, "array")), long, line(record(3, "array"))]) + b"]"
    taken = httpx.post(f"{server}/v1/shipments", content=body, timeout=20).json()
    assert (taken["accepted"], [one["line"] for one in taken["rejected"]]) == (2, [2])


def test_a_history_lost_in_the_middle_of_a_stream_is_told_to_a_client_that_sends_everything_first(
    tmp_path: Path,
) -> None:
    path = tmp_path / "autoship.db"
    sent = [line(one) for one in records(60_000, "lost")]
    with serving(path) as server, connected(server) as connection, contextlib.closing(locked(path)):
        head = b"POST /v1/shipments HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
        connection.sendall(head)
        for start in range(0, len(sent), 1_000):
            part = b"".join(sent[start : start + 1_000])
            connection.sendall(b"%x\r\n%s\r\n" % (len(part), part))
        connection.sendall(b"0\r\n\r\n")
        status, problem = answered(connection)
    assert (status, problem["type"]) == (503, "urn:autoship:problem:history-unavailable")


def test_degraded_ends_when_the_history_is_back_though_nobody_asks_it(tmp_path: Path) -> None:
    path = tmp_path / "autoship.db"
    order = {"customer_id": "acme", "order": {}}
    with serving(path) as server, httpx.Client(base_url=server, timeout=20) as client:
        client.post("/v1/shipments", content=b"".join(map(line, records(5))))
        client.post("/v1/prediction", json=order)
        with contextlib.closing(locked(path)):
            assert_problem(client.post("/v1/shipments", content=line(record(6, at=6))), 503)
            assert client.post("/v1/prediction", json=order).json()["degraded"] == ["history_away"]
            assert client.get("/readyz").json()["history"]["state"] == "away"
            assert number(scrape(client), "autoship_history_trouble") == 1
        deadline = time.monotonic() + 20
        while client.post("/v1/prediction", json=order).json()["degraded"]:
            assert time.monotonic() < deadline
        assert client.get("/readyz").json() == {"status": "ready", "history": {"state": "ok"}}
        assert number(scrape(client), "autoship_history_trouble") == 0
