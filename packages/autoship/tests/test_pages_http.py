"""The pages over HTTP: statuses, headers, and what is told where something is not there, cannot be read or is away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from autoship.adapters.memory import MemoryHistory
from autoship.domain.outcome import Outcome
from autoship.errors import HistoryUnavailable
from autoship_samples import line, records
from page_reader import Page
from test_http import Away, over

HTML = "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/?q=acm", 200),
        ("/customers/acme", 200),
        ("/customers/acme/mistakes?field=carrier", 200),
        ("/customers/acme/predictions?cursor=5", 200),
        ("/customers/acme/orders/7", 200),
        ("/customers/nobody", 404),
        ("/customers/nobody/mistakes", 404),
        ("/customers/nobody/predictions", 404),
        ("/customers/nobody/orders/7", 404),
        ("/customers/acme/orders/none", 404),
        ("/customers/", 404),
        ("/customers/acme/", 404),
        ("/customers/acme/what", 404),
        ("/nowhere", 404),
        ("/customers/%FF", 400),
        ("/customers/..%2fetc", 400),
        ("/customers/acme/orders/%00", 400),
        ("/customers/acme?sinc=1", 400),
        ("/customers/acme?since=yesterday", 400),
        ("/customers/acme/orders/7?x=1", 400),
        ("/customers/acme/predictions?right=true&right=false", 400),
        ("/customers/acme/predictions?cursor=0", 400),
        ("/?q=%ED%A0%80", 400),
    ],
)
async def test_whatever_a_browser_asks_for_it_gets_a_page(path: str, status: int) -> None:
    async with over(MemoryHistory()) as client:
        await client.post("/v1/shipments", content=b"".join(map(line, records(12))))
        response = await client.get(path, headers={"accept": "text/html"})
    assert response.status_code == status
    assert response.headers["content-type"] == HTML
    assert response.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert Page(response.text).open == []
    assert ("Go on from here" in response.text) is (status != 200)


async def test_a_program_that_goes_nowhere_is_told_in_json() -> None:
    async with over(MemoryHistory()) as client:
        response = await client.get("/nowhere")
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_form_s_empty_fields_lead_to_the_address_without_them() -> None:
    async with over(MemoryHistory()) as client:
        response = await client.get("/customers/a%2Fb/predictions?field=&right=false&since=")
    assert response.status_code == 303
    assert response.headers["location"] == "/customers/a%2Fb/predictions?right=false"


class Silent(MemoryHistory):
    """A history that can be read, but for the outcomes."""

    async def read_outcomes(self, *_: Any, **__: Any) -> Sequence[Outcome]:
        self.trouble = "the disk is full"
        raise HistoryUnavailable(self.trouble)


async def test_a_customer_in_memory_is_shown_while_the_history_is_away() -> None:
    async with over(Silent()) as client:
        await client.post("/v1/shipments", content=b"".join(map(line, records(12))))
        page = await client.get("/customers/acme")
        predictions = await client.get("/customers/acme/predictions")
    assert page.status_code == 200
    assert "The history cannot be reached" in page.text
    assert "How it stands now" in page.text
    assert predictions.status_code == 503
    assert int(predictions.headers["retry-after"]) > 0
    assert "the disk is full" in predictions.text


async def test_a_customer_that_is_not_in_memory_cannot_be_shown_then() -> None:
    async with over(Away()) as client:
        response = await client.get("/customers/acme")
    assert (response.status_code, response.headers["content-type"]) == (503, HTML)
    assert int(response.headers["retry-after"]) > 0
