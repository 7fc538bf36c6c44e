"""What the client decides without a network: when a call is sent again, what a refusal is, what an address is."""

from __future__ import annotations

import math
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpcore2
import msgspec
import pytest
from autoship.client import (
    AnswerUnreadable,
    AsyncClient,
    CallFailed,
    CannotConnect,
    Client,
    ConnectionLost,
    DeadlineExceeded,
    HistoryUnavailable,
    Intake,
    NotFound,
    NotSendable,
    Refused,
    Rejected,
    ServiceFault,
    Unavailable,
    errors,
)
from autoship.client.attempts import FIRST_WAIT_S, LONGEST_WAIT_S, Attempts
from autoship.client.deadline import Backend, Deadline
from autoship.client.exchange import mapped
from autoship.client.given import Chunk, together
from autoship.client.options import Options, address_of
from autoship.client.refusals import BY_TYPE, Problem, problem_in, refusal_of, retry_after_in
from autoship.web.problems import STATUSES
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)
shares = st.floats(0, 1)


def lost() -> CallFailed:
    return ConnectionLost("x")


def unavailable(retry_after: float | None = None) -> CallFailed:
    return Unavailable(503, "about:blank", "No", "", retry_after=retry_after)


@given(chances=st.lists(shares, min_size=1, max_size=12))
def test_waits_lie_between_nothing_and_a_bound_that_doubles(chances: list[float]) -> None:
    draws = iter(chances)
    attempts = Attempts(len(chances) + 1, "r", lambda: next(draws))
    for failed, chance in enumerate(chances):
        bound = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**failed)
        assert attempts.after(unavailable(), left=math.inf, fresh=True) == pytest.approx(chance * bound)


@given(asked=st.floats(0, 1e6), chance=shares, left=st.floats(-1, 1e6))
def test_no_wait_is_shorter_than_asked_for_or_longer_than_what_is_left(
    asked: float, chance: float, left: float
) -> None:
    attempts = Attempts(2, "r", lambda: chance)
    if asked + chance * FIRST_WAIT_S < left:
        assert asked <= attempts.after(unavailable(asked), left=left, fresh=True) < left
    else:
        with pytest.raises(Unavailable):
            attempts.after(unavailable(asked), left=left, fresh=True)


def test_only_a_lost_connection_that_had_been_kept_is_made_anew_at_once() -> None:
    def wait(error: CallFailed, fresh: bool) -> float:
        return Attempts(2, "r", lambda: 1.0).after(error, left=10, fresh=fresh)

    assert wait(lost(), False) == 0
    assert wait(lost(), True) == wait(CannotConnect("x"), False) == wait(unavailable(), False) == FIRST_WAIT_S


@pytest.mark.parametrize("kind", [one for one in vars(errors).values() if isinstance(one, type)])
def test_an_error_is_sent_again_where_it_may_pass_and_time_is_left(kind: type) -> None:
    if not issubclass(kind, CallFailed):
        return
    if issubclass(kind, Refused):
        error: CallFailed = kind(0, "about:blank", "", "")
    else:
        error = NotSendable(None, "x") if kind is NotSendable else kind("x")
    try:
        Attempts(2, "r", lambda: 1.0).after(error, left=10, fresh=True)
    except CallFailed:
        assert not kind.transient or kind is DeadlineExceeded
    else:
        assert kind.transient


def test_a_kept_connection_that_is_lost_counts_as_no_attempt() -> None:
    attempts = Attempts(1, "r", lambda: 1.0)
    for _ in range(3):
        assert attempts.after(lost(), left=10, fresh=False) == 0
    with pytest.raises(ConnectionLost) as failed:
        attempts.after(lost(), left=10, fresh=True)
    assert failed.value.attempts == 4
    with pytest.raises(ConnectionLost):
        Attempts(9, "r", lambda: 1.0).after(lost(), left=0, fresh=False)


def test_only_where_no_connection_was_made_nothing_can_have_been_done() -> None:
    attempts = Attempts(9, "r", lambda: 1.0)
    attempts.after(CannotConnect("x"), left=10, fresh=False)
    assert not attempts.again
    attempts.after(lost(), left=10, fresh=True)
    attempts.after(CannotConnect("x"), left=10, fresh=False)
    assert attempts.again


