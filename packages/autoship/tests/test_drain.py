"""Told to stop: what was taken is answered, nothing more is taken, and it ends with 0 in its time. Real processes."""

from __future__ import annotations

import contextlib
import http.client
import json
import shlex
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from autoship_samples import line, record, records
from test_cli import AUTOSHIP, listening, serve

ORDER = b'{"customer_id":"acme","order":{"total":41.5}}'
CALLERS = 8


class Caller(threading.Thread):
    """Asks one prediction after the other until nobody listens any more; knows what came of each."""

    def __init__(self, address: httpx.URL, headers: dict[str, str]) -> None:
        super().__init__()
        self._address = (address.host, address.port or 0)
        self._headers = headers
        self.answered = 0
        self.lost: list[Exception] = []

    def run(self) -> None:
        while not self.lost:
            connection = http.client.HTTPConnection(*self._address, timeout=20)
            try:
                connection.connect()
            except OSError:
                return
            with contextlib.closing(connection):
                self._ask(connection)

    def _ask(self, connection: http.client.HTTPConnection) -> None:
        closed = False
        while not closed:
            try:
                connection.request("POST", "/v1/prediction", ORDER, self._headers)
                response = connection.getresponse()
                assert response.status == 200
                assert json.loads(response.read())["shipment"]
            except (OSError, http.client.HTTPException, AssertionError) as error:
                self.lost.append(error)
                return
            self.answered += 1
            closed = response.will_close


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline


def ends(process: subprocess.Popen[str], within_s: float) -> int:
    began = time.monotonic()
    status = process.wait(timeout=20)
    assert time.monotonic() < began + within_s
    return status


@pytest.mark.parametrize("headers", [{}, {"connection": "close"}], ids=["kept", "closed"])
def test_under_load_no_request_that_was_taken_is_lost(tmp_path: Path, headers: dict[str, str]) -> None:
    with serve(tmp_path) as (process, client):
        client.post("/v1/shipments", content=b"".join(map(line, records(5))))
        callers = [Caller(client.base_url, headers) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        until(lambda: all(caller.answered > 20 for caller in callers))
        process.send_signal(signal.SIGTERM)
        assert ends(process, 10) == 0
        for caller in callers:
            caller.join()
    assert [caller.lost for caller in callers if caller.lost] == []


@contextlib.contextmanager
def streaming(client: httpx.Client) -> Iterator[socket.socket]:
    """A stream of shipments that is under way, and goes on as long as it is open."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=20) as connection:
        connection.sendall(b"POST /v1/shipments HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        send_part(connection, b"".join(map(line, records(5_000, "stream"))))
        until(lambda: client.get("/v1/customers/stream").status_code == 200)
        yield connection


def send_part(connection: socket.socket, part: bytes) -> None:
    connection.sendall(b"%x\r\n%s\r\n" % (len(part), part))


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_from_the_signal_on_it_is_not_ready_and_takes_no_more_connections(tmp_path: Path) -> None:
    with serve(tmp_path) as (process, client), streaming(client) as stream:
        assert client.get("/readyz").status_code == 200
        process.send_signal(signal.SIGTERM)
        ready = client.get("/readyz")
        while ready.status_code == 200:
            ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "stopping")
        assert ready.headers["connection"] == "close"
        until(lambda: not listening(client))
        send_part(stream, line(record("last", "stream")))
        stream.sendall(b"0\r\n\r\n")
        assert b'"accepted":5001' in read_all(stream)
        assert ends(process, 5) == 0


def test_what_is_not_done_in_time_is_told_so_and_what_was_kept_stays(tmp_path: Path) -> None:
    with serve(tmp_path, "--drain-s", "2") as (process, client), streaming(client) as stream:
        process.send_signal(signal.SIGTERM)
        answer = read_all(stream)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"urn:autoship:problem:stopping" in answer
        assert ends(process, 2) == 0
        assert process.stdout is not None
        assert "not answered in the time that stopping may take: 1" in process.stdout.read()
    with serve(tmp_path) as (_, client):
        assert client.get("/v1/customers/stream").json()["orders"] == 5_000


def test_it_ends_in_time_though_the_history_does_not_answer(tmp_path: Path) -> None:
    with serve(tmp_path, "--drain-s", "1") as (process, client):
        client.post("/v1/shipments", content=b"".join(map(line, records(5))))
        with contextlib.closing(sqlite3.connect(tmp_path / "autoship.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            client.post("/v1/prediction", json={"customer_id": "acme", "order_id": "next", "order": {}})
            process.send_signal(signal.SIGTERM)
            assert ends(process, 2) == 0
        assert process.stdout is not None
        assert "the time that stopping may take is up" in process.stdout.read()


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, second: signal.Signals) -> None:
    with serve(tmp_path) as (process, client), streaming(client):
        process.send_signal(signal.SIGTERM)
        until(lambda: not listening(client))
        process.send_signal(second)
        assert ends(process, 2) == -second


def test_a_log_of_json_is_json_from_the_first_line_to_the_last(tmp_path: Path) -> None:
    with serve_json(tmp_path) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["message"].startswith("autoship listens on http://127.0.0.1:")
        address = ready["message"].split()[-1]
        httpx.post(f"{address}/v1/prediction", content=b"{")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        told = [json.loads(text) for text in process.stdout]
    assert [one["message"] for one in told] == [
        "answered",
        "stopping: SIGTERM came; what is under way is answered",
        "stopped",
    ]


@contextlib.contextmanager
def serve_json(cwd: Path) -> Iterator[subprocess.Popen[str]]:
    command = [*AUTOSHIP, "serve", "--port", "0", "--log", "json", "--access-log", "on"]
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_more_connections_than_files_are_a_problem_before_anything_is_opened(tmp_path: Path) -> None:
    few = f"ulimit -n 256; exec {shlex.join([*AUTOSHIP, 'serve', '--port', '0'])}"
    ended = subprocess.run(["bash", "-c", few], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert ended.stderr.startswith("autoship: AUTOSHIP_MAX_CONNECTIONS wants 1,064 open files, and this process may")
    assert list(tmp_path.iterdir()) == []
