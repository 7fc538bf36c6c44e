"""The status page as a text, and what it warns of."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from flotilla.domain.load import Load, Part
from flotilla.domain.status import ServerStatus, decode_status, encode_status
from flotilla.programs.gateway_page import page
from flotilla_documents import ALL, NASTY, broken, cut_off, large, ordinary, warned
from msgspec.structs import replace

OWN_TAGS = {
    "html", "head", "meta", "title", "style", "noscript", "body", "header", "h1", "h2", "span", "button", "main",
    "section", "ul", "li", "dl", "div", "dt", "dd", "small", "table", "thead", "tbody", "tr", "th", "td", "p",
    "details", "summary", "ol", "time", "footer", "a", "script",
}  # fmt: skip
EMPTY = {"meta"}


class Reader(HTMLParser):
    """Checks that elements are closed in order, and collects them and their text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.words += data


def read(text: bytes) -> Reader:
    reader = Reader()
    reader.feed(text.decode())
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.parametrize("name", ALL)
def test_a_page_is_whole_and_has_no_element_but_its_own(name: str) -> None:
    reader = read(page(ALL[name]()))
    assert set(reader.tags) <= OWN_TAGS
    assert reader.tags.count("script") == 1
    assert len(reader.ids) == len(set(reader.ids))


def test_what_strangers_say_is_shown_and_has_no_effect() -> None:
    text = page(broken())
    assert "\u202e" not in text.decode()
    assert b"\x1b" not in text
    assert NASTY.replace("\u202e", "\\u202e").replace("\x1b", "\\u001b") in read(text).words


def test_a_page_grows_with_the_hosts_and_not_with_the_servers() -> None:
    assert len(page(large())) < 250_000
    assert "and 800 more" in read(page(ordinary(1000, 1))).words


def test_all_is_well_only_where_it_is() -> None:
    assert "All is well" in read(page(ordinary())).words
    assert "All is well" not in read(page(cut_off())).words


def test_gossip_that_is_cut_off_is_a_warning() -> None:
    assert cut_off().warnings == ("Serf sees none of 3 hosts; serving on by HAProxy's checks",)


def test_the_worst_is_said_first_and_each_problem_once() -> None:
    told = broken().warnings
    assert told[0].startswith(
        "HAProxy refuses the configuration of generation 8 (asked 5 times); generation 7 goes on:"
    )
    assert "never seen in the gossip, though the file names them: 10.0.0.77" in told
    assert "of generation 6, not 7: 10.0.0.23" in told
    assert "shop 1.0.1, not 1.0.0: 10.0.0.23" in told
    assert len([one for one in told if NASTY in one]) == 2
    members = tuple(replace(member, problem="forged") for member in ordinary(40).members)
    told = warned(replace(ordinary(40), members=members)).warnings
    assert len(told) == 1
    assert told[0].endswith(" and 35 more: forged")


def test_a_service_without_copies_is_a_warning() -> None:
    document = ordinary()
    none = (replace(document.services[0], servers=0, up=0),)
    down = (replace(document.services[0], up=0),)
    assert "no copy is in rotation" in warned(replace(document, services=none)).warnings[0]
    assert "none of its 12 copies answers" in warned(replace(document, services=down)).warnings[0]


def test_a_host_that_is_there_without_a_ready_copy_is_a_warning() -> None:
    first, *others = ordinary().members
    idle = replace(first, services=(replace(first.services[0], ready=()),))
    drained = replace(first, services=(replace(first.services[0], ready=(), state="drain"),))
    said = warned(replace(ordinary(), members=(idle, *others))).warnings
    assert said == (f"shop: no copy is ready on {first.address}",)
    assert warned(replace(ordinary(), members=(drained, *others))).warnings == ()


@pytest.mark.parametrize(
    ("wanted", "status", "sessions", "queue", "drained"),
    [
        (100, "UP", 0, 0, False),
        (None, "DRAIN", 1, 0, False),
        (None, "DRAIN", 0, 1, False),
        (None, "DRAIN", 0, 0, True),
        (None, "MAINT", 0, 0, True),
        (None, "MAINT", 2, 0, False),
        (None, "GONE", 0, 0, True),
        (None, "UP", 0, 0, False),
    ],
)
def test_a_copy_is_drained_once_it_gets_nothing_and_has_nothing_left(
    wanted: int | None, status: str, sessions: int, queue: int, drained: bool
) -> None:
    load = Load(part=Part.SERVER, backend="shop", name="a:1", status=status, sessions=sessions, queue=queue)
    assert ServerStatus(service="shop", name="a:1", address="a", wanted=wanted, load=load).drained == drained


def test_the_document_travels_whole() -> None:
    assert decode_status(encode_status(broken())) == broken()
