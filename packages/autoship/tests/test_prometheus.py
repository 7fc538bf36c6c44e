"""What Prometheus is told: in its own format, as its own parser reads it, and true."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from autoship.adapters.memory import MemoryHistory
from autoship.service import Autoship, Settings
from autoship.web.exposition import Metric, Sample, histogram, render
from autoship.web.metrics import METRICS, Metrics
from autoship.web.traffic import BOUNDS_S, Series, Traffic
from autoship_samples import GROUND, line, record, records, request
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from test_http import serving
from test_service import until

TEXT = Metric("some_text", "gauge", 'A "help" with \\ and\nlines.', ("label",))


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    with serving(tmp_path / "autoship.db") as server, httpx.Client(base_url=server, timeout=20) as client:
        yield client


def read(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(client: httpx.Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return read(response.text)


def number(scraped: dict[Any, float], name: str, **labels: str) -> float:
    return scraped[name, frozenset(labels.items())]


@given(st.text(max_size=30), st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 2**53))
def test_whatever_text_and_number_come_back_as_they_were(text: str, value: float) -> None:
    text = text.replace("\r", "").translate({ord(char): None for char in "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"})
    told = read(render([(TEXT, [Sample(value, {"label": text})])]).decode())
    assert told == {("some_text", frozenset({("label", text)})): value}


def test_a_histogram_counts_each_bucket_with_those_below() -> None:
    series = Series()
    for seconds in (0.0004, 0.0005, 0.003, 40.0):
        series.add(200, seconds)
    told = read(
        render([(Metric("t", "histogram", "h"), histogram(BOUNDS_S, series.buckets, series.seconds, {}))]).decode()
    )
    assert number(told, "t_bucket", le="0.0005") == 2
    assert number(told, "t_bucket", le="0.005") == 3
    assert number(told, "t_bucket", le="30") == 3
    assert number(told, "t_bucket", le="+Inf") == number(told, "t_count") == 4
    assert math.isclose(number(told, "t_sum"), 40.0039)
    assert series.classes == [0, 0, 4, 0, 0, 0]


def test_each_answer_is_counted_by_its_route_and_status(client: httpx.Client) -> None:
    client.post("/v1/shipments", content=b"".join(map(line, records(3))))
    for body in (b'{"customer_id":"acme","order":{}}', b'{"customer_id":"acme","order":{}}', b"{"):
        client.post("/v1/prediction", content=body)
    for path in ("/v1/customers/acme", "/v1/customers/nobody", "/v1/customers/a/b", "/nothing", "/else", "/healthz"):
        client.get(path)
    client.head("/healthz")
    client.request("PUT", "/v1/prediction")
    told = scrape(client)

    def requests(method: str, route: str, status: str) -> float:
        return number(told, "autoship_http_requests_total", method=method, route=route, status=status)

    assert requests("POST", "/v1/prediction", "2xx") == 2
    assert requests("POST", "/v1/prediction", "4xx") == 1
    assert requests("POST", "/v1/shipments", "2xx") == 1
    assert requests("GET", "/v1/customers/{customer_id}", "2xx") == 1
    assert requests("GET", "/v1/customers/{customer_id}", "4xx") == 2
    assert requests("GET", "/healthz", "2xx") == 2
    assert requests("other", "other", "4xx") == 3
    assert number(told, "autoship_http_request_duration_seconds_count", method="POST", route="/v1/prediction") == 3
    assert number(told, "autoship_http_connections") == 1
    assert not [labels for name, labels in told if "acme" in str(labels)]


def test_predictions_records_and_models_are_counted(client: httpx.Client) -> None:
    client.post("/v1/shipments", content=b"".join(map(line, records(100))) + b"{\n")
    for customer_id in ("acme", "acme", "nobody"):
        client.post("/v1/prediction", json={"customer_id": customer_id, "order_id": "x", "order": {}})
    client.post("/v1/shipments", content=line(record(100, at=100, shipment=GROUND)) + line(record(101, at=101)))
    told = scrape(client)
    assert number(told, "autoship_predictions_total", approved="false", reason="no_history") == 1
    known = [value for (name, labels), value in told.items() if name == "autoship_predictions_total" and value]
    assert sum(known) == 3
    assert number(told, "autoship_records_total", outcome="accepted") == 101
    assert number(told, "autoship_records_total", outcome="replaced") == 1
    assert number(told, "autoship_records_total", outcome="rejected") == 1
    assert number(told, "autoship_models") == 1
    assert number(told, "autoship_model_loads_total") == 1
    assert number(told, "autoship_model_requests_total", result="hit") == 1
    assert number(told, "autoship_model_requests_total", result="miss") == 2
    outcomes = {labels: value for (name, labels), value in told.items() if name == "autoship_outcomes_total"}
    assert sum(outcomes.values()) == 1
    assert number(told, "autoship_history_trouble") == 0
    assert number(told, "autoship_last_learned_timestamp_seconds") > number(told, "process_start_time_seconds")


async def test_an_outcome_is_counted_once_however_often_its_model_is_made() -> None:
    history = MemoryHistory()
    service = Autoship(history, settings=Settings(), clock=lambda: record().ordered_at)
    await service.append(records(30))
    await service.predict(request())
    await service.append([record(n, at=n) for n in range(31, 41)])
    assert sum(service.counters.outcomes.values()) == 10
    await service.append([record(5, at=5, shipment=GROUND)])
    await until(lambda: service.counters.rebuilds == 1)
    assert sum(service.counters.outcomes.values()) == 10
    await service.close()


async def test_every_metric_has_a_number_and_each_is_of_the_table() -> None:
    service = Autoship(MemoryHistory(), settings=Settings(), clock=lambda: record().ordered_at)
    traffic = Traffic()
    traffic.of("GET", "/").add(200, 0.1)
    await service.append(records(1))
    families = list(Metrics(service, traffic).families())
    assert [metric.name for metric, _ in families] == [metric.name for metric in METRICS]
    for metric, samples in families:
        for sample in samples:
            assert set(sample.labels) - {"le"} == set(metric.labels)
    told = {family.name for family in text_string_to_metric_families(render(families).decode())}
    assert told == {metric.name.removesuffix("_total") for metric in METRICS}
    await service.close()
