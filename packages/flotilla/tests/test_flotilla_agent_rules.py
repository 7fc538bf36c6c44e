"""What the agent decides, without sockets: when a copy is ready, when a report is news, through whom to join."""

from __future__ import annotations

import asyncio
import re

import msgspec
import pytest
from flotilla.agent.health import Answer, Copy, Kind, after, pause_s
from flotilla.agent.joining import MOST_GATEWAYS, MOST_HOSTS, alone, through, unknown
from flotilla.agent.report import Place, next_report, places, read_host_file, recalled, report
from flotilla.domain.handed import HostFile, HostService, encode_handed
from flotilla.domain.member import Member, Status
from flotilla.domain.report import State
from flotilla.errors import GossipError, HandedFileError
from flotilla.programs.agent import main, serve
from hypothesis import given
from hypothesis import strategies as st

GOOD, WRONG, REFUSED, SLOW = Kind


def fed(copy: Copy, *kinds: Kind) -> Copy:
    """The copy after these answers."""
    for kind in kinds:
        copy = after(copy, Answer(kind=kind, words=kind.value, took_s=0.1))
    return copy


ASKED = fed(Copy(), GOOD)


@pytest.mark.parametrize(
    ("copy", "kinds", "ready"),
    [
        (Copy(), [], False),
        (Copy(), [GOOD], True),
        (Copy(), [SLOW, GOOD], True),
        (ASKED, [REFUSED], True),
        (ASKED, [REFUSED, REFUSED], False),
        (ASKED, [WRONG, WRONG], True),
        (ASKED, [WRONG, WRONG, WRONG], False),
        (ASKED, [SLOW, SLOW], True),
        (ASKED, [SLOW, SLOW, SLOW], False),
        (ASKED, [SLOW, REFUSED], False),
        (ASKED, [REFUSED, SLOW], True),
        (ASKED, [WRONG, WRONG, GOOD, WRONG, WRONG], True),
        (ASKED, [REFUSED, REFUSED, GOOD], True),
        # Ready in a life before: the first answer counts at once, but for a slow one.
        (Copy(ready=True), [], True),
        (Copy(ready=True), [REFUSED], False),
        (Copy(ready=True), [WRONG], False),
        (Copy(ready=True), [SLOW], True),
        (Copy(ready=True), [SLOW, SLOW, SLOW], False),
    ],
)
def test_when_a_copy_is_ready(copy: Copy, kinds: list[Kind], ready: bool) -> None:
    assert fed(copy, *kinds).ready is ready


@given(st.lists(st.sampled_from(Kind)))
def test_the_last_answer_good_is_ready_and_nothing_but_a_good_one_makes_ready(kinds: list[Kind]) -> None:
    copy = Copy()
    for kind in kinds:
        before, copy = copy, fed(copy, kind)
        assert copy.ready if kind is GOOD else copy.ready <= before.ready
    assert not (copy.ready and copy.bad >= 3)


def test_a_copy_in_doubt_is_asked_soon() -> None:
    assert pause_s(ASKED, 30.0) == 30.0
    assert pause_s(fed(ASKED, SLOW), 30.0) == 1.0
    assert pause_s(Copy(), 30.0) == 1.0
    assert pause_s(Copy(), 0.2) == 0.2


def a_file(**changes: object) -> HostFile:
    """A host's file with two services."""
    shop = HostService(name="shop", version="1.0", generation=3, first_port=8000, copies=3)
    blog = HostService(name="blog", version="2.0", generation=4, first_port=8010, copies=2, state=State.CANARY)
    file = HostFile(fleet="fleet", generation=5, gateways=("10.0.0.1",), hosts=("10.0.0.2",), services=(shop, blog))
    return msgspec.structs.replace(file, **changes)


def ready(file: HostFile, name: str, *indices: int) -> dict[Place, Copy]:
    """These copies of a service are ready."""
    service = next(each for each in file.services if each.name == name)
    return {place: ASKED for place in places(service) if place.index in indices}


def test_a_report_has_the_services_by_name_with_their_ready_copies() -> None:
    said = report(a_file(), ready(a_file(), "shop", 0, 2), serial=9)
    assert [(each.name, each.version, each.generation, each.state, each.ready) for each in said.services] == [
        ("blog", "2.0", 4, State.CANARY, 0),
        ("shop", "1.0", 3, State.READY, 0b101),
    ]
    assert (said.serial, said.generation) == (9, 5)


def test_a_host_that_drains_drains_every_service_and_its_copies_stay_ready() -> None:
    said = report(a_file(drain=True), ready(a_file(), "shop", 0, 1, 2), serial=9)
    assert {each.state for each in said.services} == {State.DRAIN}
    assert said.services[1].ready == 0b111


def test_a_copy_that_was_ready_on_another_port_is_not_so_here() -> None:
    moved = msgspec.structs.replace(a_file().services[0], first_port=9000)
    said = report(a_file(services=(moved,)), ready(a_file(), "shop", 0, 1, 2), serial=9)
    assert said.services[0].ready == 0


