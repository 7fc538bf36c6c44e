"""The client against a server that misbehaves: what is sent again, what is not, and that a call ends in time."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme
from autoship.client import (
    AnswerUnreadable,
    CannotConnect,
    ConnectionLost,
    DeadlineExceeded,
    Forbidden,
    HistoryUnavailable,
    HistoryUnusable,
    Intake,
    InvalidInput,
    NotFound,
    NotSendable,
    Refused,
    ServiceFault,
    Unauthorized,
    Unavailable,
)
from client_kinds import Waits, done, make
from rude_server import RudeServer, Step, answer, close, drip, raw, reset, silence

HEALTHY = answer(b'{"status":"ready","history":{"state":"ok"}}')
LEARNED_FROM = {"orders": 0, "until": None}
PREDICTED = answer(
    json.dumps(
        {
            "prediction_id": "p", "order_id": None, "shipment": None, "confidence": 0.0, "approved": False,
            "alternatives": [], "because": [], "learned_from": LEARNED_FROM, "degraded": [], "reason": "no_history",
        }
    ).encode()
)  # fmt: skip
HALF = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
HALF_OF_THE_HEAD = raw(b"HTTP/1.1 200 OK\r\ncontent-le")
HALF_OF_CHUNKS = raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{")
GONE = answer(b"", 204)

Connect = Callable[..., Any]


def problem(status: int, kind: str = "about:blank", headers: str = "", **rest: Any) -> Step:
    body = {"type": kind, "title": "No", "status": status, "detail": "because", **rest}
    return answer(json.dumps(body).encode(), status, f"content-type: application/problem+json\r\n{headers}")


def history_away(retry_after: str | None = None) -> Step:
    headers = "" if retry_after is None else f"retry-after: {retry_after}\r\n"
    return problem(503, "urn:autoship:problem:history-unavailable", headers)


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes a client of each kind; they are closed after the test."""
    made: list[Any] = []
    with asyncio.Runner() as runner:

        def make_one(server: RudeServer, waits: Waits | None = None, **options: Any) -> Any:
            made.append(make(request.param, runner, server.address, waits or Waits(), **options))
            return made[-1]

        yield make_one
        for client in made:
            done(client)


@pytest.mark.parametrize("rude", [close, reset, HALF, HALF_OF_THE_HEAD, HALF_OF_CHUNKS, history_away("0")])
def test_what_may_pass_is_sent_again(connect: Connect, rude: Step) -> None:
    with RudeServer(rude, rude, PREDICTED) as server:
        assert connect(server).predict("acme", {"a": 1}).reason == "no_history"
        assert len(server.received) == 3
        assert len({(one.head, one.body) for one in server.received}) == 1


def test_waits_grow_and_end_with_the_attempts(connect: Connect) -> None:
    waits = Waits()
    with RudeServer(problem(502)) as server, pytest.raises(Unavailable) as failed:
        connect(server, waits, attempts=4).predict("acme", {})
    assert waits.slept == [0.1, 0.2, 0.4]
    assert (failed.value.attempts, len(server.received)) == (4, 4)


def test_retry_after_is_obeyed_and_the_jitter_comes_after_it(connect: Connect) -> None:
    waits = Waits(random=lambda: 0.5)
    with RudeServer(history_away("3"), PREDICTED) as server:
        connect(server, waits).predict("acme", {})
    assert waits.slept == [3.05]


def test_a_wait_that_would_end_too_late_is_not_begun(connect: Connect) -> None:
    waits = Waits()
    with RudeServer(history_away("60"), PREDICTED) as server, pytest.raises(HistoryUnavailable) as failed:
        connect(server, waits, deadline_s=10).predict("acme", {})
    assert waits.slept == []
    assert (failed.value.retry_after, failed.value.detail, failed.value.transient) == (60, "because", True)


@pytest.mark.parametrize(
    ("rude", "error"),
    [
        (problem(400, "urn:autoship:problem:invalid-input", field="order.x"), InvalidInput),
        (problem(401, "urn:autoship:problem:unauthorized"), Unauthorized),
        (problem(404), NotFound),
        (problem(418), Refused),
        (problem(500), ServiceFault),
        (problem(503, "urn:autoship:problem:history-unusable", "retry-after: 1\r\n"), HistoryUnusable),
        (answer(b"<html>moved", 301, "content-type: text/html\r\nlocation: /x\r\n"), Refused),
        (answer(b"\xff\x00 not JSON", 403, "content-type: application/json\r\n"), Forbidden),
        (answer(b"{", 200), AnswerUnreadable),
        (answer(b"<html>", 200), AnswerUnreadable),
        (answer(b"\xff", 200), AnswerUnreadable),
        (answer(b"[" * 100_000, 200), AnswerUnreadable),
        (answer(b'{"status":7}', 200), AnswerUnreadable),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), AnswerUnreadable),
        (raw(b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n"), AnswerUnreadable),
    ],
)
def test_what_cannot_pass_is_not_sent_again(connect: Connect, rude: Step, error: type[Exception]) -> None:
    with RudeServer(rude) as server, pytest.raises(error) as failed:
        connect(server).predict("acme", {})
    assert type(failed.value) is error
    assert len(server.received) == 1
    assert failed.value.attempts == 1  # type: ignore[attr-defined]
    assert failed.value.request_id == server.received[0].header("x-request-id")  # type: ignore[attr-defined]


