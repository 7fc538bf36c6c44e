"""Whatever is sent, the answer is a 2xx or a problem, and never the service's fault."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from autoship_samples import PRIORITY, line, records
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_http import PROBLEM, serving

PATHS = ["/v1/prediction", "/v1/predictions", "/v1/shipments"]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["2026-01-05T10:00:00Z", "2026-01-05T10:00:00", "", "..", "a/b", "\x00", "auto", 2**64, 1e308])
)
values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=15,
)
objects = st.dictionaries(st.text(max_size=5), values, max_size=4)

near_records = st.fixed_dictionaries(
    {
        "customer_id": st.just("fuzz") | values,
        "order_id": st.text(min_size=1, max_size=3) | values,
        "ordered_at": st.just("2026-01-05T10:00:00Z") | values,
        "order": objects | values,
        "shipment": st.just(PRIORITY) | values,
    },
    optional={"shipped_at": values, "decided_by": values, "shipped": values, "else": values},
)
near_orders = st.fixed_dictionaries(
    {"customer_id": st.just("fuzz") | values, "order": objects | values},
    optional={"order_id": values, "ordered_at": values, "else": values},
)
bodies = (
    st.binary(max_size=200)
    | st.text(max_size=100).map(lambda text: text.encode(errors="surrogatepass"))
    | (values | near_orders | near_records | st.lists(near_records, max_size=3)).map(
        lambda value: json.dumps(value).encode()
    )
    | st.lists(near_orders | values, max_size=3).map(lambda orders: json.dumps({"orders": orders}).encode())
    | st.lists(near_records | values, max_size=3).map(
        lambda lines: b"\n".join(json.dumps(one).encode() for one in lines)
    )
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with (
        serving(tmp_path_factory.mktemp("fuzz") / "autoship.db") as server,
        httpx.Client(base_url=server, timeout=20) as client,
    ):
        client.post("/v1/shipments", content=b"".join(map(line, records(30, "fuzz"))))
        yield client


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(path=st.sampled_from(PATHS), body=bodies)
def test_whatever_is_sent_the_answer_is_no_fault_of_the_service(client: httpx.Client, path: str, body: bytes) -> None:
    response = client.post(path, content=body)
    assert response.status_code < 500, response.text
    if response.status_code == 200:
        assert response.headers["content-type"] == "application/json"
        assert '"status":500' not in response.text
    else:
        assert response.headers["content-type"] == PROBLEM
        assert response.json()["status"] == response.status_code


@settings(max_examples=100, deadline=None)
@given(path=st.text(max_size=20))
def test_whatever_customer_is_asked_for_the_answer_is_no_fault_of_the_service(client: httpx.Client, path: str) -> None:
    encoded = "".join(f"%{byte:02x}" for byte in path.encode(errors="surrogatepass"))
    response = client.get(f"/v1/customers/{encoded}")
    assert response.status_code in (200, 400, 404)


parameters = st.sampled_from(
    ["field", "shipped", "predicted", "right", "approved", "since", "until", "cursor", "limit", "format", "after", "x"]
) | st.text(max_size=3)
wanted = st.sampled_from(
    ["true", "false", "csv", "ndjson", "json", "carrier", "1", "2026-01-05T10:00:00Z", "4294967295"]
) | st.text(max_size=5)


@settings(max_examples=200, deadline=None)
@given(
    path=st.sampled_from(["", "/fuzz", "/fuzz/predictions", "/nobody/predictions"]),
    query=st.lists(st.tuples(parameters, wanted), max_size=4),
)
def test_whatever_is_asked_for_the_answer_is_no_fault_of_the_service(
    client: httpx.Client, path: str, query: list[tuple[str, str]]
) -> None:
    encoded = urlencode(query, errors="surrogatepass")
    response = client.get(f"/v1/customers{path}?{encoded}")
    assert response.status_code in (200, 400, 404), response.text
    if response.status_code != 200:
        assert response.headers["content-type"] == PROBLEM


@settings(max_examples=150, deadline=None)
@given(
    body=bodies
    | st.dictionaries(st.sampled_from(["max_error", "audit"]), scalars | st.floats(0, 1)).map(
        lambda value: json.dumps(value).encode()
    )
)
def test_whatever_is_to_be_set_the_answer_is_no_fault_of_the_service(client: httpx.Client, body: bytes) -> None:
    response = client.patch("/v1/customers/fuzz", content=body)
    assert response.status_code in (200, 400, 404), response.text


@settings(max_examples=100, deadline=None)
@given(order_id=st.text(max_size=10))
def test_whatever_is_to_be_forgotten_the_answer_is_no_fault_of_the_service(client: httpx.Client, order_id: str) -> None:
    encoded = "".join(f"%{byte:02x}" for byte in order_id.encode(errors="surrogatepass"))
    response = client.delete(f"/v1/customers/fuzz/shipments/{encoded}")
    assert response.status_code in (204, 400, 404), response.text
