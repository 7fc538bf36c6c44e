"""``autoship replay``: files in, a table or a document out, and what it says of files that are not right."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from autoship.cli.replay import replay
from click.testing import CliRunner, Result


def line(number: int, **changes: Any) -> str:
    usual: dict[str, Any] = {
        "customer_id": "acme",
        "order_id": str(number),
        "ordered_at": f"2025-01-{number % 28 + 1:02}T00:00:00Z",
        "order": {"sku": number % 3},
        "shipment": {"carrier": "USPS" if number % 3 else "UPS"},
    }
    return json.dumps({**usual, **changes})


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """Forty good lines."""
    file = tmp_path / "orders.ndjson"
    file.write_text("\n".join(line(order) for order in range(40)))
    return file


def run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(replay, [str(argument) for argument in arguments], input=stdin)


def document(*arguments: str | Path) -> dict[str, Any]:
    result = run(*arguments, "--json")
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def untimed(found: dict[str, Any]) -> dict[str, Any]:
    """The document without what differs from run to run."""
    for window in (found["last_fifth"], found["all"]):
        for name in ("predict", "learn", "orders_per_s"):
            del window[name]
    del found["reading"]["files"]
    return found


def test_a_table_goes_to_stdout_and_the_status_is_0(orders: Path) -> None:
    result = run(orders, "--baseline-key", "order.sku")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("40 orders of 1 customer, 2025-01-01 to 2025-01-28")
    assert "last for the same key" in result.stdout


def test_the_document_is_all_that_json_writes_to_stdout(orders: Path) -> None:
    found = document(orders, "--baseline-key", "order.sku")
    assert (found["format"], found["version"]) == ("autoship-replay", 1)
    assert (found["orders"], found["last_fifth"]["orders"]) == (40, 8)
    assert found["baselines"] == ["commonest", "last", "last for the same key"]
    assert found["baseline_key"] == ["order.sku"]


def test_the_documents_names_are_the_ones_that_others_rely_on(orders: Path) -> None:
    found = document(orders)
    assert list(found) == [
        "format", "version", "reading", "orders", "unseen", "customers", "first_ordered_at", "last_ordered_at",
        "baselines", "baseline_key", "max_error", "last_fifth", "all", "over_time", "coverage", "by_customer",
    ]  # fmt: skip
    assert list(found["all"]) == [
        "orders", "predicted", "accuracy", "fields", "approved", "approved_wrong", "share_approved", "error_approved",
        "not_approved", "customers_approved", "customers_over", "ece", "reliability", "predict", "learn",
        "orders_per_s",
    ]  # fmt: skip
    assert list(found["by_customer"][0]) == ["customer_id", "orders", "choices", "last_fifth", "all", "trend"]


def test_gzipped_lines_several_files_and_stdin_are_read_alike(orders: Path, tmp_path: Path) -> None:
    text = orders.read_bytes()
    packed = tmp_path / "no-suffix"
    packed.write_bytes(gzip.compress(text))
    first, second = tmp_path / "a.ndjson", tmp_path / "b.ndjson"
    first.write_bytes(b"\n".join(text.split(b"\n")[:15]))
    second.write_bytes(b"\n".join(text.split(b"\n")[15:]))
    expected = untimed(document(orders))
    assert untimed(document(packed)) == expected
    assert untimed(document(first, second)) == expected
    assert untimed(json.loads(run("-", "--json", stdin=text).stdout)) == expected


def test_bad_lines_are_named_with_file_line_field_and_mend_and_the_rest_is_measured(orders: Path) -> None:
    bad = ["no json", line(41, ordered_at="2025-01-01"), "", line(42, shipment=[]), line(43)]
    orders.write_text(orders.read_text() + "\n" + "\n".join(bad))
    result = run(orders)
    assert result.exit_code == 1
    assert f"{orders}:41: " in result.stderr
    assert f'{orders}:42: ordered_at: has no time zone: end it with "Z"' in result.stderr
    assert f"{orders}:44: shipment: is an object" in result.stderr
    assert "3 bad lines were left out" in result.stderr
    assert result.stdout.startswith("41 orders")


def test_the_document_holds_the_bad_lines_too(orders: Path) -> None:
    orders.write_text(orders.read_text() + "\n" + line(41, order=3))
    reading = document(orders)["reading"]
    assert (reading["bad"], reading["records"]) == (1, 40)
    assert reading["bad_lines"][0]["line"] == 41
    assert reading["bad_lines"][0]["field"] == "order"


def test_of_very_many_bad_lines_a_few_are_shown(tmp_path: Path) -> None:
    file = tmp_path / "bad.ndjson"
    file.write_text("bad\n" * 50 + line(1))
    result = run(file)
    assert result.stderr.count(f"{file}:") == 20
    assert "and 30 more bad lines" in result.stderr


def test_an_order_that_comes_again_is_measured_once_as_it_was_last(orders: Path) -> None:
    orders.write_text(orders.read_text() + "\n" + line(39, shipment={"carrier": "DHL"}))
    found = document(orders)
    assert (found["orders"], found["reading"]["replaced"], found["by_customer"][0]["choices"]) == (40, 1, 3)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no record"),
        (b"\n\n", "no record"),
        (gzip.compress(b"x" * 10_000)[:-12], "cannot be read"),
        (gzip.compress(b"x")[:10] + b"\x07damaged", "cannot be read"),
    ],
)
def test_a_file_without_records_or_cut_short_is_one_clear_line(content: bytes, says: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    result = run(file)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert says in result.stderr
    assert str(file) in result.stderr


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = run(tmp_path / "nowhere")
    assert result.exit_code == 2
    assert "nowhere" in result.stderr


@pytest.mark.parametrize("key", ["order.skew", "shipment.carrier", "sku", ""])
def test_a_key_that_leads_nowhere_is_refused(key: str, orders: Path) -> None:
    result = run(orders, "--baseline-key", key)
    assert result.exit_code == 2
    assert "--baseline-key" in result.stderr


def test_the_page_is_written_where_it_was_asked_for(orders: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    assert run(orders, "--html", out).exit_code == 0
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_page_that_cannot_be_written_is_said_before_anything_is_measured(orders: Path, tmp_path: Path) -> None:
    result = run(orders, "--html", tmp_path / "no" / "folder.html")
    assert result.exit_code == 2
    assert "there is no folder" in result.stderr
