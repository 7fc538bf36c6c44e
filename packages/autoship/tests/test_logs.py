"""The log: what a line looks like, what is in it, and what never is."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from autoship.configuration import LogForm, LogLevel, Secret
from autoship.errors import HistoryUnavailable
from autoship.service import Autoship, Settings
from autoship.web import application
from autoship.web.logs import announce, configure
from autoship_samples import record
from test_http import Away, assert_problem, over
from test_service import until

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"
QUIET = ("uvicorn", "uvicorn.error", "asyncio")


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    """What is logged; the process' own logging is put back after the test."""
    root = logging.getLogger()
    handlers, level, hook = root.handlers[:], root.level, sys.excepthook
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    sys.excepthook = hook
    logging.captureWarnings(False)
    logging.raiseExceptions = True
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.NOTSET)


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(text) for text in out.getvalue().splitlines()]


def ours(out: io.StringIO) -> list[dict[str, Any]]:
    return [line for line in lines(out) if line["logger"].startswith("autoship")]


def failing(error: Exception) -> Away:
    history = Away()
    history.error = error
    return history


async def ask(client: httpx.AsyncClient, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post("/v1/prediction", json={"customer_id": "a", "order": {"x": "the order"}}, headers=named)


def test_each_event_is_one_line_of_json(out: io.StringIO) -> None:
    configure(LogForm.JSON, LogLevel.INFO, out)
    logging.getLogger("autoship.some").info("two\nlines of %s", "text")
    logging.getLogger("uvicorn.error").error("theirs")
    logging.getLogger("autoship.some").debug("not told")
    first, second = lines(out)
    assert (first["level"], first["logger"], first["message"]) == ("info", "autoship.some", "two\nlines of text")
    assert first["time"].endswith("Z")
    assert second["message"] == "theirs"


def test_as_text_nothing_makes_a_line_that_is_none(out: io.StringIO) -> None:
    configure(LogForm.TEXT, LogLevel.INFO, out)
    logging.getLogger("autoship.some").info("one\n2026-01-01T00:00:00Z INFO    two\x1b[2J\u2028three")
    assert out.getvalue().count("\n") == 1
    assert "\x1b" not in out.getvalue()


async def test_a_fault_is_one_line_with_where_it_happened_and_nothing_of_what_was_sent(out: io.StringIO) -> None:
    configure(LogForm.JSON, LogLevel.INFO, out)
    async with over(failing(KeyError("the order"))) as client:
        assert_problem(await ask(client, x_request_id="r-1", traceparent=TRACEPARENT), 500)
    (told,) = (line for line in ours(out) if line["message"] == "POST /v1/prediction failed")
    assert (told["request_id"], told["trace_id"]) == ("r-1", TRACE)
    assert "in read" in told["exception"]
    assert told["exception"].rstrip().endswith("KeyError")
    assert "the order" not in out.getvalue()


def test_our_own_errors_and_the_systems_say_why(out: io.StringIO) -> None:
    configure(LogForm.JSON, LogLevel.INFO, out)
    what = "the order"
    try:
        try:
            raise ValueError(what)
        except ValueError as cause:
            raise HistoryUnavailable("the disk is full") from cause
    except HistoryUnavailable:
        logging.getLogger("autoship").exception("failed")
    (told,) = lines(out)
    assert "HistoryUnavailable: the disk is full" in told["exception"]
    assert "ValueError\n\nwhich led to:" in told["exception"]
    assert "the order" not in told["exception"]


async def test_a_request_is_called_as_its_caller_called_it(out: io.StringIO) -> None:
    async with over(failing(HistoryUnavailable("away"))) as client:
        answer = await ask(client, x_request_id="r-1", traceparent=TRACEPARENT)
        assert (answer.headers["x-request-id"], answer.headers["traceparent"]) == ("r-1", TRACEPARENT)
        for path in ("/healthz", "/nothing", "/v1/prediction"):
            assert (await client.get(path, headers={"x-request-id": "r-2"})).headers["x-request-id"] == "r-2"


@pytest.mark.parametrize("sent", [None, "", "two words", "x" * 129, "é", "\t"])
async def test_a_request_without_a_sane_id_gets_one_of_its_own(sent: str | None) -> None:
    async with over(failing(HistoryUnavailable("away"))) as client:
        headers = {} if sent is None else {"x-request-id": sent.encode()}
        given = [(await client.get("/healthz", headers=headers)).headers["x-request-id"] for _ in range(3)]
    assert len(set(given)) == 3
    assert all(one.isalnum() and len(one) == 24 for one in given)


async def test_a_trace_that_is_none_is_not_passed_on() -> None:
    async with over(failing(HistoryUnavailable("away"))) as client:
        assert "traceparent" not in (await ask(client, traceparent=TRACEPARENT.upper())).headers


async def test_the_access_log_says_how_each_request_went_and_neither_query_nor_token(out: io.StringIO) -> None:
    configure(LogForm.JSON, LogLevel.INFO, out)
    history = Away()
    service = Autoship(history, settings=Settings(), clock=lambda: record().ordered_at)
    app = application(service, token=Secret("s3cret-token"), access_log=True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        await client.get("/v1/nothing%0A?token=s3cret-token", headers={"authorization": "Bearer s3cret-token"})
        await client.post("/login", data={"token": "s3cret-token"})
    await service.close()
    first, second = ours(out)
    assert (first["method"], first["path"], first["status"]) == ("GET", "/v1/nothing%0A", 404)
    assert first["ms"] > 0
    assert first["request_id"] != second["request_id"]
    assert "s3cret" not in f"{first} {second}"


async def test_what_goes_on_after_an_answer_is_nobodys_request(out: io.StringIO) -> None:
    configure(LogForm.JSON, LogLevel.INFO, out)
    history = failing(HistoryUnavailable("away"))
    async with over(history) as client:
        await ask(client, x_request_id="r-1")
        await client.get("/readyz", headers={"x-request-id": "r-2"})
        history.error = HistoryUnavailable("still")
        history.trouble = None
        await until(lambda: "is back" in out.getvalue())
    back = next(one for one in lines(out) if "is back" in one["message"])
    assert "request_id" not in back


@pytest.mark.parametrize(
    ("form", "first"), [(LogForm.TEXT, "autoship listens"), (LogForm.JSON, '{"time"'), (LogForm.AUTO, '{"time"')]
)
def test_it_says_that_it_is_ready_on_one_line(form: LogForm, first: str, capsys: pytest.CaptureFixture[str]) -> None:
    announce(form, "autoship listens on http://127.0.0.1:8000")
    printed = capsys.readouterr().out
    assert printed.startswith(first)
    assert printed.count("\n") == 1
    assert "http://127.0.0.1:8000" in printed
