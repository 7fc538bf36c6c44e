"""How an import cuts records into batches: judging without foresight needs a customer's records together."""

from __future__ import annotations

import pytest
from autoship.adapters.sqlite.staging import Staging
from autoship.cli import import_ as module
from autoship.domain.record import Record
from autoship_samples import record, records


def sizes(staged: list[Record], nbytes: int = 100) -> list[dict[str, int]]:
    cut = []
    for batch in module._batches((one, nbytes) for one in staged):
        of_customers: dict[str, int] = {}
        for one in batch:
            of_customers[one.customer_id] = of_customers.get(one.customer_id, 0) + 1
        cut.append(of_customers)
    return cut


def test_customers_stay_whole_as_long_as_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "APPENDED_AT_ONCE", 10)
    staged = [one for name, count in (("a", 3), ("b", 4), ("c", 25), ("d", 2)) for one in records(count, name)]
    assert sizes(staged) == [{"a": 3, "b": 4}, {"c": 10}, {"c": 10}, {"c": 5, "d": 2}]


def test_large_records_are_fewer_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "APPENDED_BYTES", 1_000)
    staged = [one for name, count in (("a", 3), ("b", 4), ("c", 25)) for one in records(count, name)]
    assert sizes(staged) == [{"a": 3, "b": 4}, {"c": 10}, {"c": 10}, {"c": 5}]
    assert sizes(staged[:5], nbytes=600) == [{"a": 2}, {"a": 1}, {"b": 2}]


def test_records_are_put_in_the_order_in_which_they_became_known() -> None:
    with Staging() as staging:
        for one in (record(1, "b", at=9), record(2, "a", at=8), record(3, "a", at=1, took=90), record(4, "a", at=8)):
            staging.add(one)
        staging.add(record(2, "a", at=8, decided_by="auto"))
        assert (staging.added, staging.count()) == (5, 4)
        assert [(one.customer_id, one.order_id) for one, _ in staging.in_order()] == [
            ("a", "4"),
            ("a", "2"),
            ("a", "3"),
            ("b", "1"),
        ]
