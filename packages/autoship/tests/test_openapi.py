"""The API's document is true: it has every call, problem and field, and its examples are what is answered."""

from __future__ import annotations

import inspect
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from autoship.adapters.memory import MemoryHistory
from autoship.configuration import Secret
from autoship.errors import HistoryError, HistoryUnavailable, HistoryUnusable
from autoship.service import Autoship, Settings
from autoship.web import application
from autoship.web.customers import SETTINGS_LIMIT
from autoship.web.openapi import OPERATIONS, document, text_of
from autoship.web.openapi.curl import ADDRESS, curl_lines
from autoship.web.openapi.examples import RECORDS
from autoship.web.openapi.operation import PROBLEM, Operation
from autoship.web.openapi.schemas import DESCRIPTIONS, FIELDS, components
from autoship.web.outcomes import PARAMETERS
from autoship.web.predictions import MOST_ORDERS, ONE_LIMIT
from autoship.web.problems import RETRY_AFTER_S, STATUSES, problem_of
from autoship.web.shipments import ARRAY_LIMIT
from autoship_samples import record
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate
from test_http import over, serving

KEPT = Path(__file__).parents[3] / "docs" / "reference" / "openapi.json"
DOCUMENT = document()
CALLS = {operation.name: operation for operation in OPERATIONS}
TOLERANCE = 0.05


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    path = tmp_path_factory.mktemp("openapi") / "autoship.db"
    with serving(path) as server, httpx.Client(base_url=server, timeout=20) as client:
        yield client


def test_the_document_is_openapi() -> None:
    validate(DOCUMENT)


def test_the_document_beside_the_docs_is_the_one_that_is_served(client: httpx.Client) -> None:
    assert KEPT.read_bytes() == text_of(DOCUMENT), "make openapi writes it anew"
    assert client.get("/openapi.json").content == text_of(DOCUMENT)


def test_who_has_the_document_is_not_sent_it_again(client: httpx.Client) -> None:
    etag = client.get("/openapi.json").headers["etag"]
    for named, status in ((etag, 304), (f'"x", W/{etag}', 304), ("*", 304), ('"x"', 200)):
        response = client.get("/openapi.json", headers={"if-none-match": named})
        assert (response.status_code, response.headers["etag"]) == (status, etag)
        assert bool(response.content) is (status == 200)


async def test_every_call_is_in_the_document_and_every_other_place_is_a_page() -> None:
    service = Autoship(MemoryHistory(), settings=Settings(), clock=lambda: record().ordered_at)
    routes = {route.path.partition("{")[0] for route in application(service)._router.routes}
    assert {operation.path.partition("{")[0] for operation in OPERATIONS} <= routes
    async with over(MemoryHistory()) as client:
        for path, described in DOCUMENT["paths"].items():
            target = re.sub(r"\{\w+\}", "x", path)
            refused = await client.request("TRACE", target)
            assert refused.status_code == 405
            allowed = set(refused.headers["allow"].split(", "))
            assert allowed - {"HEAD"} == {method.upper() for method in described}, path
            assert ("HEAD" in allowed) is ("GET" in allowed), path
            routes -= {path.partition("{")[0]}
        for path in routes:
            page = await client.get(path)
            assert page.headers["content-type"].startswith("text/html") or page.status_code == 405, path


def test_nothing_is_said_of_a_type_or_a_field_that_is_not_there() -> None:
    shapes = {**components(), "Summary": components()["Customer"]}
    there = {name for shape in shapes.values() for name in shape.get("properties", {})}
    there |= {f"{name}.{field}" for name, shape in shapes.items() for field in shape.get("properties", {})}
    assert FIELDS.keys() - there == set()
    assert DESCRIPTIONS.keys() - shapes.keys() == set()


def test_every_shape_is_referred_to() -> None:
    referred = set(re.findall(r"#/components/schemas/(\w+)", text_of(DOCUMENT).decode()))
    assert referred == DOCUMENT["components"]["schemas"].keys()


def test_every_filter_of_predictions_is_in_the_document() -> None:
    told = [one.name for one in CALLS["readPredictions"].parameters if one.place == "query"]
    assert told == list(PARAMETERS)


def test_every_kind_of_problem_is_in_the_document() -> None:
    told = set(re.findall(r"urn:autoship:problem:[\w-]+", text_of(DOCUMENT).decode()))
    of_calls = {name for _, _, name, _ in STATUSES} - {"forbidden"}
    assert told == {f"urn:autoship:problem:{name}" for name in of_calls}


def test_every_call_has_its_own_name() -> None:
    assert len(CALLS) == len(OPERATIONS)


