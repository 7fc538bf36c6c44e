"""The report: a page that stands alone and escapes what it is given, charts with round ticks, a table that lines up."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from autoship.domain.log import LogEntry
from autoship.domain.prediction import LearnedFrom, Prediction, Reason, Shipment
from autoship.domain.record import Order, Record
from autoship.replay import Summary, baselines, summarise, walk
from autoship.replay.summary import Reading
from autoship.report import page, table
from autoship.report.markup import Markup, element
from autoship.report.svg import Axis, Series, chart, sparkline
from autoship.report.ticks import round_steps, time_ticks
from autoship.report.words import count, of_hundred, percent, printable
from hypothesis import given
from hypothesis import strategies as st
from page_reader import Page

START = datetime(2025, 1, 1, tzinfo=UTC)
NASTY = '<script>alert("x")</script>&amp;\x1b[31m'


class Repeats:
    """A learner that predicts the last choice, and approves it once it has seen ten."""

    def __init__(self) -> None:
        self._last: Shipment | None = None
        self._orders = 0

    def predict(self, order: Order, ordered_at: datetime, order_id: str | None = None) -> Prediction:
        sure = self._orders >= 10
        confidence = self._orders / (self._orders + 1)
        reason = None if sure else Reason.LITTLE_EVIDENCE if self._orders else Reason.NO_HISTORY
        learned = LearnedFrom(self._orders, None)
        return Prediction(self._last, confidence, confidence, sure, reason, (), (), learned, self._orders)

    def learn(self, batch: Sequence[LogEntry]) -> Iterator[object]:
        for entry in batch:
            self._last = entry.record.shipment
            self._orders += 1
            yield self._orders


def measured(customers: int = 2, orders: int = 60, name: str = "acme", file: str = "orders.ndjson") -> Summary:
    records = [
        Record(
            customer_id=f"{name} {customer}",
            order_id=str(order),
            ordered_at=START + timedelta(days=order),
            order={},
            shipment={"carrier": "UPS" if order % 7 == 0 else "USPS", name: "x"},
        )
        for customer in range(customers)
        for order in range(orders)
    ]
    ticks = itertools.count()
    rivals = baselines()
    outcomes = walk(records, Repeats, clock=lambda: next(ticks) * 1e-6, rivals=rivals)
    reading = Reading(files=[file], records=len(records), bad=2)
    return summarise(outcomes, list(rivals), reading=reading)


def test_every_element_of_the_page_is_closed_and_every_id_is_used_once() -> None:
    whole = Page(page(measured()))
    ids = [attributes["id"] for _, attributes in whole.elements if "id" in attributes]
    assert whole.open == []
    assert len(ids) == len(set(ids))


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    whole = Page(page(measured(name="https://example.com")))
    tags = {tag for tag, _ in whole.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "base", "a", "form"}
    assert not [name for _, attributes in whole.elements for name in attributes if name in ("src", "href")]
    assert not [name for _, attributes in whole.elements for name in attributes if name.startswith("on")]
    assert "url(" not in page(measured())


def test_what_comes_from_data_is_never_markup() -> None:
    html = page(measured(name=NASTY, file=NASTY))
    assert "<script" not in html
    assert "\x1b" not in html
    assert '<script>alert("x")</script>&amp;' in Page(html).words


def test_every_plot_has_a_title_a_description_and_its_numbers() -> None:
    whole = Page(page(measured()))
    plots = [svg for svg in whole.all("svg") if "aria-labelledby" in svg]
    ids = {attributes["id"] for _, attributes in whole.elements if "id" in attributes}
    assert len(plots) == 3
    assert all(set(svg["aria-labelledby"].split()) <= ids for svg in plots)
    assert len({d["aria-label"] for d in whole.all("div") if "aria-label" in d}) == 3


def test_the_page_says_in_words_what_was_approved_and_what_of_that_was_wrong() -> None:
    summary = measured()
    words = Page(page(summary)).words
    assert summary.last_fifth.approved == 24
    assert summary.last_fifth.approved_wrong == 8
    assert "Of 100 orders that were approved without a look, 33 were wrong (8 of 24)." in words
    assert "Promise broken" in words


@pytest.mark.parametrize(("customers", "orders"), [(1, 1), (1, 2), (1, 5), (30, 3), (300, 1)])
def test_a_page_and_a_table_can_be_made_of_however_few_orders(customers: int, orders: int) -> None:
    summary = measured(customers, orders)
    assert Page(page(summary)).open == []
    assert table(summary).endswith("\n")


def test_of_nothing_there_is_still_a_page() -> None:
    summary = summarise([], ["commonest"])
    assert "0 past orders" in Page(page(summary)).words
    assert table(summary).startswith("0 orders")


def test_the_tables_columns_line_up() -> None:
    lines = table(measured(name="東京")).replace("東京", "four").split("\n\n")[1].split("\n")
    ends = {len(line) for line in lines if line.endswith(("%", "last"))}
    assert len(ends) == 1


def test_the_table_shows_every_customer_of_few_and_some_of_many() -> None:
    assert table(measured(20, 6)).count("\n  acme ") - 2 == 20
    assert table(measured(40, 6)).count("\n  acme ") - 2 == 15


def test_the_table_lets_no_control_character_through_to_the_terminal() -> None:
    assert all(character.isprintable() or character == "\n" for character in table(measured(name=NASTY)))


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_round_even_and_within_the_range(low: float, width: float) -> None:
    high = low + width
    ticks = round_steps(low, high)
    slack = width * 1e-6
    assert 2 <= len(ticks) <= 11
    assert low - slack <= ticks[0] <= ticks[-1] <= high + slack
    steps = [after - before for before, after in itertools.pairwise(ticks)]
    assert max(steps) - min(steps) <= slack
    assert f"{steps[0]:e}"[0] in "125"


@given(st.integers(0, 2_000_000_000), st.integers(0, 2_000_000_000))
def test_ticks_of_time_are_few_rising_and_within_the_range(first_s: int, span_s: int) -> None:
    first = datetime.fromtimestamp(first_s, UTC)
    last = first + timedelta(seconds=span_s)
    values = [tick.value for tick in time_ticks(first, last, 4)]
    assert 1 <= len(values) <= 5
    assert values == sorted(set(values))
    assert first.timestamp() <= values[0]
    assert values[-1] <= last.timestamp()


@pytest.mark.parametrize(
    ("days", "labels"),
    [
        (0.25, ["00:00", "03:00", "06:00"]),
        (3, ["1 Jan", "2 Jan", "3 Jan", "4 Jan"]),
        (100, ["Jan 2025", "Feb 2025", "Mar 2025", "Apr 2025"]),
        (800, ["Jan 2025", "Jul 2025", "Jan 2026", "Jul 2026", "Jan 2027"]),
    ],
)
def test_ticks_of_time_are_the_starts_of_calendar_units(days: float, labels: list[str]) -> None:
    assert [tick.label for tick in time_ticks(START, START + timedelta(days=days), 4)] == labels


def test_an_attribute_and_a_text_are_escaped_and_markup_is_not() -> None:
    assert element("b", "<&", Markup("<i></i>"), title='"<') == '<b title="&quot;&lt;">&lt;&amp;<i></i></b>'


def test_a_chart_draws_its_points_where_its_axes_say() -> None:
    axis = Axis("", 0.0, 1.0, ())
    drawn = chart("c", "t", "d", axis, axis, series=[Series("s", [(0.0, 0.0), (1.0, 1.0)])])
    assert 'points="80,254 538,14"' in drawn


def test_a_value_beyond_an_axis_is_drawn_at_its_edge_and_an_axis_of_one_value_in_its_middle() -> None:
    assert Axis("", 0.0, 1.0, ()).place(7.0) == 1.0
    assert Axis("", 3.0, 3.0, ()).place(3.0) == 0.5


def test_a_sparkline_tells_what_it_shows() -> None:
    drawn = Page(sparkline([0.5, 1.0], "right: 50 % at first"))
    assert drawn.all("svg")[0]["aria-label"] == "right: 50 % at first"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (percent(None), "\N{EN DASH}"),
        (percent(0.9312), "93.1\N{NO-BREAK SPACE}%"),
        (count(1, "order"), "1 order"),
        (count(2806, "order"), "2,806 orders"),
        (of_hundred(0.0), "none"),
        (of_hundred(0.004), "fewer than 1"),
        (of_hundred(0.021), "2"),
        (printable("a\tb"), "a\N{REPLACEMENT CHARACTER}b"),
        (printable("x" * 50, 10), "xxxxxxxxx…"),
    ],
)
def test_numbers_and_names_are_written_as_people_read_them(said: str, expected: str) -> None:
    assert said == expected
