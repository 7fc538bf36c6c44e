"""The service over HTTP: a real server on a real socket, and what comes back for what is sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import uvloop
from autoship.adapters.memory import MemoryHistory
from autoship.configuration import SqliteFile
from autoship.errors import HistoryUnavailable, HistoryUnusable
from autoship.ports import Tail
from autoship.service import Autoship, Settings
from autoship.web import application, predictions, shipments
from autoship.web.server import Limits, server_of
from autoship.web.traffic import Traffic
from autoship.wiring import running
from autoship_samples import GROUND, PRIORITY, line, record, records

PROBLEM = "application/problem+json"


@contextlib.contextmanager
def serving(path: Path, limits: Limits | None = None, **options: Any) -> Iterator[str]:
    """A server in a thread, over SQLite, with ``options`` of the application; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    ready = threading.Event()
    stop: list[Callable[[], None]] = []

    async def serve() -> None:
        async with running(SqliteFile(path)) as service:
            traffic = Traffic()
            server = server_of(application(service, traffic=traffic, **options), limits=limits, traffic=traffic)
            loop = asyncio.get_running_loop()
            stop.append(lambda: loop.call_soon_threadsafe(setattr, server, "should_exit", True))
            ready.set()
            await server.serve(sockets=[listener])

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        assert ready.wait(10)
        yield address
    finally:
        stop[0]()
        thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("http") / "autoship.db") as address:
        yield address


@pytest.fixture
def client(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, timeout=20) as client:
        yield client


def send(client: httpx.Client, *lines: bytes) -> dict[str, Any]:
    response = client.post("/v1/shipments", content=b"".join(lines))
    assert response.status_code == 200, response.text
    taken: dict[str, Any] = response.json()
    return taken


def orders(client: httpx.Client, customer_id: str) -> int:
    response = client.get(f"/v1/customers/{quote(customer_id, safe='')}")
    return int(response.json()["orders"]) if response.status_code == 200 else 0


def assert_problem(response: httpx.Response, status: int, field: str | None = None) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    problem = response.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["type"]
    assert problem.get("field") == field


def test_a_prediction_has_the_shape_of_the_contract(client: httpx.Client) -> None:
    send(client, *map(line, records(30, "shape")))
    order = {"customer_id": "shape", "order_id": "next", "ordered_at": "2026-02-01T00:00:00Z", "order": {"total": 41.5}}
    response = client.post("/v1/prediction", json=order)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert set(answer) == {
        "prediction_id", "order_id", "shipment", "confidence", "approved", "reason", "alternatives", "because",
        "learned_from", "degraded",
    }  # fmt: skip
    assert (answer["order_id"], answer["shipment"]) == ("next", PRIORITY)
    assert 0 < answer["confidence"] < 1
    assert (answer["approved"], answer["reason"]) == (False, "little_evidence")
    assert answer["learned_from"] == {"orders": 30, "until": "2026-01-06T21:00:00Z"}
    assert answer["degraded"] == []


def test_a_customer_with_no_history_gets_no_shipment_with_status_200(client: httpx.Client) -> None:
    response = client.post("/v1/prediction", json={"customer_id": "nobody", "order": {}})
    assert response.status_code == 200
    answer = response.json()
    assert (answer["shipment"], answer["reason"], answer["order_id"]) == (None, "no_history", None)
    assert answer["learned_from"] == {"orders": 0, "until": None}