def test_the_tree_of_errors_at_the_top_is_the_tree_of_errors() -> None:
    assert errors.__doc__ is not None
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, CallFailed)]
    rows = [row for row in errors.__doc__.splitlines() if "── " in row]
    depths = {row.split("── ")[1].split()[0]: row.index("── ") // 4 for row in rows}
    assert set(depths) == {kind.__name__ for kind in kinds}
    assert all(len(kind.__mro__) - len(CallFailed.__mro__) == depths[kind.__name__] for kind in kinds)


RAISED = [one for one in vars(httpcore2).values() if isinstance(one, type) and issubclass(one, Exception)]


@pytest.mark.parametrize("kind", [*RAISED, OSError, ConnectionResetError, ssl.SSLError, TimeoutError])
def test_whatever_the_library_raises_is_an_error_of_the_client(kind: type[Exception]) -> None:
    deadline = Deadline(lambda: 0.0, 1)
    with pytest.raises(CallFailed) as failed, mapped(address_of("http://x"), deadline):
        raise kind("because")
    assert "because" in str(failed.value)
    assert type(failed.value.__cause__) is kind


def test_an_answer_that_breaks_off_is_lost_and_one_that_is_no_http_is_unreadable() -> None:
    deadline = Deadline(lambda: 0.0, 1)
    with pytest.raises(AnswerUnreadable), mapped(address_of("http://x"), deadline):
        raise httpcore2.RemoteProtocolError
    deadline.ended = True
    with pytest.raises(ConnectionLost), mapped(address_of("http://x"), deadline):
        raise httpcore2.RemoteProtocolError


class Unreachable(httpcore2.NetworkBackend):
    """A network on which nobody answers but at the addresses that are ``reached``."""

    def __init__(self, reached: str | None = None) -> None:
        self.tried: list[tuple[str, float | None]] = []
        self._reached = reached

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, *rest: object) -> httpcore2.NetworkStream:
        self.tried.append((host, timeout))
        if host == self._reached:
            return httpcore2.MockStream([])
        raise httpcore2.ConnectTimeout("timed out") if len(self.tried) % 2 else httpcore2.ConnectError("refused")


@pytest.fixture
def three_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(2, 1, 6, "", (address, 80)) for address in ("10.0.0.1", "10.0.0.2", "10.0.0.3")]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)


@pytest.mark.usefixtures("three_addresses")
def test_each_address_of_a_host_has_its_share_of_the_time() -> None:
    deadline = Deadline(lambda: 0.0, 6)
    network = Unreachable()
    with pytest.raises(httpcore2.ConnectTimeout):
        Backend(network).connect_tcp("x", 80, deadline)  # type: ignore[arg-type]
    assert network.tried == [("10.0.0.1", 2), ("10.0.0.2", 3), ("10.0.0.3", 6)]
    assert not deadline.fresh
    Backend(Unreachable("10.0.0.2")).connect_tcp("x", 80, deadline)  # type: ignore[arg-type]
    assert deadline.fresh


def test_a_host_that_nobody_knows_is_no_connection() -> None:
    with Client("http://nowhere.invalid", attempts=1) as client, pytest.raises(CannotConnect):
        client.health()


def test_every_problem_that_the_service_tells_has_a_class() -> None:
    assert {f"urn:autoship:problem:{name}" for _, _, name, _ in STATUSES} <= set(BY_TYPE)
    for _, status, name, title in STATUSES:
        error = refusal_of(Problem(f"urn:autoship:problem:{name}", title, status, "d", "f"), 1.5)
        assert type(error).__name__ in (title.title().replace(" ", ""), "HistoryUnusable")
        assert (error.status, error.field, error.retry_after) == (status, "f", 1.5)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, NotFound), (405, Refused), (408, Unavailable), (429, Unavailable), (501, ServiceFault), (599, ServiceFault)],
)
def test_a_problem_that_is_not_known_is_told_by_its_status(status: int, kind: type[Refused]) -> None:
    assert type(refusal_of(Problem("urn:newer", "", status, ""), None)) is kind
    assert type(refusal_of(Problem("urn:autoship:problem:history-unavailable", "", 503), 1)) is HistoryUnavailable


