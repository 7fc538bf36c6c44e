"""The client as a package: light to import, clear where its library is missing, and typed for those who use it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

from autoship.client import (
    Alternative,
    Because,
    Client,
    Customer,
    Filters,
    Intake,
    LearnedFrom,
    Listed,
    Outcome,
    Prediction,
    Rejected,
    Settings,
    errors,
)
from mypy import api

ROOT = Path(__file__).parents[3]
HEAVY = ("numpy", "starlette", "uvicorn", "click", "autoship.learning", "autoship.service", "autoship.domain")

SAMPLE = """
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from datetime import UTC, datetime

from autoship.client import (
    AsyncClient, CallFailed, Client, Customer, InvalidInput, Listed, Outcome, Prediction, Record, Unavailable,
)

with Client("http://127.0.0.1:8000", token="t", deadline_s=2) as client:
    prediction: Prediction = client.predict("acme", {"weight_oz": 12}, order_id="1", ordered_at=datetime.now(UTC))
    carrier: str | int | float | bool = (prediction.shipment or {})["carrier"]
    now = datetime.now(UTC)
    record = Record(customer_id="acme", order_id="1", ordered_at=now, order={}, shipment={"carrier": "UPS"})
    accepted: int = client.ship([record, {"customer_id": "acme"}, b"{}"]).accepted
    customer: Customer = client.set("acme", max_error=None)
    listed: Iterator[Listed] = client.customers()
    wrong: Iterator[Outcome] = client.predictions("acme", right=False, since=datetime.now(UTC))
    with closing(client.export("acme", "csv", field="carrier")) as parts:
        part: bytes = next(parts)
    for place in client.predict_many([{"customer_id": "acme", "order": {}}]):
        if isinstance(place, Prediction):
            confidence: float = place.confidence
        else:
            failed: CallFailed = place
    try:
        client.with_options(request_id="r").forget("acme")
    except InvalidInput as error:
        field: str | None = error.field
    except Unavailable as error:
        seconds: float | None = error.retry_after
    client.predict("acme")  # type: ignore[call-arg]
    client.predictions("acme", rigth=False)  # type: ignore[call-arg]
    client.export("acme", "xml")  # type: ignore[arg-type]
    client.set("acme", max_error="2 %")  # type: ignore[arg-type]
    prediction.approved = True  # type: ignore[misc]


async def use() -> None:
    async with AsyncClient("http://127.0.0.1:8000") as client:
        prediction: Prediction = await client.predict("acme", {})
        wrong: AsyncIterator[Outcome] = client.predictions("acme", right=False)
        async for one in wrong:
            right: bool = one.right
        async with aclosing(client.export("acme")) as parts:
            part: bytes = await anext(parts)
        client.predict("acme", {}).approved  # type: ignore[attr-defined]
"""


REFERENCE = (ROOT / "docs/reference/client.md").read_text()


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_to_import_it_brings_nothing_heavy() -> None:
    done = run(f"import autoship.client, sys; print([name for name in {HEAVY!r} if name in sys.modules])")
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_where_its_library_is_missing_it_says_how_to_get_it() -> None:
    done = run("import sys; sys.modules['httpcore2'] = None; import autoship.client")
    assert done.returncode != 0
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: autoship.client needs httpcore2")
    assert "pip install 'autoship[client]'" in last


def test_it_is_typed_for_those_who_use_it(tmp_path: Path) -> None:
    sample = tmp_path / "sample.py"
    sample.write_text(SAMPLE)
    options = ["--strict", "--config-file=", f"--cache-dir={ROOT / '.mypy_cache'}", "--no-error-summary"]
    said, errors, status = api.run([*options, str(sample)])
    assert (said, errors, status) == ("", "", 0)


def test_the_reference_shows_the_tree_of_errors_as_it_is() -> None:
    assert errors.__doc__ is not None
    rows = [row[4:] for row in errors.__doc__.splitlines() if "── " in row]
    assert "\n".join(rows) in REFERENCE


def test_every_call_and_argument_is_in_the_reference() -> None:
    for name, call in vars(Client).items():
        if name.startswith("_"):
            continue
        assert f"{name}(" in REFERENCE
        for argument in inspect.signature(call).parameters:
            assert argument in ("self", "filters", "orders", "records") or argument in REFERENCE, (name, argument)
    for argument in inspect.signature(Client).parameters:
        assert f"| `{argument}` |" in REFERENCE
    assert all(f"`{name}`" in REFERENCE for name in Filters.__annotations__)


def test_every_field_of_an_answer_is_in_the_reference_of_the_api() -> None:
    page = (ROOT / "docs/reference/http.md").read_text()
    structs = (Prediction, Intake, Rejected, Customer, Listed, Outcome, Alternative, Because, LearnedFrom, Settings)
    fields = {field for struct in structs for field in struct.__struct_fields__}
    assert [field for field in fields if field not in page] == []