BAD_REQUESTS: list[tuple[bytes, str | None]] = [
    (b"", None),
    (b"{", None),
    (b"[]", None),
    (b'{"customer_id":"a","order":{"x":NaN}}', None),
    (b'{"customer_id":"a","order":{"x":1e999}}', None),
    (b'{"customer_id":"a","order":{"x":"\\ud800"}}', None),
    (b'{"customer_id":"a","order":{"x":"\xff"}}', None),
    (b'{"customer_id":"a","order":{"x":1,"x":2}}', "x"),
    (b'{"customer_id":"a","customer_id":"b","order":{}}', "customer_id"),
    (b'{"customer_id":"a","order":' + b"[" * 100_000, None),
    (b'{"customer_id":"a","order":' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}", "order"),
    (b'{"customer_id":"a","order":{"items":[' + b"1," * 100_000 + b"1]}}", "order"),
    (b'{"customer_id":"..","order":{}}', "customer_id"),
    (b'{"customer_id":"..%2fetc/x","order":{}}', "customer_id"),
    (b'{"customer_id":"a","ordered_at":"2026-01-05T10:00:00","order":{}}', "ordered_at"),
    (b'{"customer_id":"a","ordered_at":"9999-12-31T23:59:59Z","order":{}}', "ordered_at"),
    (b'{"customer_id":"a","odrer":{}}', "odrer"),
    (b'{"customer_id":"a","order":{"x":99999999999999999999}}', "order.x"),
    (b'{"customer_id":1,"order":{}}', "customer_id"),
]


@pytest.mark.parametrize(("body", "field"), BAD_REQUESTS)
def test_bad_input_is_a_problem_with_the_field_and_the_mend(
    client: httpx.Client, body: bytes, field: str | None
) -> None:
    assert_problem(client.post("/v1/prediction", content=body), 400, field)
    batch = client.post("/v1/predictions", content=b'{"orders":[%s]}' % (body or b"0"))
    if batch.status_code == 200:
        assert batch.json()["predictions"][0]["error"].get("field") == field
    else:
        assert_problem(batch, 400)


@pytest.mark.parametrize(("body", "field"), BAD_REQUESTS)
def test_a_bad_line_is_told_and_spoils_no_other(client: httpx.Client, body: bytes, field: str | None) -> None:
    taken = send(client, line(record(1, "lines")), body + b"\n", line(record(2, "lines")))
    assert taken["accepted"] + taken["unchanged"] == 2
    assert [one["line"] for one in taken["rejected"]] == ([2] if body else [])


def test_in_a_batch_a_bad_order_spoils_only_its_own_place(client: httpx.Client) -> None:
    send(client, *map(line, records(3, "batch")))
    good = {"customer_id": "batch", "order": {}}
    response = client.post("/v1/predictions", json={"orders": [good, {"customer_id": "batch"}, good]})
    places = response.json()["predictions"]
    assert [place.get("shipment") for place in places] == [PRIORITY, None, PRIORITY]
    assert (places[1]["error"]["field"], places[1]["error"]["status"]) == ("order", 400)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"[]", 400, None),
        (b"{}", 400, "orders"),
        (b'{"orders":{}}', 400, "orders"),
        (b'{"order":[]}', 400, "order"),
        (b'{"orders":[1,]}', 400, None),
        (b'{"orders":[' + b"{}," * 1_000 + b"{}]}", 413, "orders"),
        (b'{"orders":[' + b"1," * 2_000_001 + b"1]}", 413, None),
    ],
)
def test_a_batch_that_is_none_is_a_problem(client: httpx.Client, body: bytes, status: int, field: str | None) -> None:
    assert_problem(client.post("/v1/predictions", content=body), status, field)


def test_a_batch_may_be_empty_and_may_hold_a_thousand(client: httpx.Client) -> None:
    assert client.post("/v1/predictions", json={"orders": []}).json() == {"predictions": []}
    many = client.post("/v1/predictions", json={"orders": [{"customer_id": "batch", "order": {}}] * 1_000})
    assert len(many.json()["predictions"]) == 1_000


@pytest.mark.parametrize("media_type", ["application/json", "application/x-ndjson", None])
@pytest.mark.parametrize(
    "body",
    [
        b"".join(map(line, records(3, "forms"))),
        b"".join(map(line, records(3, "forms"))).rstrip(),
        b"".join(map(line, records(3, "forms"))).replace(b"\n", b"\r\n\r\n"),
        b"\xef\xbb\xbf \n" + b"".join(map(line, records(3, "forms"))),
        b"[" + b",".join(map(line, records(3, "forms"))) + b"]",
        b"\n  [\n" + b",\n".join(map(line, records(3, "forms"))) + b"] ",
    ],
)
def test_shipments_come_as_an_array_or_as_lines_whatever_they_are_called(
    client: httpx.Client, body: bytes, media_type: str | None
) -> None:
    headers = {"content-type": media_type} if media_type else {}
    taken = client.post("/v1/shipments", content=body, headers=headers).json()
    assert taken["accepted"] + taken["unchanged"] == 3
    assert (taken["rejected"], taken["rejected_total"]) == ([], 0)
    assert orders(client, "forms") == 3


