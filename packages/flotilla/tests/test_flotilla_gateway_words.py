"""What a gateway tells of what it does: the news of a rotation, its journal, the traffic it counts."""

from __future__ import annotations

import pytest
from flotilla.domain.load import Load, Part, Statistics
from flotilla.domain.member import Status
from flotilla.domain.report import HostReport, ServiceReport, State
from flotilla.gateway.known import Known, KnownMember
from flotilla.gateway.news import news
from flotilla.gateway.rotation import Server
from flotilla.programs.backoff import Backoff
from flotilla.programs.gateway_journal import KEPT, Journal
from flotilla.programs.gateway_traffic import TrafficCounter

A = "10.0.0.21"
NONE: tuple[Server, ...] = ()


def servers(address: str = A, count: int = 2, weight: int = 100) -> tuple[Server, ...]:
    return tuple(Server(service="shop", address=address, port=8000 + n, weight=weight) for n in range(count))


def known(status: Status = Status.ALIVE, state: State = State.READY) -> Known:
    report = ServiceReport(name="shop", version="1", generation=1, state=state, ready=3)
    told = HostReport(serial=1, generation=1, services=(report,))
    return Known(members={"x": KnownMember(name="x", address=A, status=status, report=told, seen_s=0)})


@pytest.mark.parametrize(
    ("what_is_known", "before", "after", "what", "why"),
    [
        (known(), NONE, servers(), "2 servers in", "copies are ready"),
        (known(), servers(), servers(count=1), "1 server out", "copies are not ready"),
        (known(state=State.DRAIN), servers(), NONE, "2 servers out", "it drains"),
        (known(Status.LEFT), servers(), NONE, "2 servers out", "it left"),
        (known(Status.FAILED), servers(), NONE, "2 servers out", "not seen for a day"),
        (Known(), servers(), NONE, "2 servers out", "it is gone from the gossip"),
        (known(state=State.CANARY), NONE, servers(weight=10), "2 servers in", "a canary"),
        (known(), servers(weight=10), servers(), "2 servers weighed anew", "full weight"),
    ],
)
def test_news_say_what_and_why(
    what_is_known: Known, before: tuple[Server, ...], after: tuple[Server, ...], what: str, why: str
) -> None:
    (told,) = news(what_is_known, before, after)
    assert (told.what, told.why) == (f"{A}: {what}", why)


def test_no_change_is_no_news_and_many_are_one() -> None:
    assert news(known(), servers(), servers()) == ()
    many = tuple(one for n in range(40) for one in servers(f"10.0.1.{n}"))
    assert [one.what for one in news(known(), NONE, many)] == ["40 hosts changed: 0 servers out, 80 servers in"]


def test_a_trouble_is_said_when_it_begins_changes_and_ends() -> None:
    now, said = [0.0], list[str]()
    journal = Journal(lambda: now[0], lambda done: said.append(done.what))
    for at, words in ((0, "a"), (1, "a"), (2, "b"), (3, "b"), (4, None), (5, None)):
        now[0] = at
        journal.trouble("x", words)
    assert said == ["x: a", "x: b", "x is well again"]


def test_a_trouble_that_passes_within_its_patience_is_not_said() -> None:
    now, said = [0.0], list[str]()
    journal = Journal(lambda: now[0], lambda done: said.append(done.what))
    for at, words in ((0, "a"), (1, "b"), (2, None), (10, "c"), (14, "c"), (15, "c")):
        now[0] = at
        journal.trouble("x", words, patience_s=3)
        assert journal.troubles == ({"x": words} if words else {})
    assert said == ["x: c"]


def test_the_journal_is_bounded() -> None:
    journal = Journal(lambda: 0, lambda done: None)
    for n in range(500):
        journal.did("x", f"{n}" * 5_000)
    assert len(journal.done) == KEPT
    assert len(journal.done[0].what) <= 2_000


def test_what_failed_is_tried_ever_more_patiently() -> None:
    backoff, tries = Backoff(1, 8), []
    for now_s in range(40):
        if backoff.allows(now_s):
            tries.append(now_s)
            backoff.failed(now_s)
    assert tries == [0, 1, 3, 7, 15, 23, 31, 39]
    backoff.reset()
    assert backoff.allows(39)


def test_traffic_is_counted_over_reloads_and_by_the_last_minute() -> None:
    def at(requests: int, failed: int = 0) -> Statistics:
        load = Load(part=Part.BACKEND, backend="shop", requests=requests, answers_5xx=1, failed=failed)
        own = Load(part=Part.BACKEND, backend="flotilla.own", requests=1_000)
        return Statistics(loads=(load, own))

    counter = TrafficCounter(lambda backend: None if backend.startswith("flotilla.") else backend, 0)
    assert counter.recent("shop").requests == counter.total("shop").requests == 0
    counter.sample(at(100), "one", 10)
    counter.sample(at(150, failed=2), "one", 20)
    counter.sample(at(30), "two", 30)
    assert (counter.total("shop").requests, counter.total("shop").answers_5xx) == (180, 2)
    assert (counter.recent("shop").requests, counter.recent("shop").failed) == (80, 2)
    for n in range(20):
        counter.sample(at(30 + n), "two", 40 + 10 * n)
    assert counter.recent("shop").span_s == pytest.approx(60, abs=10)
    assert counter.recent("shop").requests == 6
    assert counter.total("nobody").requests == 0
