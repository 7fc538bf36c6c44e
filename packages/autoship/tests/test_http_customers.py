"""Customers over HTTP: the list, settings, deletions, and predictions beside what was shipped, in pages and files."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest
from autoship.adapters.memory import MemoryHistory
from autoship.domain.outcome import Match, Outcome
from autoship.errors import HistoryUnavailable
from autoship.service import Autoship, Settings
from autoship.web import application, outcomes
from autoship_samples import DAY, GROUND, PRIORITY, hours, line, record, records
from starlette.types import Message
from test_http import assert_problem, send, serving

MIXED = [record(n, "mixed", at=n, took=0.5, shipment=PRIORITY if n % 4 else GROUND) for n in range(1, 61)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("http") / "autoship.db") as address:
        with httpx.Client(base_url=address, timeout=20) as client:
            send(client, *map(line, MIXED))
        yield address


@pytest.fixture
def client(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, timeout=20) as client:
        yield client


def told(client: httpx.Client, **query: object) -> dict[str, Any]:
    response = client.get("/v1/customers/mixed/predictions", params={key: str(value) for key, value in query.items()})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_customers_are_listed_page_by_page(client: httpx.Client) -> None:
    send(client, *(line(record(1, f"list{n}")) for n in range(5)))
    client.get("/v1/customers/list3")
    first = client.get("/v1/customers", params={"after": "list", "limit": 3}).json()
    assert [one["customer_id"] for one in first["customers"]] == ["list0", "list1", "list2"]
    assert first["next"] == "list2"
    second = client.get("/v1/customers", params={"after": "list2"}).json()
    assert [one["customer_id"] for one in second["customers"]][:2] == ["list3", "list4"]
    assert second["next"] is None
    live, unmade = second["customers"][:2]
    assert live == {
        "customer_id": "list3", "orders": 1, "learned_until": "2026-01-05T15:00:00Z", "predicted": 0, "right": 0,
        "approved": 0, "approved_wrong": 0, "approving": False,
    }  # fmt: skip
    assert [unmade[name] for name in ("orders", "predicted", "approving")] == [1, None, None]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("?limit=0", "limit"),
        ("?limit=1001", "limit"),
        ("?limit=-1", "limit"),
        ("?limit=1_0", "limit"),
        ("?limit=%EF%BC%91", "limit"),
        ("?limit=", "limit"),
        ("?limit=1&limit=2", "limit"),
        ("?afetr=x", "afetr"),
        ("?after=%ff", None),
        ("?" + "&".join(f"a{n}=1" for n in range(200)), None),
        ("/mixed?x=1", "x"),
        ("/mixed/predictions?right=yes", "right"),
        ("/mixed/predictions?right=True", "right"),
        ("/mixed/predictions?approved=1", "approved"),
        ("/mixed/predictions?since=yesterday", "since"),
        ("/mixed/predictions?until=2026-01-05T10:00:00", "until"),
        ("/mixed/predictions?until=9999-01-01T00:00:00Z", "until"),
        ("/mixed/predictions?cursor=x", "cursor"),
        ("/mixed/predictions?cursor=0", "cursor"),
        ("/mixed/predictions?cursor=99999999999999999999", "cursor"),
        ("/mixed/predictions?limit=1e3", "limit"),
        ("/mixed/predictions?format=xml", "format"),
        ("/mixed/predictions?field=", "field"),
        ("/mixed/predictions?rihgt=true", "rihgt"),
        ("/mixed/predictions?limit=1%3B", "limit"),
        ("/..%2fetc/predictions", "customer_id"),
        ("/%ff/predictions", "customer_id"),
    ],
)
def test_a_query_that_cannot_be_used_is_a_problem_that_names_the_parameter(
    client: httpx.Client, path: str, field: str | None
) -> None:
    assert_problem(client.get(f"/v1/customers{path}"), 400, field)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", None),
        (b"[]", None),
        (b"{", None),
        (b'{"max_eror": 0.02}', "max_eror"),
        (b'{"max_error": "0.02"}', "max_error"),
        (b'{"max_error": true}', "max_error"),
        (b'{"max_error": 0.001}', "max_error"),
        (b'{"max_error": 0.9}', "max_error"),
        (b'{"max_error": 1e999}', None),
        (b'{"max_error": NaN}', None),
        (b'{"audit": -1}', "audit"),
        (b'{"audit": 0.1, "audit": 0.2}', "audit"),
        (b'{"audit": 18446744073709551616}', "audit"),
    ],
)
def test_what_can_be_no_setting_is_a_problem(client: httpx.Client, body: bytes, field: str | None) -> None:
    assert_problem(client.patch("/v1/customers/mixed", content=body), 400, field)


def test_a_setting_is_changed_told_and_put_back(client: httpx.Client) -> None:
    send(client, *map(line, records(5, "set")))
    changed = client.patch("/v1/customers/set", json={"max_error": 0.02, "audit": 1})
    assert (changed.status_code, changed.json()["settings"]) == (200, {"max_error": 0.02, "audit": 1})
    assert client.get("/v1/customers/set").json()["settings"] == {"max_error": 0.02, "audit": 1}
    assert client.patch("/v1/customers/set", json={}).json()["settings"] == {"max_error": 0.02, "audit": 1}
    back = client.patch("/v1/customers/set", json={"max_error": None})
    assert back.json()["settings"] == {"max_error": 0.05, "audit": 1}
    assert set(back.json()) == set(client.get("/v1/customers/set").json())
    assert_problem(client.patch("/v1/customers/nobody", json={"max_error": 0.02}), 404)
    assert_problem(client.patch("/v1/customers/set", content=b" " * 100_000), 413)


def test_predictions_are_told_beside_what_was_shipped_newest_first(client: httpx.Client) -> None:
    answer = told(client)
    assert answer["next"] is None
    assert [one["order_id"] for one in answer["predictions"]] == [str(n) for n in range(60, 1, -1)]
    newest = answer["predictions"][0]
    assert set(newest) == {
        "order_id", "prediction_id", "ordered_at", "known_at", "predicted", "shipment", "right", "wrong_fields",
        "confidence", "approved", "served", "decided_by",
    }  # fmt: skip
    assert (newest["order_id"], newest["known_at"], newest["shipment"]) == ("60", "2026-01-07T22:30:00Z", GROUND)
    assert (newest["predicted"], newest["right"], newest["wrong_fields"]) == (PRIORITY, False, ["carrier", "service"])
    assert (newest["served"], newest["prediction_id"], newest["decided_by"]) == (False, None, "person")
    assert round(newest["confidence"], 4) == newest["confidence"]


def test_pages_follow_one_another_without_gaps(client: httpx.Client) -> None:
    seen: list[str] = []
    answer = told(client, limit=7)
    seen += [one["order_id"] for one in answer["predictions"]]
    while answer["next"] is not None:
        answer = told(client, limit=7, cursor=answer["next"])
        seen += [one["order_id"] for one in answer["predictions"]]
    assert seen == [str(n) for n in range(60, 1, -1)]


def test_of_the_predictions_those_are_told_that_are_asked_for(client: httpx.Client) -> None:
    wrong = told(client, field="carrier", predicted="USPS", right="false")["predictions"]
    assert wrong
    assert {(one["predicted"]["carrier"], one["shipment"]["carrier"]) for one in wrong} == {("USPS", "UPS")}
    assert told(client, field="carrier", shipped="UPS", right="false")["predictions"] == wrong
    between = told(client, since=(DAY + hours(9.5)).isoformat()[:-6] + "Z", until="2026-01-05T20:30:00Z")
    assert [one["order_id"] for one in between["predictions"]] == ["9"]
    assert told(client, approved="true")["predictions"] == []
    assert told(client, field="service", shipped="Box") == {"predictions": [], "next": None}


def test_a_field_that_no_choice_has_is_refused_with_the_nearest_right_one(client: httpx.Client) -> None:
    response = client.get("/v1/customers/mixed/predictions?field=carier&right=false")
    assert response.status_code == 400
    assert response.json()["detail"] == "field carier is not known: did you mean carrier?"


def test_a_prediction_that_was_given_out_is_told_with_its_id(client: httpx.Client) -> None:
    send(client, *map(line, records(5, "given")))
    asked = {"customer_id": "given", "order_id": "x", "order": {}}
    prediction = client.post("/v1/prediction", json=asked).json()
    shipped = line(record("x", "given"), ordered_at="2100-01-01T00:00:00Z", shipped_at="2100-01-02T00:00:00Z")
    send(client, shipped)
    newest = client.get("/v1/customers/given/predictions?limit=1").json()["predictions"][0]
    assert (newest["prediction_id"], newest["served"]) == (prediction["prediction_id"], True)
    assert newest["confidence"] == prediction["confidence"]


def test_a_stranger_has_no_predictions(client: httpx.Client) -> None:
    for shape in ("json", "ndjson", "csv"):
        assert_problem(client.get("/v1/customers/nobody/predictions", params={"format": shape}), 404)


def test_as_ndjson_everything_that_fits_comes_one_prediction_a_line(client: httpx.Client) -> None:
    response = client.get("/v1/customers/mixed/predictions?format=ndjson&right=false")
    assert response.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(one) for one in response.text.splitlines()] == told(client, right="false")["predictions"]
    assert len(client.get("/v1/customers/mixed/predictions?format=ndjson&limit=3").text.splitlines()) == 3
    assert client.get("/v1/customers/mixed/predictions?format=ndjson&shipped=nothing").text == ""


def test_as_csv_every_field_of_the_choice_has_its_columns(client: httpx.Client) -> None:
    response = client.get("/v1/customers/mixed/predictions?format=csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="predictions.csv"'
    assert response.text.count("\r\n") == 60
    rows = list(csv.DictReader(io.StringIO(response.text, newline="")))
    assert list(rows[0]) == [
        "order_id", "prediction_id", "ordered_at", "known_at", "right", "wrong_fields", "confidence", "approved",
        "served", "decided_by", "predicted.carrier", "shipment.carrier", "predicted.service", "shipment.service",
    ]  # fmt: skip
    newest = rows[0]
    assert (newest["order_id"], newest["ordered_at"], newest["right"]) == ("60", "2026-01-07T22:00:00Z", "false")
    assert (newest["wrong_fields"], newest["shipment.service"]) == ("carrier, service", "Ground")
    assert client.get("/v1/customers/mixed/predictions?format=csv&limit=3").text.count("\r\n") == 4


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\uff1d1", '=cmd|" /C calc"!A0']


def test_a_spreadsheet_runs_nothing_of_what_was_exported_as_csv(client: httpx.Client) -> None:
    plain = ["a,b", 'say "hi"', "ü", "1-1", -5, True, 1.5]
    shipments = [{"box": word} for word in [*FORMULAS, *plain]] * 2
    made = [record(f"={n}", "cells", at=n, took=0.5, shipment=one) for n, one in enumerate(shipments)]
    send(client, *map(line, made))
    rows = list(csv.DictReader(io.StringIO(client.get("/v1/customers/cells/predictions?format=csv").text, newline="")))
    newest_first = [str(one["box"]) for one in shipments][::-1]
    expected = [f"'{word}" if word in FORMULAS else word.replace("True", "true") for word in newest_first]
    assert [row["shipment.box"] for row in rows] == expected[: len(rows)]
    assert all(row["order_id"].startswith("'=") for row in rows)


def test_a_choice_with_more_fields_than_a_table_has_columns_is_no_csv(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcomes, "MOST_FIELDS", 1)
    assert_problem(client.get("/v1/customers/mixed/predictions?format=csv"), 400, "format")
    assert client.get("/v1/customers/mixed/predictions?format=ndjson").status_code == 200


def test_a_record_and_a_customer_are_forgotten(client: httpx.Client) -> None:
    ids = ["1", "a/b", "ä ö%", "predictions", "x"]
    send(client, *(line(record(one, "gone", at=n)) for n, one in enumerate(ids)))
    path = "/v1/customers/gone/shipments/"
    for order_id in ("a%2Fb", "%C3%A4%20%C3%B6%25", "predictions"):
        response = client.delete(path + order_id)
        assert (response.status_code, response.content) == (204, b"")
        assert_problem(client.delete(path + order_id), 404)
    assert client.get("/v1/customers/gone/predictions").status_code == 200
    assert client.delete("/v1/customers/gone").status_code == 204
    assert_problem(client.delete("/v1/customers/gone"), 404)
    assert_problem(client.delete(path + "1"), 404)
    assert_problem(client.get("/v1/customers/gone"), 404)
    assert_problem(client.delete("/v1/customers/gone?sure=yes"), 400, "sure")


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("mixed/shipments/%ff", 400, "order_id"),
        ("mixed/shipments/%00", 400, "order_id"),
        ("mixed/shipments/" + "x" * 201, 400, "order_id"),
        ("..%2fx/shipments/1", 400, "customer_id"),
        ("a%2Fshipments%2F1", 400, "customer_id"),
        ("mixed/shipments/", 404, None),
        ("mixed/shipments/a/b", 404, None),
        ("mixed/predictions/1", 404, None),
        ("mixed/", 404, None),
    ],
)
def test_what_is_no_place_of_a_record_is_a_problem(
    client: httpx.Client, path: str, status: int, field: str | None
) -> None:
    assert_problem(client.delete(f"/v1/customers/{path}"), status, field)


class Slow(Autoship):
    """A service that counts how often outcomes are asked for, and can lose its history in between."""

    asked = 0
    away_after = 10**9

    async def outcomes(
        self, customer_id: str, match: Match, before: int | None = None, limit: int = 100
    ) -> Sequence[Outcome] | None:
        self.asked += 1
        if self.asked > self.away_after:
            raise HistoryUnavailable("the history is away")
        return await super().outcomes(customer_id, match, before, limit)


async def export(service: Autoship, gone_after: int, shape: str) -> list[Message]:
    """What is sent of an export to a client that is gone after so many messages."""
    sent: list[Message] = []
    gone = asyncio.Event()

    async def receive() -> Message:
        if len(sent) == 0:
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def take(message: Message) -> None:
        sent.append(message)
        if len(sent) >= gone_after:
            gone.set()
        await asyncio.sleep(0.001)

    path = "/v1/customers/acme/predictions"
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "headers": [],
        "query_string": f"format={shape}".encode(), "app": None, "root_path": "",
    }  # fmt: skip
    await application(service)(scope, receive, take)
    return sent


@pytest.mark.parametrize("shape", ["ndjson", "csv"])
async def test_an_export_comes_in_parts_and_stops_when_the_client_is_gone(
    monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    monkeypatch.setattr(outcomes, "FETCHED_AT_ONCE", 10)
    service = Slow(MemoryHistory(), settings=Settings(), clock=lambda: DAY)
    await service.append(records(200))
    whole = await export(service, 10**9, shape)
    body = b"".join(message.get("body", b"") for message in whole)
    assert not whole[-1].get("more_body")
    assert len(body.splitlines()) == 195 + (shape == "csv")
    assert max(len(message.get("body", b"")) for message in whole) < len(body) / 10
    assert len(await export(service, 5, shape)) <= 8
    service.asked, service.away_after = 0, 25 if shape == "csv" else 4
    cut = await export(service, 10**9, shape)
    assert [message["type"] for message in cut[:2]] == ["http.response.start", "http.response.body"]
    assert cut[-1]["more_body"]
    await service.close()