@given(status=st.integers(300, 599), body=st.binary(max_size=50), kind=st.sampled_from(["application/json", "a", ""]))
def test_whatever_a_refusal_says_it_is_a_refusal(status: int, body: bytes, kind: str) -> None:
    error = refusal_of(problem_in(status, {"content-type": kind}, body), None)
    assert error.status == status
    assert str(error)


@given(text=st.text(max_size=12) | st.from_regex(r"[0-9]{1,12}", fullmatch=True))
def test_retry_after_is_seconds_that_are_not_negative_or_nothing(text: str) -> None:
    seconds = retry_after_in({"retry-after": text}, NOW)
    assert seconds is None or seconds >= 0


def test_retry_after_may_be_a_time() -> None:
    def read(text: str) -> float | None:
        return retry_after_in({"retry-after": text}, NOW)

    assert read(format_datetime(NOW + timedelta(seconds=90), usegmt=True)) == 90
    assert read(format_datetime(NOW - timedelta(seconds=90), usegmt=True)) == 0
    assert (read("5"), read(" 5 "), read("-5"), read("soon"), read("")) == (5, 5, None, None, None)


@given(st.lists(st.sampled_from([b"{}", b"", b"x\ny"]) | st.just(object()).map(lambda one: {"x": one}), max_size=30))
def test_what_is_told_of_a_chunk_is_told_by_the_places_of_what_was_given(records: list[bytes]) -> None:
    chunk = Chunk()
    for place, one in enumerate(records, 11):
        chunk.add(place, one)
    sent = chunk.body.splitlines()
    told = chunk.placed(Intake(rejected=tuple(Rejected(n, None, "no") for n in range(1, len(sent) + 1))))
    assert [one.line for one in told.rejected] == [n for n, one in enumerate(records, 11) if one != b""]


def test_of_many_rejected_the_first_are_told_and_all_are_counted() -> None:
    part = Intake(1, 2, 3, tuple(Rejected(n, None, "no") for n in range(800)), 900)
    whole = together(part, part)
    assert (whole.accepted, whole.unchanged, whole.replaced, whole.rejected_total) == (2, 4, 6, 1_800)
    assert len(whole.rejected) == 1_000


@pytest.mark.parametrize(
    ("url", "netloc", "prefix"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1:8000", ""),
        ("http://shop.example/", "shop.example", ""),
        ("https://shop.example:443/a/b/", "shop.example", "/a/b"),
        ("http://[::1]:8000", "[::1]:8000", ""),
        ("http://bücher.example", "xn--bcher-kva.example", ""),
    ],
)
def test_an_address_is_taken_apart(url: str, netloc: str, prefix: str) -> None:
    address = address_of(url)
    assert (address.netloc, address.prefix) == (netloc, prefix)


@pytest.mark.parametrize(
    "url",
    [
        "", "localhost:8000", "ftp://x", "http://", "http://user:secret@x", "http://x?a=1", "http://x#a", "http://x/ä",
        "http://x:99999", "http://x/a b", "http://" + "a" * 70, "http://a..b", "http://[zz]",
        "http://a\x00b", "http://a b",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_a_mistake_of_the_application(url: str) -> None:
    with pytest.raises(ValueError, match=r".") as failed:
        Client(url)
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize(
    "options",
    [
        {"deadline_s": 0}, {"deadline_s": math.nan}, {"attempts": 0}, {"token": ""}, {"token": "a\r\nx: y"},
        {"user_agent": "ä"}, {"token": " a"},
    ],
)  # fmt: skip
def test_options_that_are_none_are_a_mistake_of_the_application(options: dict[str, object]) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(ValueError, match=next(iter(options))):
            kind("http://x", **options)  # type: ignore[arg-type]


def test_a_trace_that_is_none_is_a_mistake_of_the_application() -> None:
    with Client("http://x") as client:
        for options in ({"traceparent": "x"}, {"request_id": "a\nb"}, {"deadline_s": -1.0}):
            with pytest.raises(ValueError, match=next(iter(options))):
                client.with_options(**options)  # type: ignore[arg-type]


def test_a_token_is_not_shown() -> None:
    assert "s3cret" not in repr(Options(token="s3cret"))
    assert "s3cret" not in repr(Client("http://x", token="s3cret"))


def test_fields_that_a_newer_service_adds_are_ignored() -> None:
    assert msgspec.json.decode(b'{"accepted":1,"newer":{"x":[]}}', type=Intake).accepted == 1