def test_a_report_is_news_only_when_it_says_something_else_and_serials_grow_whatever_the_clock_does() -> None:
    file = a_file()
    first = next_report(file, {}, None, now_s=1000.0)
    assert first.serial == 1_000_000
    assert next_report(file, {}, first, now_s=2000.0) == first
    later = next_report(file, ready(file, "shop", 0), first, now_s=500.0)
    assert later.serial == 1_000_001
    assert next_report(file, ready(file, "shop", 1), later, now_s=3000.0).serial == 3_000_000


def test_what_was_ready_in_a_life_before_is_believed_for_the_same_version_and_generation_alone() -> None:
    file = a_file()
    last = report(file, ready(file, "shop", 0, 2) | ready(file, "blog", 1), serial=1)
    assert {(place.service, place.index) for place, copy in recalled(file, last).items() if copy.ready} == {
        ("shop", 0),
        ("shop", 2),
        ("blog", 1),
    }
    newer = msgspec.structs.replace(file.services[0], generation=9)
    assert recalled(a_file(services=(newer,)), last) == {}
    assert recalled(file, None) == {}


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (a_file(fleet=""), "the fleet's name has 0 letters: 1 to 31"),
        (a_file(fleet="f" * 32), "the fleet's name has 32 letters: 1 to 31"),
        (a_file(services=(a_file().services[0], a_file().services[0])), "the same service twice"),
        (a_file(generation=-1), "the generation is -1"),
        *(
            (a_file(services=(msgspec.structs.replace(a_file().services[0], **change),)), words)
            for change, words in [
                ({"copies": 65}, "shop: 65 copies: 0 to 64"),
                ({"first_port": 65534}, "shop: first_port 65534 with 3 copies"),
                ({"first_port": 0}, "shop: first_port 0"),
                ({"health_interval_s": 0.0}, "shop: health_interval_s 0.0: at least 0.05"),
                ({"health_interval_s": 1.0, "health_path": "ready"}, "shop: health_path 'ready' is no path"),
                ({"health_path": "/a\r\nX: y"}, "is no path"),
            ]
        ),
    ],
)
def test_a_host_file_that_the_agent_cannot_go_by_is_refused_with_the_field(file: HostFile, words: str) -> None:
    with pytest.raises(HandedFileError, match=re.escape(words)):
        read_host_file(encode_handed(file))


def test_a_good_host_file_is_read() -> None:
    assert read_host_file(encode_handed(a_file())) == a_file()
    with pytest.raises(HandedFileError, match="not a HostFile"):
        read_host_file(b"{")


def test_a_host_joins_through_gateways_and_a_few_hosts_never_itself_and_all_have_their_turn() -> None:
    gateways = tuple(f"10.0.1.{index}" for index in range(6))
    hosts = tuple(f"10.0.0.{index}" for index in range(50))
    file = a_file(gateways=gateways, hosts=(*hosts, gateways[0]))
    seen: set[str] = set()
    for attempt in range(60):
        found = through(file, "10.0.0.7", attempt)
        assert len(found) == len(set(found)) == MOST_GATEWAYS + MOST_HOSTS
        assert found == through(file, "10.0.0.7", attempt)
        seen |= set(found)
    assert seen == {*gateways, *hosts} - {"10.0.0.7"}
    assert through(a_file(gateways=("10.0.0.7",), hosts=("10.0.0.7",)), "10.0.0.7", 0) == ()


def test_alone_is_who_sees_nobody_else_alive() -> None:
    own = Member(name="host-10.0.0.2", address="10.0.0.2", status=Status.ALIVE, tags={})
    other = Member(name="gateway-10.0.0.1", address="10.0.0.1", status=Status.FAILED, tags={})
    assert alone([own], own.name)
    assert alone([own, other], own.name)
    assert not alone([own, msgspec.structs.replace(other, status=Status.ALIVE)], own.name)
    assert unknown(a_file(gateways=("10.0.0.1", "10.0.0.9")), [own, other]) == ("10.0.0.9",)


class Ends:
    """An agent that crashes as told."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.left: bool | None = None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.crash())
            await asyncio.sleep(60)

    async def crash(self) -> None:
        raise self.error

    async def end(self, leave: bool) -> None:
        self.left = leave


@pytest.mark.parametrize("error", [GossipError("serf cannot be started"), RuntimeError("a bug")])
async def test_a_crash_of_any_part_ends_the_program_without_leaving(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = Ends(error)
    assert await serve(agent) == 1
    assert agent.left is False
    out, err = capsys.readouterr()
    assert f"event=crash what={type(error).__name__}" in out
    assert ("Traceback" in err) is isinstance(error, RuntimeError)


@pytest.mark.parametrize(
    ("argv", "words"), [([], "--address is missing"), (["--address", "host1"], "no IPv4 or IPv6 literal")]
)
def test_an_address_is_wanted(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(argv)
    assert words in capsys.readouterr().err