def test_what_is_sent_again_changes_nothing_and_a_correction_replaces(client: httpx.Client) -> None:
    first = send(client, *map(line, records(3, "again")))
    again = send(client, *map(line, records(4, "again")))
    corrected = send(client, line(record(2, "again", at=2, shipment=GROUND)))
    counts = [
        tuple(taken[name] for name in ("accepted", "unchanged", "replaced")) for taken in (first, again, corrected)
    ]
    assert counts == [(3, 0, 0), (1, 3, 0), (0, 0, 1)]


@pytest.mark.parametrize("body", [b"[1, 2", b"[1] x", b"[" * 100_000, b'["\\ud800', b"[\xff]"])
def test_an_array_that_is_no_json_is_a_problem_and_nothing_of_it_is_kept(client: httpx.Client, body: bytes) -> None:
    response = client.post("/v1/shipments", content=body)
    if response.status_code != 200:
        assert_problem(response, 400)
    else:
        assert response.json()["rejected_total"] == 1


def test_nothing_at_all_is_nothing_taken_in(client: httpx.Client) -> None:
    assert send(client) == {"accepted": 0, "unchanged": 0, "replaced": 0, "rejected": [], "rejected_total": 0}


def test_a_long_stream_is_taken_in_whole(client: httpx.Client) -> None:
    taken = client.post("/v1/shipments", content=(line(one) for one in records(12_000, "stream"))).json()
    assert (taken["accepted"], taken["rejected_total"]) == (12_000, 0)


def test_a_line_that_is_too_long_is_told_and_the_others_are_kept(client: httpx.Client) -> None:
    long = line(record(2, "long", order={"text": "x" * (3 * shipments.LONGEST_LINE)}))
    taken = send(client, line(record(1, "long")), long, line(record(3, "long")), long.rstrip())
    assert taken["accepted"] + taken["unchanged"] == 2
    assert [one["line"] for one in taken["rejected"]] == [2, 4]
    assert orders(client, "long") == 2


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/v1/prediction", predictions.ONE_LIMIT),
        ("/v1/predictions", predictions.MANY_LIMIT),
        ("/v1/shipments", shipments.ARRAY_LIMIT),
    ],
)
def test_a_body_over_the_limit_is_refused_while_it_arrives(server: str, path: str, limit: int) -> None:
    host, port = server.removeprefix("http://").split(":")
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\n"
    for length in (f"content-length: {limit * 100}\r\n\r\n", "transfer-encoding: chunked\r\n\r\n"):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(head.encode() + length.encode())
            part = b"[" + b" " * 65_535
            part = part if "content-length" in length else b"%x\r\n%s\r\n" % (len(part), part)
            connection.setblocking(False)
            answer, waiting, sent = bytearray(), b"", 0
            while b"\r\n\r\n" not in answer and sent < limit + 64 * 2**20:
                waiting = waiting or part
                with contextlib.suppress(BlockingIOError):
                    gone = connection.send(waiting)
                    waiting = waiting[gone:]
                    sent += gone
                with contextlib.suppress(BlockingIOError):
                    answer += connection.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 413 "), bytes(answer[:100])
            assert PROBLEM.encode() in answer


def test_a_client_that_reads_only_after_it_has_sent_all_still_reads_the_problem(client: httpx.Client) -> None:
    response = client.post("/v1/prediction", content=b" " * (3 * predictions.ONE_LIMIT))
    assert_problem(response, 413)
    assert client.get("/healthz").status_code == 200