def closed(schema: Any) -> Any:
    """The schema, but that an object has no fields that are not named: what is answered is all told."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        return {**inner, "additionalProperties": False}
    return inner


def assert_fits(value: object, schema: dict[str, Any]) -> None:
    """Of the components, those that a value is compared with lie where the references point to."""
    whole = {**closed(schema), "components": closed(DOCUMENT["components"])}
    errors = Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(value)
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def forms() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method, call in item.items():
            bodies = {"": call.get("requestBody", {}), **call["responses"]}
            for status, body in bodies.items():
                for media_type, form in body.get("content", {}).items():
                    yield f"{method} {path} {status} {media_type}", form


@pytest.mark.parametrize("form", [pytest.param(form, id=name) for name, form in forms()])
def test_every_example_fits_its_schema(form: dict[str, Any]) -> None:
    for example in form.get("examples", {}).values():
        assert_fits(example["value"], form["schema"])


def test_every_parameter_has_an_example_that_fits_where_the_path_needs_one() -> None:
    for operation in OPERATIONS:
        for parameter in operation.parameters:
            assert parameter.example is not None or parameter.place != "path"
            if parameter.example is not None:
                assert_fits(parameter.example, parameter.schema)


def examples(operation: Operation, status: int) -> dict[str, Any]:
    """What the document shows for one status, by the example's name."""
    (reply,) = [reply for reply in operation.replies if reply.status == status]
    return {name: value for form in reply.forms for name, value in form.examples.items()}


def test_each_example_is_answered_as_the_document_says(tmp_path: Path) -> None:
    """In the order of the document, on a service that nobody has asked for anything."""
    with serving(tmp_path / "autoship.db") as server, httpx.Client(base_url=server) as client:
        for operation in OPERATIONS:
            described = DOCUMENT["paths"][operation.path][operation.method.lower()]
            for name, line in curl_lines(operation.method, operation.path, described):
                response = client.send(as_curl(server, line))
                success = min(reply.status for reply in operation.replies)
                assert response.status_code == success, f"{line}\n{response.text}"
                shown = examples(operation, success)
                if shown:
                    assert_same(response.json(), shown[name] if name else next(iter(shown.values())))


def as_curl(address: str, line: str) -> httpx.Request:
    """The call that curl would make."""
    words = iter(shlex.split(line)[2:])
    method, url, data = None, "", None
    for word in words:
        if word == "-X":
            method = next(words)
        elif word in ("-d", "--data-binary"):
            data = next(words).encode()
        else:
            url = word
    return httpx.Request(method or ("GET" if data is None else "POST"), url.replace(ADDRESS, address), content=data)


def assert_same(answered: Any, shown: Any) -> None:
    """Equal, but for the answer's own name; what is learned may give other fractions from version to version."""
    if isinstance(shown, dict):
        assert answered.keys() == shown.keys()
        for name, value in shown.items():
            if name == "prediction_id" and value is not None:
                assert len(answered[name]) == len(value)
            else:
                assert_same(answered[name], value)
    elif isinstance(shown, list):
        assert len(answered) == len(shown)
        for one, other in zip(answered, shown, strict=True):
            assert_same(one, other)
    elif isinstance(shown, float):
        assert abs(answered - shown) <= TOLERANCE
    else:
        assert answered == shown


BAD = {
    "customer_id": "acme",
    "order_id": "1003",
    "ordered_at": "yesterday",
    "order": {},
    "shipment": {"carrier": "UPS"},
}
PROVOKED: dict[tuple[str, str], tuple[str, bytes]] = {
    ("sendShipments", "rejected"): ("/v1/shipments", json.dumps([*RECORDS, BAD]).encode()),
    ("sendShipments", "invalid-input"): ("/v1/shipments", b'[{"customer_id": "acme", '),
    ("sendShipments", "too-large"): ("/v1/shipments", b"[" + b" " * ARRAY_LIMIT),
    ("predict", "invalid-input"): ("/v1/prediction", b'{"customer": "acme", "order": {}}'),
    ("predict", "too-large"): ("/v1/prediction", b" " * (ONE_LIMIT + 1)),
    ("predictMany", "spoilt"): (
        "/v1/predictions",
        b'{"orders": [{"customer_id": "newcomer", "order": {}}, {"customer_id": "acme"}]}',
    ),
    ("predictMany", "invalid-input"): ("/v1/predictions", b"{}"),
    ("predictMany", "too-large"): ("/v1/predictions", b'{"orders": [%s{}]}' % (b"{}, " * MOST_ORDERS)),
    ("listCustomers", "invalid-input"): ("/v1/customers?limit=0", b""),
    ("readCustomer", "invalid-input"): ("/v1/customers/%2E%2E", b""),
    ("readCustomer", "not-found"): ("/v1/customers/stranger", b""),
    ("changeCustomer", "invalid-input"): ("/v1/customers/acme", b'{"max_eror": 0.02}'),
    ("changeCustomer", "too-large"): ("/v1/customers/acme", b" " * (SETTINGS_LIMIT + 1)),
    ("changeCustomer", "not-found"): ("/v1/customers/stranger", b"{}"),
    ("readPredictions", "invalid-input"): ("/v1/customers/acme/predictions?right=yes", b""),
    ("readPredictions", "not-found"): ("/v1/customers/stranger/predictions", b""),
    ("forgetRecord", "invalid-input"): ("/v1/customers/%2E%2E/shipments/1002", b""),
    ("forgetRecord", "not-found"): ("/v1/customers/acme/shipments/999", b""),
    ("forgetCustomer", "invalid-input"): ("/v1/customers/%2E%2E", b""),
    ("forgetCustomer", "not-found"): ("/v1/customers/stranger", b""),
}
"""What has to be sent to be answered as an example shows that is no answer to the document's own."""