def test_a_problem_is_an_error_with_its_fields(connect: Connect) -> None:
    kind = "urn:autoship:problem:invalid-input"
    with RudeServer(problem(400, kind, field="order.x")) as server, pytest.raises(InvalidInput) as failed:
        connect(server).predict("acme", {})
    error = failed.value
    assert (error.status, error.type, error.title, error.detail) == (400, kind, "No", "because")
    assert (error.field, error.retry_after, str(error)) == ("order.x", None, "400 No: because")


def test_where_nobody_listens_it_cannot_connect(connect: Connect) -> None:
    waits = Waits()
    with RudeServer(close) as server:
        address = server.address
    server.address = address
    with pytest.raises(CannotConnect) as failed:
        connect(server, waits, attempts=3).predict("acme", {})
    assert (failed.value.attempts, waits.slept) == (3, [0.1, 0.2])
    assert address in str(failed.value)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def test_a_certificate_of_ones_own_is_trusted_where_it_is_given(
    connect: Connect, authority: trustme.CA, tls: ssl.SSLContext
) -> None:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with RudeServer(PREDICTED, HALF, PREDICTED, tls=tls) as server:
        client = connect(server, ssl_context=context)
        client.predict("acme", {})
        client.predict("acme", {"x": "y" * 1_000_000})
        assert [one.connection for one in server.received] == [1, 1, 2]


def test_a_certificate_that_nobody_trusts_is_no_connection(connect: Connect, tls: ssl.SSLContext) -> None:
    with RudeServer(PREDICTED, tls=tls) as server, pytest.raises(CannotConnect, match="certificate"):
        connect(server, attempts=2).predict("acme", {})
    assert server.received == []


def test_a_server_that_says_nothing_is_left_at_the_deadline(connect: Connect) -> None:
    with RudeServer(silence) as server, pytest.raises(DeadlineExceeded) as failed:
        connect(server, Waits(tick=0.001), deadline_s=0.2).predict("acme", {})
    assert failed.value.attempts == 1


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nx: ", b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n"])
def test_a_server_that_drips_is_left_at_the_deadline(connect: Connect, head: bytes) -> None:
    with RudeServer(drip(head)) as server, pytest.raises(DeadlineExceeded):
        connect(server, Waits(tick=1), deadline_s=30).predict("acme", {})