def test_of_a_stream_that_is_cut_the_whole_chunks_are_kept_and_it_may_be_sent_again(
    server: str, client: httpx.Client
) -> None:
    sent = [line(one) for one in records(7_000, "cut")]
    host, port = server.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(b"POST /v1/shipments HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        body = b"".join(sent[:6_000]) + sent[6_000][:40]
        connection.sendall(b"%x\r\n%s\r\n" % (len(body), body))
        while orders(client, "cut") < 5_000:
            pass
    taken = send(client, *sent)
    assert taken["unchanged"] in (5_000, 6_000)
    assert taken["accepted"] + taken["unchanged"] == 7_000


@pytest.mark.parametrize("customer_id", ["plain", "ä ö%", "a+b?c#d", "...", "😀"])
def test_a_customer_is_found_by_its_id_percent_encoded(client: httpx.Client, customer_id: str) -> None:
    send(client, line(record(1, customer_id)))
    response = client.get(f"/v1/customers/{quote(customer_id, safe='')}")
    assert response.status_code == 200
    assert (response.json()["customer_id"], response.json()["orders"]) == (customer_id, 1)


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/v1/customers/nobody", 404, None),
        ("/v1/customers/..%2fetc", 400, "customer_id"),
        ("/v1/customers/a%2Fb", 400, "customer_id"),
        ("/v1/customers/%2e%2e", 400, "customer_id"),
        ("/v1/customers/%ff", 400, "customer_id"),
        ("/v1/customers/%00", 400, "customer_id"),
        ("/v1/customers/" + "x" * 129, 400, "customer_id"),
        ("/v1/customers/a/b", 404, None),
        ("/v1/customers/", 404, None),
        ("/v1/nothing", 404, None),
        ("/nothing", 404, None),
    ],
)
def test_what_is_not_there_is_a_problem(server: str, path: str, status: int, field: str | None) -> None:
    host, port = server.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert PROBLEM.encode() in head
    assert json.loads(body).get("field") == field


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/prediction", {"POST"}),
        ("PUT", "/v1/predictions", {"POST"}),
        ("DELETE", "/v1/shipments", {"POST"}),
        ("POST", "/v1/customers", {"GET", "HEAD"}),
        ("POST", "/v1/customers/x", {"GET", "HEAD", "PATCH", "DELETE"}),
        ("POST", "/v1/customers/x/predictions", {"GET", "HEAD"}),
        ("GET", "/v1/customers/x/shipments/1", {"DELETE"}),
        ("POST", "/healthz", {"GET", "HEAD"}),
    ],
)
def test_a_wrong_method_is_a_problem_that_says_which_is_right(
    client: httpx.Client, method: str, path: str, allowed: set[str]
) -> None:
    response = client.request(method, path)
    assert_problem(response, 405)
    assert set(response.headers["allow"].split(", ")) == allowed


def test_it_is_alive_and_ready_and_tells_of_its_history(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready", "history": {"state": "ok"}}
    assert client.head("/healthz").status_code == 200


class Away(MemoryHistory):
    """A history that is away."""

    error: Exception = HistoryUnavailable("the disk is full")

    async def read(self, customer_id: str, after: int = 0) -> Tail:
        self.trouble = str(self.error)
        raise self.error


@contextlib.asynccontextmanager
async def over(history: MemoryHistory) -> Any:
    service = Autoship(history, settings=Settings(), clock=lambda: record().ordered_at)
    transport = httpx.ASGITransport(application(service), raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        yield client
    await service.close()


@pytest.mark.parametrize("error", [HistoryUnavailable("the disk is full"), HistoryUnusable("the file is damaged")])
async def test_where_the_history_cannot_be_had_it_is_503_with_when_to_try_again(error: Exception) -> None:
    history = Away()
    history.error = error
    async with over(history) as client:
        response = await client.post("/v1/prediction", json={"customer_id": "acme", "order": {}})
        assert_problem(response, 503)
        assert int(response.headers["retry-after"]) > 0
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["history"]) == (200, {"state": "away", "detail": str(error)})


async def test_a_fault_of_the_service_is_a_problem_that_gives_nothing_away(caplog: pytest.LogCaptureFixture) -> None:
    history = Away()
    history.error = ZeroDivisionError("secret")
    async with over(history) as client:
        response = await client.post("/v1/prediction", json={"customer_id": "acme", "order": {}})
    assert_problem(response, 500)
    assert "secret" not in response.text
    assert "secret" in caplog.text
