"""The pages as text: well-formed, escaped, with one heading and every link leading where it says."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
import pytest
from autoship.domain.outcome import Match, Outcome
from autoship.domain.prediction import Alternative, Because, LearnedFrom, Reason
from autoship.domain.scoreboard import scoreboard
from autoship.domain.summary import Numbers
from autoship.errors import InvalidInput
from autoship.pages import addresses
from autoship.pages.customer import DEGRADED, FEWEST_TO_CALIBRATE, Measured, Standing, customer_page
from autoship.pages.customers import customers_page
from autoship.pages.filters import Known
from autoship.pages.frame import POLICY
from autoship.pages.login import login_page
from autoship.pages.mistakes import MOST_MISTAKES, mistakes_page
from autoship.pages.order import MOST_VALUES, Said, order_page
from autoship.pages.predictions import predictions_page
from autoship.pages.problem import problem_page
from autoship.ports import Listed
from autoship.web.outcomes import LARGEST_SEQ, match_in
from autoship.web.page_query import Elsewhere, PageQuery, just_before
from autoship_samples import DAY, GROUND, PRIORITY, hours, outcome, record
from hypothesis import given
from hypothesis import strategies as st
from page_reader import Page

NASTY = '<script>alert("x")</script>\u202e&amp; %2F عميل'
HERE = "http://127.0.0.1:8000"


def standing(**changes: Any) -> Standing:
    plain: dict[str, Any] = {
        "customer_id": "acme",
        "orders": 200,
        "choices": 2,
        "learned_until": DAY,
        "approving": True,
        "approving_from": 0.9375,
        "alarms": 0,
        "outcomes_needed": 90,
        "outcomes_seen": 150,
        "warnings": [],
        "degraded": [],
        "max_error": 0.05,
        "audit": 0.1,
    }
    return Standing(**{**plain, **changes})


def outcomes(count: int, **changes: Any) -> list[Outcome]:
    """Every fifth is wrong."""
    return [
        outcome(n, shipment=GROUND if n % 5 == 0 else PRIORITY, approved=n % 2 == 0, **changes)
        for n in range(1, count + 1)
    ]


def measured(count: int, span: Match | None = None, **changes: Any) -> Measured:
    some = outcomes(count, **changes)
    return Measured(scoreboard(some), span or Match())


def said(**changes: Any) -> Said:
    plain: dict[str, Any] = {
        "shipment": PRIORITY,
        "confidence": 0.8,
        "approved": False,
        "prediction_id": "p1",
        "reason": Reason.UNSURE,
        "alternatives": [Alternative(GROUND, 0.1)],
        "because": [Because("12 of 14 orders to Texas went this way", 14, 12)],
        "learned_from": LearnedFrom(1_200, DAY),
    }
    return Said(**{**plain, **changes})


def listed(customer_id: str = "acme", numbers: Numbers | None = None) -> Listed:
    return Listed(customer_id, 1_234, DAY, numbers)


def every_page(name: str = "acme") -> Iterator[tuple[str, str]]:
    """Each page, in each state that it can be in, about a customer, an order, a field and values of this name."""
    choice = {name: name, "carrier": "UPS"}
    wrong = {"shipment": choice, "predicted": PRIORITY, "order_id": name}
    stands = standing(customer_id=name, warnings=[f"shipment.{name} is no choice"])
    some = Measured(scoreboard([*outcomes(300), outcome(999, **wrong)]))
    known = Known([name], [name])
    one = outcome(7, **wrong)
    full = record(name, order={name: [name, {name: {}}]}, shipment=choice, shipped={name: 1})
    yield "no customers", customers_page([], query="", after=None, more_after=None, address=HERE)
    yield "customers", customers_page([listed(name)], query="", after=None, more_after=name, address=HERE)
    yield (
        "found",
        customers_page(
            [listed(name, Numbers(9, 8, 7, 1, True))], query=name, after=name, more_after=None, address=HERE
        ),
    )
    yield "not found", customers_page([], query=name, after=None, more_after=None, address=HERE)
    yield "customer", customer_page(stands, some, HERE)
    yield "few", customer_page(stands, measured(1), HERE)
    yield "none", customer_page(stands, measured(0), HERE)
    yield "degraded", customer_page(msgspec.structs.replace(stands, degraded=list(DEGRADED)), None, HERE)
    yield "mistakes", mistakes_page(name, some.board.parts, name, Match(since=DAY))
    yield "no mistakes", mistakes_page(name, [], name, Match())
    yield (
        "predictions",
        predictions_page(name, Match(field=name, shipped=name), [one], known=known, cursor="9", older="7"),
    )
    yield "no predictions", predictions_page(name, Match(), [], known=Known(), cursor=None, older=None)
    yield "order", order_page(name, name, said=said(), said_at=DAY, record=full, outcome=one)
    yield "imported order", order_page(name, name, said=None, record=full, outcome=one)
    yield "open order", order_page(name, name, said=said(reason=None, approved=True), record=None, outcome=None)
    yield "first order", order_page(name, name, said=None, record=full, outcome=None)
    yield "login", login_page(f"/customers/{name}", "This is not the token.")
    yield "problem", problem_page("Not found", f"There is nothing at /{name}.")


PAGES = dict(every_page())
NASTY_PAGES = dict(every_page(NASTY))


@pytest.mark.parametrize(
    "html", [*PAGES.values(), *NASTY_PAGES.values()], ids=[*PAGES, *(f"nasty {n}" for n in NASTY_PAGES)]
)
def test_a_page_is_whole_and_has_one_heading_and_its_headings_in_order(html: str) -> None:
    page = Page(html)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert page.open == []
    assert len(ids) == len(set(ids))
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert [len(page.all(landmark)) for landmark in ("header", "main", "footer")] == [1, 1, 1]


@pytest.mark.parametrize("html", NASTY_PAGES.values(), ids=list(NASTY_PAGES))
def test_what_comes_from_data_is_never_markup_and_never_turns_the_text_round(html: str) -> None:
    page = Page(html)
    assert not {tag for tag, _ in page.elements} & {"script", "img", "iframe", "object", "embed", "base"}
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "\u202e" not in page.words


@pytest.mark.parametrize("html", NASTY_PAGES.values(), ids=list(NASTY_PAGES))
def test_every_link_stays_in_the_service(html: str) -> None:
    for attributes in Page(html).all("a"):
        link = urlsplit(attributes["href"])
        assert (link.scheme, link.netloc) == ("", "")
        assert " " not in attributes["href"]


@pytest.mark.parametrize("html", PAGES.values(), ids=list(PAGES))
def test_every_table_has_a_caption_and_every_heading_a_scope(html: str) -> None:
    page = Page(html)
    listings = [table for table in page.all("table") if table.get("class") == "list"]
    assert len(page.all("caption")) == len(listings)
    assert all("scope" in attributes for attributes in page.all("th"))


def test_no_script_is_allowed_and_no_style_but_the_page_s_own() -> None:
    assert POLICY.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in POLICY
    assert "script-src" not in POLICY


def links(html: str) -> dict[str, str]:
    """Addresses by the words of their links, in pages that have none within a link but words."""
    return {
        re.sub("<[^>]*>", "", words): address.replace("&amp;", "&")
        for address, words in re.findall(r'<a href="([^"]*)"[^>]*>(.*?)</a>', html)
    }


def test_from_a_customer_it_is_one_link_to_the_orders_whose_packaging_was_wrong() -> None:
    rows = [
        outcome(n, shipment={"packaging": "Box"}, predicted={"packaging": "Bag" if n % 3 else "Box"}) for n in range(30)
    ]
    found = links(customer_page(standing(), Measured(scoreboard(rows)), HERE))
    assert found["20 orders"] == addresses.predictions("acme", Match("packaging", "Box", "Bag", right=False))
    assert "/customers/acme/predictions?field=packaging&right=false" in found.values()


def test_a_span_of_time_is_in_every_link_of_the_page() -> None:
    span = Match(since=DAY, until=DAY + hours(900))
    found = links(customer_page(standing(), measured(300, span), HERE))
    inner = {words: address for words, address in found.items() if re.match("/customers/.*[?/]", address)}
    assert len(inner) > 10
    assert all("since=" in address for address in inner.values())


@pytest.mark.parametrize(
    ("stands", "words"),
    [
        (standing(), "0.9375"),
        (standing(), "Do not compare one with the other"),
        (standing(approving=False, approving_from=None, outcomes_seen=89), "1 more outcome needed"),
        (standing(approving=False, approving_from=None), "at no score were its predictions right often enough"),
        (standing(alarms=2), "2 times"),
        (standing(max_error=0.02), "The promise: at most 2.0\N{NO-BREAK SPACE}%."),
        (standing(degraded=["rebuilding"]), "the model is being built anew"),
        (standing(warnings=["shipment.n is no choice"]), "shipment.n is no choice"),
    ],
)
def test_how_a_customer_stands_is_said_in_words(stands: Standing, words: str) -> None:
    assert words in Page(customer_page(stands, measured(300), HERE)).words


def test_the_numbers_of_a_customer_are_of_what_somebody_saw() -> None:
    words = Page(customer_page(standing(), measured(100), HERE)).words
    assert "right in the whole choice: 80 of 100 predictions" in words
    assert "of the approved were wrong: 10 of 50" in words
    unseen = Page(customer_page(standing(), measured(100, decided_by="auto"), HERE)).words
    assert "Nobody looked at 100 of them" in unseen


def test_calibration_is_shown_where_it_is_not_mostly_chance() -> None:
    title = "Can its confidence be believed?"
    assert title in customer_page(standing(), measured(FEWEST_TO_CALIBRATE), HERE)
    assert title not in customer_page(standing(), measured(FEWEST_TO_CALIBRATE - 1), HERE)


def test_of_very_many_kinds_of_mistake_the_most_frequent_are_shown() -> None:
    rows = [outcome(n, shipment={"box": n}, predicted={"box": -1}) for n in range(MOST_MISTAKES + 5)]
    words = Page(mistakes_page("acme", scoreboard(rows).parts, "box", Match())).words
    assert "And 5 rarer kinds, left out here." in words


def test_of_a_very_large_order_the_first_values_are_shown() -> None:
    many = record(order={"items": [{"sku": n} for n in range(MOST_VALUES + 1)]})
    words = Page(order_page("acme", "1", said=None, record=many, outcome=None)).words
    assert f"items[{MOST_VALUES - 1}].sku" in words
    assert f"items[{MOST_VALUES}].sku" not in words


def test_an_order_tells_what_was_said_of_it_and_what_came_of_it() -> None:
    one = outcome(1, shipment=GROUND)
    words = Page(order_page("acme", "1", said=said(), said_at=DAY, record=record(shipment=GROUND), outcome=one)).words
    for told in ("Wrong", "80.0\N{NO-BREAK SPACE}%", "Not approved", "12 of 14 orders to Texas", "1,200 orders"):
        assert told in words


def test_without_customers_the_page_says_how_to_begin() -> None:
    words = Page(PAGES["no customers"]).words
    assert "autoship import" in words
    assert f"curl -s {HERE}/v1/shipments" in words


texts = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)
times = st.integers(0, 10**6).map(lambda n: DAY + hours(n) / 3600)
matches = st.builds(
    Match,
    field=st.none() | texts,
    shipped=st.none() | texts,
    predicted=st.none() | texts,
    right=st.none() | st.booleans(),
    approved=st.none() | st.booleans(),
    since=st.none() | times,
    until=st.none() | times,
)


def scope_of(address: str) -> dict[str, Any]:
    path, _, query = address.partition("?")
    return {"raw_path": path.encode(), "query_string": query.encode()}


@given(texts, matches)
def test_an_address_says_the_filters_and_nothing_else(customer_id: str, match: Match) -> None:
    address = addresses.predictions(customer_id, match, "77")
    asked = PageQuery(scope_of(address), *Match.__struct_fields__, "cursor")
    assert match_in(asked) == match
    assert asked.text("cursor") == "77"
    assert unquote(urlsplit(address).path.split("/")[2]) == customer_id


def test_fields_that_a_form_left_empty_go_from_the_address() -> None:
    with pytest.raises(Elsewhere) as elsewhere:
        PageQuery(scope_of("/customers/a%2Fb?field=&right=false&since="))
    assert elsewhere.value.address == "/customers/a%2Fb?right=false"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("rigth=false", "rigth"),
        ("right=no", "right"),
        ("right=true&right=false", "right"),
        ("since=yesterday", "since"),
        ("until=2026-01-05T10:00:00", "until"),
        ("since=1969-01-01", "since"),
        ("cursor=-1", "cursor"),
        ("cursor=%D9%A3", "cursor"),
        ("field=%FF", None),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_with_the_parameter(query: str, field: str | None) -> None:
    def read() -> None:
        asked = PageQuery(scope_of(f"/?{query}"), *Match.__struct_fields__, "cursor")
        match_in(asked)
        asked.number("cursor", 1, LARGEST_SEQ)

    with pytest.raises(InvalidInput) as refused:
        read()
    assert refused.value.field == field


def test_a_day_begins_at_midnight_utc() -> None:
    asked = PageQuery(scope_of("/?since=2026-01-05"), "since", "until")
    assert match_in(asked).since == DAY.replace(hour=0)


ids = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/"), min_size=1, max_size=6)


@given(ids, ids, st.text("ab01 \ud7ff\ue000\U0010ffff", min_size=1, max_size=4))
def test_all_ids_with_a_beginning_come_after_what_lies_just_before_it(one: str, other: str, prefix: str) -> None:
    start = just_before(prefix)
    assert start is not None or prefix == " "
    assert start is None or start < prefix
    for customer_id in (prefix, prefix + one, one, other, prefix[:-1] + one, prefix[:-1] or one):
        if customer_id.startswith(prefix):
            assert start is None or customer_id > start
        elif customer_id < prefix and start is not None:
            assert customer_id <= start


def test_an_export_asks_for_what_the_page_shows() -> None:
    address = urlsplit(addresses.export("a/b", Match(field="box", right=False), "csv"))
    assert address.path == "/v1/customers/a%2Fb/predictions"
    assert parse_qs(address.query) == {"field": ["box"], "right": ["false"], "format": ["csv"]}