def test_a_server_that_does_not_read_is_left_at_the_deadline(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, RudeServer(close) as server:
        server.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(DeadlineExceeded):
            connect(server, Waits(tick=0.001), deadline_s=0.3).predict("acme", {"x": "y" * 30_000_000})


def test_the_attempts_share_one_deadline(connect: Connect) -> None:
    waits = Waits(tick=0.25)
    with RudeServer(problem(503)) as server, pytest.raises((Unavailable, DeadlineExceeded)) as failed:
        connect(server, waits, deadline_s=5, attempts=1_000).predict("acme", {})
    assert failed.value.attempts < 10
    assert sum(waits.slept) < 5


def test_an_answer_without_end_is_not_kept(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autoship.client.exchange.LARGEST_ANSWER", 1_000)
    with RudeServer(answer(b" " * 2_000)) as server, pytest.raises(AnswerUnreadable, match="more than 1,000 bytes"):
        connect(server).predict("acme", {})


def test_of_a_refusal_without_end_the_beginning_is_enough(connect: Connect) -> None:
    head = b"HTTP/1.1 400 Bad\r\ncontent-length: 1000000000\r\n\r\n"
    with RudeServer(drip(head)) as server, pytest.raises(InvalidInput) as failed:
        connect(server).predict("acme", {})
    assert len(failed.value.detail) <= 300


def test_a_connection_is_kept_and_used_again(connect: Connect) -> None:
    with RudeServer(PREDICTED) as server:
        client = connect(server)
        for _ in range(3):
            client.predict("acme", {})
        assert [one.connection for one in server.received] == [1, 1, 1]


def test_a_kept_connection_that_the_server_closed_meanwhile_costs_no_wait(connect: Connect) -> None:
    waits = Waits()
    with RudeServer(PREDICTED, close, PREDICTED) as server:
        client = connect(server, waits)
        client.predict("acme", {})
        client.predict("acme", {})
        assert [one.connection for one in server.received] == [1, 1, 2]
    assert waits.slept == [0.0]


def test_a_connection_that_is_closed_after_each_answer_costs_nothing(connect: Connect) -> None:
    with RudeServer(answer(b'{"status":"ready","history":{"state":"ok"}}', keep=False)) as server:
        client = connect(server)
        for _ in range(5):
            client.health()
        assert {one.connection for one in server.received} == {1, 2, 3, 4, 5}


def test_health_is_asked_once(connect: Connect) -> None:
    with RudeServer(problem(503), HEALTHY) as server:
        client = connect(server)
        with pytest.raises(Unavailable):
            client.health()
        assert client.health().history.state == "ok"
        assert len(server.received) == 2


def test_what_is_not_found_after_a_lost_answer_was_forgotten(connect: Connect) -> None:
    with RudeServer(close, problem(404)) as server:
        assert connect(server).forget("acme") is None
    with RudeServer(HALF, problem(404)) as server:
        assert connect(server).forget_shipment("acme", "1") is None
    with RudeServer(problem(404)) as server, pytest.raises(NotFound):
        connect(server).forget("acme")
    with RudeServer(GONE) as server:
        assert connect(server).forget("acme") is None
        assert server.received[0].head.startswith("DELETE /v1/customers/acme HTTP/1.1\r\n")


def taken(accepted: int, *rejected: int) -> Step:
    told = [{"line": line, "field": None, "error": "no"} for line in rejected]
    counts = {"accepted": accepted, "unchanged": 0, "replaced": 0, "rejected": told, "rejected_total": len(told)}
    return answer(json.dumps(counts).encode())


def test_records_go_in_chunks_and_each_is_sent_again_by_itself(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autoship.client.given.CHUNK_RECORDS", 3)
    asked = 0

    def records() -> Iterator[dict[str, int]]:
        nonlocal asked
        for asked in range(1, 8):
            yield {"n": asked}
            assert asked <= 3 * len(server.received) + 3

    with RudeServer(taken(3), close, HALF, taken(2, 3), taken(0, 1)) as server:
        intake = connect(server).ship(records())
        bodies = [[json.loads(line)["n"] for line in one.body.splitlines()] for one in server.received]
    assert bodies == [[1, 2, 3], [4, 5, 6], [4, 5, 6], [4, 5, 6], [7]]
    assert (intake.accepted, intake.rejected_total, [one.line for one in intake.rejected]) == (5, 2, [6, 7])


def test_a_chunk_is_bounded_in_bytes(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autoship.client.given.CHUNK_BYTES", 10)
    with RudeServer(taken(1)) as server:
        connect(server).ship([b'{"n":123456}'] * 4)
        assert [one.body for one in server.received] == [b'{"n":123456}\n'] * 4


def test_a_failed_ship_tells_what_was_taken_in_before(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autoship.client.given.CHUNK_RECORDS", 2)
    with RudeServer(taken(2), problem(500)) as server, pytest.raises(ServiceFault) as failed:
        connect(server).ship([{"n": n} for n in range(5)])
    assert failed.value.taken_in == Intake(accepted=2)


def test_records_that_cannot_be_written_are_told_in_their_places(connect: Connect) -> None:
    with RudeServer(taken(1, 2)) as server:
        intake = connect(server).ship([{"x": object()}, b"\n", b'{"a":\n1}', {"a": 1}, '"\ud800"', '{"a":2}\n'])
        assert server.received[0].body == b'{"a":1}\n{"a":2}\n'
    assert [one.line for one in intake.rejected] == [1, 3, 5, 6]
    assert intake.rejected_total == 4


def test_nothing_to_send_asks_nobody(connect: Connect) -> None:
    with RudeServer(close) as server:
        client = connect(server)
        assert client.ship([]) == Intake()
        assert client.predict_many([]) == []
        assert server.received == []


@pytest.mark.parametrize("given", [{"a": 1}, b"{}", "{}"])
def test_one_that_is_given_for_many_is_a_mistake_of_the_application(connect: Connect, given: Any) -> None:
    with RudeServer(close) as server:
        client = connect(server)
        for call in (client.ship, client.predict_many):
            with pytest.raises(TypeError, match="into a list"):
                call(given)


def test_predictions_that_are_too_few_are_no_answer(connect: Connect) -> None:
    with RudeServer(answer(b'{"predictions":[]}')) as server, pytest.raises(AnswerUnreadable):
        connect(server).predict_many([{"customer_id": "acme", "order": {}}])


def test_pages_are_followed_and_each_is_sent_again_by_itself(connect: Connect) -> None:
    def page(names: list[str], following: str | None) -> Step:
        listed = [{"customer_id": name, "orders": 1, "learned_until": None} for name in names]
        return answer(json.dumps({"customers": listed, "next": following}).encode())

    with RudeServer(page(["a", "b/c"], "b/c"), close, page([], "x y"), page(["z"], None)) as server:
        assert [one.customer_id for one in connect(server).customers(page=2)] == ["a", "b/c", "z"]
        asked = [one.head.split(" ")[1] for one in server.received]
    assert asked == [
        "/v1/customers?limit=2",
        "/v1/customers?after=b%2Fc&limit=2",
        "/v1/customers?after=b%2Fc&limit=2",
        "/v1/customers?after=x+y&limit=2",
    ]


def test_an_export_is_sent_again_until_it_has_begun_and_not_after(connect: Connect) -> None:
    begun = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
    with RudeServer(close, begun) as server:
        parts = connect(server).export("acme", "csv", right=False)
        assert next(parts) == b"half"
        with pytest.raises(ConnectionLost) as failed:
            next(parts)
        assert failed.value.request_id == server.received[1].header("x-request-id")
        assert failed.value.attempts == len(server.received) == 2
        assert "GET /v1/customers/acme/predictions?right=false&format=csv " in server.received[1].head


def test_each_part_of_an_export_has_its_own_deadline(connect: Connect) -> None:
    drops = drip(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7fffffff\r\n")
    with RudeServer(drops) as server:
        parts = connect(server, Waits(tick=1), deadline_s=10).export("acme")
        assert sum(len(next(parts)) for _ in range(50)) >= 50
        parts.close()


def test_an_export_that_is_refused_is_told_as_any_other(connect: Connect) -> None:
    with RudeServer(problem(404)) as server, pytest.raises(NotFound):
        list(connect(server).export("nobody"))


def test_the_token_the_names_and_the_trace_are_passed_on(connect: Connect) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with RudeServer(PREDICTED) as server:
        client = connect(server, token="s3cret", user_agent="shop/2.1")
        client.with_options(request_id="r-1", traceparent=trace).predict("acme", {})
        client.predict("acme", {})
        client.predict("acme", {})
        first, second, third = server.received
    assert first.header("authorization") == second.header("authorization") == "Bearer s3cret"
    assert (first.header("x-request-id"), first.header("traceparent")) == ("r-1", trace)
    assert second.header("traceparent") is None
    assert second.header("x-request-id") != third.header("x-request-id")
    agent = first.header("user-agent")
    assert agent is not None
    assert agent.startswith("shop/2.1 autoship-client/")
    assert "s3cret" not in repr(client) + str(vars(client) if not hasattr(client, "_client") else "")


def test_all_attempts_of_a_call_have_one_request_id(connect: Connect) -> None:
    with RudeServer(close, close, PREDICTED) as server:
        connect(server).predict("acme", {})
        assert len({one.header("x-request-id") for one in server.received}) == 1


def test_options_change_a_copy_over_the_same_connections(connect: Connect) -> None:
    with RudeServer(PREDICTED, close, close, PREDICTED) as server:
        client = connect(server)
        client.predict("acme", {})
        with pytest.raises(ConnectionLost):
            client.with_options(attempts=1).predict("acme", {})
        client.predict("acme", {})
        assert [one.connection for one in server.received] == [1, 1, 2, 3]


def test_an_address_may_have_a_path_before_the_services_own(connect: Connect) -> None:
    with RudeServer(PREDICTED) as server:
        server.address += "/shipping/"
        connect(server).predict("acme", {})
        assert server.received[0].head.startswith("POST /shipping/v1/prediction HTTP/1.1\r\n")


@pytest.mark.parametrize("customer_id", ["", ".", "..", "\ud800"])
def test_what_is_no_part_of_an_address_is_not_sent(connect: Connect, customer_id: str) -> None:
    with RudeServer(close) as server:
        client = connect(server)
        for call in (client.customer, client.forget, client.set):
            with pytest.raises(NotSendable) as failed:
                call(customer_id)
            assert failed.value.field == "customer_id"
        with pytest.raises(NotSendable, match="order_id"):
            client.forget_shipment("acme", customer_id)
        assert server.received == []


async def test_a_call_that_is_cancelled_leaves_a_client_that_works() -> None:
    from autoship.client import AsyncClient

    with RudeServer(silence, PREDICTED) as server:
        async with AsyncClient(server.address) as client:
            task = asyncio.create_task(client.predict("acme", {}))
            while not server.received:  # noqa: ASYNC110
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await client.predict("acme", {})).reason == "no_history"
