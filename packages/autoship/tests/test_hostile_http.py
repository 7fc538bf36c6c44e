"""Whatever a client sends, in JSON or around it: a problem with the field and the mend, nothing lost, and the next good
request is answered. One server takes all of it."""

from __future__ import annotations

import gzip
import itertools
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from autoship_samples import GROUND, PRIORITY, line, record
from hostile_server import Server, answers, received, serving

GOOD: dict[str, Any] = json.loads(line(record("good", "kept")))
ORDER = {name: GOOD[name] for name in ("customer_id", "order_id", "ordered_at", "order")}
MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("hostile")) as server:
        assert server.client.post("/v1/shipments", content=line(record("good", "kept"))).json()["accepted"] == 1
        yield server


@pytest.fixture(autouse=True)
def nothing_is_lost(server: Server) -> Iterator[None]:
    """After each of these tests, the good record is there as it was, and known to the next prediction."""
    yield
    assert server.client.post("/v1/shipments", content=line(record("good", "kept"))).json()["unchanged"] == 1
    assert server.client.post("/v1/prediction", json=ORDER).json()["shipment"] == PRIORITY
    assert "Traceback" not in server.log


def told(server: Server, path: str, body: bytes) -> tuple[str | None, str]:
    """The field and the mend that a bad body is answered with."""
    status, said = server.post(path, body)
    if path == "/v1/shipments" and status == 200:
        assert said["rejected_total"] == len(said["rejected"]) > 0, said
        assert said["accepted"] + said["replaced"] + said["unchanged"] == 0, said
        return said["rejected"][0]["field"], said["rejected"][0]["error"]
    assert status in (400, 413), said
    assert said["status"] == status
    return said.get("field"), said["detail"]


WRONG: dict[str, list[Any]] = {
    "customer_id": [None, True, 1, 1.5, [], {}, "", "x" * 129, ".", "..", "a/b", "..%2f/etc", "a\nb", "\0", "\x85"],
    "order_id": [True, 1, 1.5, [], {}, "", "x" * 201, "a\x1b[2Jb", "\x7f"],
    "ordered_at": [
        True,
        1767607200,
        1e9,
        [],
        {},
        "",
        "now",
        "2026-01-05T10:00:00",
        "2026-01-05",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-01-05T23:59:60Z",
        "٢٠٢٦-01-05T10:00:00Z",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:59",
        "2200-01-01T00:00:00Z",
        "2026-01-05T10:00:00+99:99",
        "2026-01-05T10:00:00+24:00",
        "2026-01-05T10:00:00Z" * 1_000,
    ],
    "order": [None, True, 1, "x", [], [{}]],
}
WRONG_IN_RECORDS: dict[str, list[Any]] = {
    "order_id": [None],
    "ordered_at": [None],
    "shipment": [None, True, 1, "USPS", [], {}, {str(n): n for n in range(9)}, {"": 1}, {"x" * 201: 1}],
    "shipment.carrier": [{"carrier": wrong} for wrong in (None, [], {}, "x" * 201, 2**63, -(2**63), 10**30)],
    "shipped_at": [True, 1, [], {}, "", "2026-01-05T10:00:00", "9999-12-31T23:59:59Z"],
    "shipped": [True, 1, "x", []],
    "decided_by": [None, True, 1, [], {}, "", "Person", "nobody"],
}