def provoked() -> Iterator[tuple[Operation, int, str]]:
    """All examples but those of calls that go well, and of a service that is in trouble or being stopped."""
    for operation in OPERATIONS:
        sent = {name for form in operation.body for name in form.examples}
        for reply in operation.replies:
            for name in examples(operation, reply.status):
                if reply.status != 503 and (reply.status >= 400 or (sent and name not in sent)):
                    yield operation, reply.status, name


@pytest.mark.parametrize(
    ("operation", "status", "name"), [pytest.param(*one, id=f"{one[0].name}-{one[2]}") for one in provoked()]
)
def test_what_goes_wrong_is_told_as_the_document_says(
    client: httpx.Client, operation: Operation, status: int, name: str
) -> None:
    client.post("/v1/shipments", json=RECORDS)
    path, content = PROVOKED[operation.name, name]
    response = client.request(operation.method, path, content=content)
    assert response.status_code == status
    assert_same(response.json(), examples(operation, status)[name])


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.body], ids=lambda one: one.name)
def test_a_body_that_is_not_sent_plain_is_told_so_as_the_document_says(
    client: httpx.Client, operation: Operation
) -> None:
    path = operation.path.replace("{customer_id}", "acme")
    response = client.request(operation.method, path, content=b"{}", headers={"content-encoding": "gzip"})
    described = DOCUMENT["paths"][operation.path][operation.method.lower()]["responses"]["415"]
    (shown,) = described["content"][PROBLEM]["examples"].values()
    assert (response.status_code, response.json()) == (415, shown["value"])


async def test_with_a_token_every_call_wants_it_that_the_document_says_wants_it() -> None:
    service = Autoship(MemoryHistory(), settings=Settings(), clock=lambda: record().ordered_at)
    transport = httpx.ASGITransport(application(service, token=Secret("s" * 40)))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        for operation in OPERATIONS:
            described = DOCUMENT["paths"][operation.path][operation.method.lower()]
            for _, line in curl_lines(operation.method, operation.path, described):
                response = await client.send(as_curl("http://x", line))
                assert response.headers["x-request-id"]
                if described.get("security") == []:
                    assert response.status_code == 200
                else:
                    (shown,) = described["responses"]["401"]["content"][PROBLEM]["examples"].values()
                    assert (response.status_code, response.json()) == (401, shown["value"])
                    assert response.headers["www-authenticate"].startswith("Bearer")
    await service.close()


class Gone(MemoryHistory):
    """A history that neither gives nor takes."""

    def __init__(self, error: HistoryError) -> None:
        super().__init__()
        self._error = error

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return self._fail if inspect.iscoroutinefunction(found) and name not in ("_fail", "close") else found

    async def _fail(self, *given: object, **named: object) -> None:
        raise self._error


CONSOLATION = {"sendShipments": "; 0 records sent before were kept, and to send all of them again is safe"}
AWAY = [
    operation
    for operation in OPERATIONS
    if any(reply.status == 503 and "history-unavailable" in examples(operation, 503) for reply in operation.replies)
]


@pytest.mark.parametrize("error", [HistoryUnavailable, HistoryUnusable])
@pytest.mark.parametrize("operation", [pytest.param(operation, id=operation.name) for operation in AWAY])
async def test_without_its_history_a_call_is_refused_as_the_document_says(
    operation: Operation, error: type[HistoryError]
) -> None:
    shown = next(one for one in examples(operation, 503).values() if one["type"] == problem_of(error("")).type)
    described = DOCUMENT["paths"][operation.path][operation.method.lower()]
    async with over(Gone(error(shown["detail"]))) as client:
        for _, line in curl_lines(operation.method, operation.path, described):
            response = await client.send(as_curl("http://x", line))
            assert response.status_code == 503
            assert response.json() == {**shown, "detail": shown["detail"] + CONSOLATION.get(operation.name, "")}
            assert response.headers["retry-after"] == str(RETRY_AFTER_S)
