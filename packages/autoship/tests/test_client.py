"""The client against the real service: every call, on both clients, and that the two know the same shapes."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest
from autoship.client import (
    AsyncClient,
    Client,
    Customer,
    HistoryState,
    InvalidInput,
    Listed,
    NotFound,
    Order,
    Outcome,
    Prediction,
    Record,
    TooLarge,
)
from autoship_samples import DAY, GROUND, PRIORITY, line, record, records
from client_kinds import done, make
from test_http import serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("client") / "autoship.db") as address:
        yield address


@pytest.fixture(params=["sync", "async"])
def client(request: pytest.FixtureRequest, server: str) -> Iterator[Any]:
    with asyncio.Runner() as runner:
        made = make(request.param, runner, server, deadline_s=20)
        yield made
        done(made)


@pytest.fixture
def customer_id(request: pytest.FixtureRequest) -> str:
    """A customer of this test and this client alone; its id has to be encoded in an address."""
    return f"{request.node.name[:100]} ä?#"


def test_a_prediction_is_told_with_all_that_the_service_says(client: Any, server: str, customer_id: str) -> None:
    client.ship(map(line, records(30, customer_id)))
    told = client.predict(customer_id, {"total": 41.5}, order_id="next", ordered_at=DAY + timedelta(days=30))
    assert isinstance(told, Prediction)
    assert (told.order_id, told.shipment, told.approved, told.reason) == ("next", PRIORITY, False, "little_evidence")
    assert told.learned_from.orders == 30
    assert told.learned_from.until == DAY + timedelta(hours=35)
    assert told.because[0].orders > 0
    raw = httpx.post(f"{server}/v1/prediction", json={"customer_id": customer_id, "order": {}}).json()
    assert set(raw) == set(Prediction.__struct_fields__)


def test_of_a_stranger_nothing_is_predicted(client: Any, customer_id: str) -> None:
    told = client.predict(customer_id, {})
    assert (told.shipment, told.reason, told.learned_from.until) == (None, "no_history", None)


def test_many_are_predicted_in_order_and_a_bad_one_spoils_only_its_place(client: Any, customer_id: str) -> None:
    client.ship(map(line, records(3, customer_id)))
    good = Order(customer_id=customer_id, order={"total": 1}, order_id="1", ordered_at=DAY)
    places = client.predict_many([good, {"customer_id": customer_id}, {"x": object()}] + [good] * 1_200)
    assert len(places) == 1_203
    assert [type(place).__name__ for place in places[:3]] == ["Prediction", "InvalidInput", "NotSendable"]
    assert (places[1].field, places[1].status) == ("order", 400)
    assert all(isinstance(place, Prediction) and place.shipment == PRIORITY for place in places[3:])


def test_records_are_taken_in_as_values_as_dicts_and_as_lines(client: Any, customer_id: str) -> None:
    value = Record(customer_id=customer_id, order_id="1", ordered_at=DAY, order={"a": 1}, shipment=PRIORITY)
    mapping = {**msgspec.to_builtins(record(2, customer_id)), "ordered_at": DAY}
    text = line(record(3, customer_id))
    assert client.ship([value, mapping, text]).accepted == 3
    intake = client.ship([value, mapping, text, b"", {"customer_id": customer_id}, line(record(3, customer_id, at=1))])
    assert (intake.accepted, intake.unchanged, intake.replaced, intake.rejected_total) == (0, 3, 1, 1)
    assert (intake.rejected[0].line, intake.rejected[0].field) == (5, "order_id")


def test_records_of_any_number_are_taken_in(client: Any, customer_id: str) -> None:
    assert client.ship(line(one) for one in records(12_000, customer_id)).accepted == 12_000


async def test_the_asynchronous_client_takes_asynchronous_iterables(server: str) -> None:
    async def given() -> AsyncIterator[bytes]:
        for one in records(3, "asynchronous"):
            yield line(one)

    async def asked() -> AsyncIterator[Order]:
        yield Order(customer_id="asynchronous", order={})

    async with AsyncClient(server) as client:
        assert (await client.ship(given())).accepted == 3
        assert [isinstance(one, Prediction) for one in await client.predict_many(asked())] == [True]


def test_bad_input_names_the_field(client: Any, customer_id: str) -> None:
    with pytest.raises(InvalidInput) as failed:
        client.predict(customer_id, {}, ordered_at=datetime(2026, 1, 5))  # noqa: DTZ001
    assert failed.value.field == "ordered_at"
    with pytest.raises(TooLarge):
        client.predict(customer_id, {"x": "y" * 2**21})
    with pytest.raises(InvalidInput) as failed:
        client.set(customer_id, max_error=7)
    assert failed.value.field == "max_error"


def test_customers_are_listed_by_pages(client: Any, server: str, customer_id: str) -> None:
    names = [f"{customer_id} {n}" for n in range(5)]
    client.ship(line(record(1, name)) for name in names)
    client.predict(names[0], {})
    listed = [one for one in client.customers(page=2) if one.customer_id in names]
    assert [one.customer_id for one in listed] == names
    assert listed[0].orders == 1
    assert next(client.customers(after=names[2])).customer_id == names[3]
    raw = httpx.get(f"{server}/v1/customers").json()
    assert set(raw["customers"][0]) == set(Listed.__struct_fields__)


def test_settings_are_changed_and_put_back(client: Any, server: str, customer_id: str) -> None:
    client.ship([line(record(1, customer_id))])
    changed = client.set(customer_id, max_error=0.02)
    assert isinstance(changed, Customer)
    assert (changed.settings.max_error, changed.settings.audit) == (0.02, 0.1)
    assert client.set(customer_id, audit=0.5).settings.max_error == 0.02
    assert client.set(customer_id, max_error=None, audit=None).settings == client.customer(customer_id).settings
    assert client.customer(customer_id).settings.max_error == 0.05
    raw = httpx.get(f"{server}/v1/customers/{quote(customer_id, safe='')}").json()
    assert set(raw) == set(Customer.__struct_fields__)


def test_what_is_forgotten_is_gone(client: Any, customer_id: str) -> None:
    client.ship([line(record("a/b", customer_id)), line(record(2, customer_id))])
    client.forget_shipment(customer_id, "a/b")
    with pytest.raises(NotFound):
        client.forget_shipment(customer_id, "a/b")
    client.forget(customer_id)
    for call in (client.forget, client.customer, client.set):
        with pytest.raises(NotFound):
            call(customer_id)
    assert client.predict(customer_id, {}).reason == "no_history"


@pytest.fixture
def compared(client: Any, customer_id: str) -> str:
    """A customer with six outcomes: of the orders placed once the first was known. Three of them went otherwise."""
    client.ship(line(record(n, customer_id, at=n)) for n in range(1, 9))
    client.ship(line(record(n, customer_id, at=n, shipment=GROUND)) for n in range(9, 12))
    return customer_id


def test_predictions_are_told_beside_what_was_shipped(client: Any, server: str, compared: str) -> None:
    told = list(client.predictions(compared, page=3))
    assert [one.order_id for one in told] == [str(n) for n in range(11, 5, -1)]
    assert told == list(client.predictions(compared))
    assert isinstance(told[0], Outcome)
    assert (told[-1].right, told[-1].shipment, told[-1].predicted) == (True, PRIORITY, PRIORITY)
    assert (told[0].served, told[0].prediction_id, told[0].decided_by) == (False, None, "person")
    raw = msgspec.json.decode(b"".join(client.export(compared)).splitlines()[0])
    assert set(raw) == set(Outcome.__struct_fields__)


def test_filters_choose_among_them(client: Any, compared: str) -> None:
    wrong = list(client.predictions(compared, right=False))
    assert wrong
    assert all(not one.right and one.wrong_fields == ("carrier", "service") for one in wrong)
    assert list(client.predictions(compared, field="carrier", shipped="UPS", predicted="USPS")) == wrong
    assert list(client.predictions(compared, approved=True)) == []
    since = DAY + timedelta(hours=10 + 5)
    assert [one.order_id for one in client.predictions(compared, since=since)] == ["11", "10"]
    assert next(client.predictions(compared, until=since, right=True)).order_id == "8"
    assert list(client.predictions(compared, since=None, field=None)) == list(client.predictions(compared))


def test_they_are_exported_as_files(client: Any, compared: str) -> None:
    lines = b"".join(client.export(compared)).splitlines()
    assert [msgspec.json.decode(one, type=Outcome) for one in lines] == list(client.predictions(compared))
    head, *rows = b"".join(client.export(compared, "csv", right=False)).decode().splitlines()
    assert head.startswith("order_id,")
    assert len(rows) == len(list(client.predictions(compared, right=False)))
    with pytest.raises(NotFound):
        list(client.export("nobody"))


def test_an_export_that_is_left_leaves_a_client_that_works(client: Any, compared: str) -> None:
    parts = client.export(compared)
    next(parts)
    parts.close()
    assert client.health().status == "ready"


def test_health_tells_of_the_history(client: Any) -> None:
    health = client.health()
    assert (health.status, health.history) == ("ready", HistoryState("ok"))


def test_many_threads_share_a_client(server: str) -> None:
    with Client(server) as client, ThreadPoolExecutor(16) as threads:
        client.ship(map(line, records(3, "threads")))
        told = list(threads.map(lambda n: client.predict("threads", {"n": n}, order_id=str(n)), range(200)))
    assert [one.order_id for one in told] == [str(n) for n in range(200)]


async def test_many_tasks_share_a_client(server: str) -> None:
    async with AsyncClient(server) as client:
        told = await asyncio.gather(*(client.predict("tasks", {}, order_id=str(n)) for n in range(200)))
    assert [one.order_id for one in told] == [str(n) for n in range(200)]


def public(kind: type) -> dict[str, Callable[..., Any]]:
    return {name: value for name, value in vars(kind).items() if not name.startswith("_") and callable(value)}


def test_both_clients_have_the_same_calls_with_the_same_arguments() -> None:
    sync, asynchronous = public(Client), public(AsyncClient)
    assert set(sync) - {"close"} == set(asynchronous) - {"aclose"}
    for name in set(sync) - {"close"}:
        one, other = inspect.signature(sync[name]), inspect.signature(asynchronous[name])
        assert list(one.parameters) == list(other.parameters), name
        assert [p.default for p in one.parameters.values()] == [p.default for p in other.parameters.values()], name
    assert list(inspect.signature(Client).parameters) == list(inspect.signature(AsyncClient).parameters)