def cases(wrong: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    return [(field, value) for field, values in wrong.items() for value in values]


@pytest.mark.parametrize(("field", "value"), cases(WRONG), ids=lambda value: repr(value)[:40])
def test_a_wrong_value_is_told_by_its_field_with_the_mend(server: Server, field: str, value: Any) -> None:
    for path, good in (("/v1/prediction", ORDER), ("/v1/shipments", GOOD)):
        named, mend = told(server, path, json.dumps({**good, field: value}).encode())
        assert named == field
        assert len(mend) > 8


@pytest.mark.parametrize(("field", "value"), cases(WRONG_IN_RECORDS), ids=lambda value: repr(value)[:40])
def test_a_wrong_value_of_a_record_is_told_by_its_field(server: Server, field: str, value: Any) -> None:
    named, mend = told(server, "/v1/shipments", json.dumps({**GOOD, field.split(".")[0]: value}).encode())
    assert named == field
    assert len(mend) > 8


@pytest.mark.parametrize("name", GOOD)
def test_a_field_that_is_missing_or_comes_twice_is_told(server: Server, name: str) -> None:
    rest = {other: value for other, value in GOOD.items() if other != name}
    if name not in ("shipped_at", "decided_by", "shipped"):
        assert told(server, "/v1/shipments", json.dumps(rest).encode())[0] == name
    twice = json.dumps(GOOD).replace("{", f'{{"{name}": {json.dumps(GOOD[name])}, ', 1)
    assert told(server, "/v1/shipments", twice.encode())[0] == name


IN_AN_ORDER: list[tuple[bytes, str | None, str]] = [
    (b'{"a":NaN}', None, "not valid JSON"),
    (b'{"a":Infinity}', None, "not valid JSON"),
    (b'{"a":-Infinity}', None, "not valid JSON"),
    (b'{"a":1e999}', None, "send it as a string"),
    (b'{"a":-1e999}', None, "send it as a string"),
    (b'{"a":1' + b"0" * 5_000 + b"}", None, "send it as a string"),
    (b'{"a":9223372036854775808}', "order.a", "send it as a string"),
    (b'{"a":[0,{"b":18446744073709551616}]}', "order.a[1].b", "send it as a string"),
    (b'{"a":01}', None, "not valid JSON"),
    (b'{"a":0x1}', None, "not valid JSON"),
    (b'{"a":1.}', None, "not valid JSON"),
    (b'{"a":"\\ud800"}', None, "lone surrogate"),
    (b'{"\\udfff":1}', None, "lone surrogate"),
    (b'{"a":"\xed\xa0\x80"}', None, "UTF-8"),
    (b'{"a":"\xff"}', None, "UTF-8"),
    (b'{"a":"\xc0\xaf"}', None, "UTF-8"),
    (b'{"a":"\x00"}', None, "not valid JSON"),
    (b'{"a":"\\x41"}', None, "not valid JSON"),
    (b"{'a':1}", None, "not valid JSON"),
    (b'{"a":1,}', None, "not valid JSON"),
    (b'{"a":1}//', None, "not valid JSON"),
    (b'{"a":1,"a":1}', "a", "twice"),
    (b'{"a":[{"":0,"b":{"":1,"":2}}]}', "", "twice"),
    (b'{"a":1,"\\u0061":2}', "a", "twice"),
    (b'{"a":' * 200 + b"1" + b"}" * 200, "order", "32 levels"),
    (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", "order", "32 levels"),
    (b'{"a":' + b"[" * 50_000, None, "too deep"),
    (b'{"items":[' + b"1," * 100_000 + b"1]}", "order", "20,000 values"),
    (b"{" + b",".join(b'"%d":{}' % n for n in range(30_000)) + b"}", "order", "20,000 values"),
]


@pytest.mark.parametrize(("order", "field", "mend"), IN_AN_ORDER, ids=lambda value: repr(value)[:40])
def test_what_is_wrong_within_an_order_is_told(server: Server, order: bytes, field: str | None, mend: str) -> None:
    for path, good in (("/v1/prediction", ORDER), ("/v1/shipments", GOOD)):
        body = json.dumps({**good, "order": "here"}).encode().replace(b'"here"', order)
        assert told(server, path, body)[0] == field
        assert mend in told(server, path, body)[1]


TEXT = json.dumps(ORDER)
WHOLE: list[tuple[bytes, str]] = [
    (TEXT.encode("utf-16"), "UTF-8"),
    (TEXT.encode("utf-16-le"), "UTF-8"),
    (TEXT.encode("utf-16-be"), "UTF-8"),
    (TEXT.encode("utf-32"), "UTF-8"),
    (b"\xef\xbb\xbf" + TEXT.encode(), "byte order mark"),
    (gzip.compress(TEXT.encode()), "send it unpacked"),
    (b"customer_id=acme&order=1", "not valid JSON"),
    (b"<order/>", "not valid JSON"),
    (b"null", "object"),
    (b'"order"', "object"),
    (TEXT.encode() * 2, "not valid JSON"),
    (TEXT.encode()[:-1], "ends too early"),
    (b"\0" * 1_000, "UTF-8"),
]


@pytest.mark.parametrize(("body", "mend"), WHOLE, ids=lambda value: repr(value)[:40])
def test_a_body_that_is_no_json_is_told_with_the_mend(server: Server, body: bytes, mend: str) -> None:
    field, said = told(server, "/v1/prediction", body)
    assert field is None
    assert mend in said


def test_blank_lines_are_counted_however_many_come_at_once(server: Server) -> None:
    body = b"\n" * 3 * MEBIBYTE + b" \r\n{}\n" + b"x" * (MEBIBYTE + 1) + b"\n" * 300_000 + b"[]\n"
    rejected = server.post("/v1/shipments", body).body["rejected"]
    lines = 3 * MEBIBYTE + 2
    assert [one["line"] for one in rejected] == [lines, lines + 1, lines + 1 + 300_000]


def test_a_string_of_a_mebibyte_is_too_much_for_one_order(server: Server) -> None:
    body = json.dumps({**GOOD, "order": {"a": "x" * MEBIBYTE}}).encode()
    assert server.post("/v1/prediction", body).status == 413
    assert "1,048,576 bytes" in told(server, "/v1/shipments", body)[1]


ODD_BUT_GOOD: list[dict[str, Any]] = [
    {"": {"": ""}, "a": {"": [[], {}, None]}},
    {"a": 2**63 - 1, "b": -(2**63) + 1, "c": 9.2e18, "d": 5e-324, "e": -0.0, "f": 2.0},
    {"a": "x" * 900_000},
    {"ü\u202e\u200b😀\ufffe": "\u2028\x85\x00 ' \" < > & \\"},
    {"items": [{"sku": str(n)} for n in range(9_000)]},
    {str(n): n for n in range(15_000)},
    json.loads('{"a":' * 31 + "1" + "}" * 31),
]


@pytest.mark.parametrize("order", ODD_BUT_GOOD, ids=lambda value: repr(value)[:40])
def test_what_is_odd_but_json_is_learned_and_predicted(server: Server, order: dict[str, Any]) -> None:
    for number in (1, 2):
        body = {**GOOD, "customer_id": "odd", "order_id": f"{hash(repr(order))} {number}", "order": order}
        assert server.post("/v1/shipments", json.dumps(body).encode()).body["accepted"] == 1
        assert (
            server.post("/v1/prediction", json.dumps({**ORDER, "customer_id": "odd", "order": order}).encode()).status
            == 200
        )


@pytest.mark.parametrize(
    "name", ["x" * 128, "😀", "a\u202eb", "\u200b", " ", "a%b", "😀" * 128, "\\", "'; DROP TABLE log"]
)
def test_an_odd_customer_is_one_customer_in_bodies_and_paths(server: Server, name: str) -> None:
    assert server.post("/v1/shipments", line(record(1, name))).body["accepted"] == 1
    encoded = "".join(f"%{byte:02X}" for byte in name.encode())
    assert server.client.get(f"/v1/customers/{encoded}").json()["customer_id"] == name


def test_orders_ages_apart_are_learned_in_the_order_of_their_time(server: Server) -> None:
    times = ["2199-12-29T00:00:00Z", "1970-01-02T00:00:00Z", "2026-01-01T00:00:00+23:59", "2026-01-01T00:00:00-23:59"]
    bodies = [
        {**GOOD, "customer_id": "ages", "order_id": time, "ordered_at": time, "shipped_at": time} for time in times
    ]
    assert server.post("/v1/shipments", json.dumps(bodies).encode()).body["accepted"] == 4
    assert (
        server.post("/v1/prediction", json.dumps({**ORDER, "customer_id": "ages"}).encode()).body["shipment"]
        == PRIORITY
    )


def test_a_whole_number_is_one_choice_with_and_without_a_point(server: Server) -> None:
    bodies = [{**GOOD, "customer_id": "one", "order_id": str(n), "shipment": {"box": n}} for n in (1, 1.0, True, "1")]
    server.post("/v1/shipments", json.dumps(bodies).encode())
    assert server.client.get("/v1/customers/one").json()["choices"] == 3


PATHS: list[tuple[str, int]] = [
    ("/v1/customers/..%2fetc", 400),
    ("/v1/customers/..%2F..%2Fetc%2Fpasswd", 400),
    ("/v1/customers/%2e%2e", 400),
    ("/v1/customers/%00", 400),
    ("/v1/customers/a%0d%0aset-cookie:%20x", 404),
    ("/v1/customers/%ff", 400),
    ("/v1/customers/%ed%a0%80", 400),
    ("/v1/customers/%c0%af", 400),
    ("/v1/customers/%", 404),
    ("/v1/customers/%zz", 404),
    ("/v1/customers/" + "x" * 129, 400),
    ("/v1/customers/../../etc/passwd", 404),
    ("/v1/customers/", 404),
    ("/v1/customers//", 404),
    ("/%00%ff%0a", 404),
    ("/" + "x" * 60_000, 404),
    ("//", 404),
    ("*", 404),
]


@pytest.mark.parametrize(("path", "status"), PATHS, ids=lambda value: repr(value)[:40])
def test_a_path_that_leads_nowhere_is_a_problem(server: Server, path: str, status: int) -> None:
    (answer,) = server.say(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    assert answer.status == answer.body["status"] == status


POST = b"POST /v1/shipments HTTP/1.1\r\nhost: x\r\n"
HEALTHZ = b"GET /healthz HTTP/1.1\r\nhost: x\r\n"
EMPTY = b"0\r\n\r\n"
FRAMES: list[tuple[str, bytes, list[int]]] = [
    ("a length and chunks", POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n" + EMPTY + HEALTHZ, [400]),
    ("chunks and a length", POST + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n" + EMPTY + HEALTHZ, [400]),
    ("two lengths", POST + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}}", [400]),
    ("a list of lengths", POST + b"content-length: 2, 3\r\n\r\n{}}", [400]),
    ("a length below zero", POST + b"content-length: -2\r\n\r\n{}", [400]),
    ("a length with a sign", POST + b"content-length: +2\r\n\r\n{}", [400]),
    ("a length that is none", POST + b"content-length: two\r\n\r\n{}", [400]),
    ("a length beyond 64 bits", POST + b"content-length: 99999999999999999999\r\n\r\n{}", [400]),
    ("another coding", POST + b"transfer-encoding: xchunked\r\n\r\n{}", [400]),
    ("chunks, then another coding", POST + b"transfer-encoding: chunked, gzip\r\n\r\n" + EMPTY, [400]),
    (
        "chunks in another coding",
        POST + b"transfer-encoding: gzip, chunked\r\nconnection: close\r\n\r\n" + EMPTY,
        [415],
    ),
    ("a space before the colon", POST + b"transfer-encoding : chunked\r\n\r\n" + EMPTY, [400]),
    ("a folded header", POST + b"x: a\r\n b\r\ncontent-length: 0\r\n\r\n", [400]),
    ("lines without a return", HEALTHZ.replace(b"\r\n", b"\n") + b"\n", [400]),
    ("a NUL in a header", HEALTHZ + b"x: a\0b\r\n\r\n", [400]),
    ("a chunk's size that is none", POST + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n" + EMPTY, [400]),
    ("a chunk beyond 64 bits", POST + b"transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n", [400]),
    ("a chunk below zero", POST + b"transfer-encoding: chunked\r\n\r\n-2\r\n{}\r\n", [400]),
    ("a chunk that is longer than it says", POST + b"transfer-encoding: chunked\r\n\r\n1\r\n{}\r\n" + EMPTY, [400]),
    (
        "an extension and a trailer",
        POST + b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n0;a=b\r\nx: y\r\n\r\n",
        [200],
    ),
    ("packed", POST + b"content-encoding: gzip\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}", [415]),
    ("packed twice", POST + b"content-encoding: br, gzip\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}", [415]),
    ("not packed", POST + b"content-encoding: identity\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}", [200]),
    (
        "on to another protocol",
        POST + b"connection: upgrade\r\nupgrade: irc\r\ncontent-length: 48\r\n\r\n" + HEALTHZ + b"\r\n",
        [415],
    ),
    (
        "on to HTTP/2, which stays where it is",
        POST
        + b"connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nhttp2-settings: AA\r\n"
        + b"content-length: %d\r\n\r\n" % len(HEALTHZ + b"\r\n")
        + HEALTHZ
        + b"\r\n"
        + HEALTHZ
        + b"connection: close\r\n\r\n",
        [200, 200],
    ),
    (
        "on to HTTP/2, with a body in chunks",
        POST
        + b"upgrade: h2c \r\nconnection: upgrade\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
        + HEALTHZ
        + b"connection: close\r\n\r\n",
        [200, 200],
    ),
    (
        "on to HTTP/2 in a folded header",
        POST + b"connection: upgrade\r\nupgrade: h2c\r\n x\r\ncontent-length: 2\r\n\r\n{}",
        [400],
    ),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
    ("HTTP/9.9", b"GET /healthz HTTP/9.9\r\n\r\n", [400]),
    ("HTTP/0.9", b"GET /healthz\r\n\r\n", [200]),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 100, [400]),
    ("zeros", b"\0" * 100 + b"\r\n\r\n", [400]),
    ("an invented method", b"BREW /v1/prediction HTTP/1.1\r\nhost: x\r\n\r\n", [400]),
    ("TRACE", b"TRACE /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", [405]),
    ("OPTIONS", b"OPTIONS /v1/prediction HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", [405]),
    ("a body that nobody asked for", HEALTHZ + b"connection: close\r\ncontent-length: 5\r\n\r\nhello", [200]),
    ("one after the other at once", (HEALTHZ + b"\r\n") * 50 + HEALTHZ + b"connection: close\r\n\r\n", [200] * 51),
    ("a good one, then none", HEALTHZ + b"\r\n" + b"\0\0", [200]),
    (
        "many headers",
        HEALTHZ + b"connection: close\r\n" + b"".join(b"x%d: y\r\n" % n for n in range(2_000)) + b"\r\n",
        [200],
    ),
    ("a huge header", HEALTHZ + b"x: " + b"y" * MEBIBYTE + b"\r\n\r\n", [431]),
    ("headers without end", HEALTHZ + b"x: y\r\n" * 200_000, [431]),
    ("a long path", b"GET /" + b"x" * MEBIBYTE + b" HTTP/1.1\r\n\r\n", [431]),
    ("a body cut by its length", POST + b"content-length: 500\r\n\r\n{", []),
    ("a body cut in a chunk", POST + b"transfer-encoding: chunked\r\n\r\n500\r\n{", []),
    ("a head that is cut", HEALTHZ, []),
    ("nothing", b"", []),
]


@pytest.mark.parametrize(("sent", "statuses"), [case[1:] for case in FRAMES], ids=[case[0] for case in FRAMES])
def test_what_is_not_plain_http_is_refused_and_never_taken_for_two_requests(
    server: Server, sent: bytes, statuses: list[int]
) -> None:
    assert [answer.status for answer in server.say(sent, cut=not statuses)] == statuses


@pytest.mark.parametrize("later", [b"{}", HEALTHZ + b"\r\n"])
def test_the_body_of_a_request_for_another_protocol_is_no_request(server: Server, later: bytes) -> None:
    with server.connect() as connection:
        connection.sendall(POST + b"connection: upgrade\r\nupgrade: irc\r\ncontent-length: %d\r\n\r\n" % len(later))
        first = connection.recv(65_536)
        connection.sendall(later)
        assert [answer.status for answer in answers(first + received(connection))] == [415]


def test_a_hundred_requests_may_wait_and_those_beyond_are_not_answered(server: Server) -> None:
    got = [answer.status for answer in server.say((HEALTHZ + b"\r\n") * 1_000)]
    assert 100 <= len(got) < 1_000
    assert set(got) == {200}


def test_HEAD_is_answered_with_no_body(server: Server) -> None:
    for path, status in (("/healthz", 200), ("/v1/customers/nobody", 404), ("/v1/prediction", 405)):
        response = server.client.head(path)
        assert (response.status_code, response.content) == (status, b"")


MUCH = 128 * MEBIBYTE
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


ENDLESS: dict[str, tuple[bytes, bytes]] = {
    "a header": (HEALTHZ + b"x: ", b"y" * 65_536),
    "headers": (HEALTHZ, b"x: y\r\n" * 10_000),
    "a trailer": (CHUNKED + b"0\r\nx: ", b"y" * 65_536),
    "trailers": (CHUNKED + b"0\r\n", b"x: y\r\n" * 10_000),
    "a chunk's extension": (CHUNKED + b"1;", b"y" * 65_536),
    "a line in chunks": (CHUNKED, chunk(b'{"a' * 20_000)),
    "a line of a length that is not kept": (POST + b"content-length: 99999999999\r\n\r\n", b'{"a' * 20_000),
    "a blank body": (CHUNKED, chunk(b" " * 65_536)),
    "blank lines": (CHUNKED, chunk((b" " * 255 + b"\n") * 256)),
    "bad lines": (CHUNKED, chunk((b"?" * 1_023 + b"\n") * 64)),
    "an array": (CHUNKED, chunk(b"[" + b" " * 65_535)),
    "an order": (CHUNKED.replace(b"shipments", b"prediction"), chunk(b" " * 65_536)),
}
"""A beginning, and what may come after it again and again."""


@pytest.mark.parametrize(
    ("kind", "much"),
    [(kind, MUCH) for kind in ENDLESS] + [pytest.param(kind, 2**30, marks=pytest.mark.faults) for kind in ENDLESS],
)
def test_what_comes_without_end_takes_no_memory_and_keeps_nobody_waiting(server: Server, kind: str, much: int) -> None:
    before = server.peak_mb
    first, again = ENDLESS[kind]
    with server.connect() as connection:
        try:
            connection.sendall(first)
            for n in range(much // len(again)):
                connection.sendall(again)
                if n % 1_000 == 0:
                    assert server.client.get("/healthz").status_code == 200
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert server.client.get("/healthz").status_code == 200
    assert server.peak_mb < before + 100


def test_a_stream_that_is_cut_anywhere_may_be_sent_again(server: Server) -> None:
    sent = [line(record(n, "cut", at=n, shipment=(PRIORITY, GROUND)[n % 2])) for n in range(1, 41)]
    body = b"".join(sent)
    for cut in range(1, len(body), len(body) // 25):
        with server.connect() as connection:
            connection.sendall(POST + b"content-length: %d\r\n\r\n" % len(body) + body[:cut])
    taken = server.post("/v1/shipments", body).body
    assert (taken["accepted"] + taken["unchanged"], taken["replaced"], taken["rejected_total"]) == (40, 0, 0)
    assert server.post("/v1/shipments", body).body["unchanged"] == server.known("cut") == 40


def test_a_client_that_sends_a_byte_at_a_time_is_answered_and_keeps_nobody_waiting(server: Server) -> None:
    body = line(record(1, "slow"))
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in POST + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body:
            connection.sendall(bytes([byte]))
            assert byte % 64 or server.client.get("/healthz").status_code == 200
        assert [answer.body["accepted"] for answer in answers(received(connection))] == [1]


def test_a_client_that_asks_and_asks_and_does_not_read_is_cut_off_and_takes_no_memory(server: Server) -> None:
    before = server.peak_mb
    much = (HEALTHZ + b"\r\n") * 1_000_000
    with server.connect() as connection, pytest.raises((BrokenPipeError, ConnectionResetError)):
        connection.sendall(much)
    assert server.client.get("/healthz").status_code == 200
    assert server.peak_mb < before + 50


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.faults)])
def test_connections_that_are_opened_and_dropped_leave_nothing_behind(server: Server, count: int) -> None:
    kinds = itertools.cycle([b"", b"GET", HEALTHZ, POST + b"content-length: 9\r\n\r\n{", HEALTHZ + b"\r\n"])
    files = server.open_files
    for said in itertools.islice(kinds, count):
        with server.connect() as connection:
            connection.sendall(said)
    server.until(lambda: server.open_files <= files)
