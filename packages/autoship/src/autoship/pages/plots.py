"""A customer's plots over time, each with its words and its numbers as a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec

from autoship.domain.outcome import Match
from autoship.domain.scoreboard import Stretch, Tally
from autoship.pages import addresses
from autoship.report.markup import Markup, element, fragment
from autoship.report.plots import ceiling, numbers, share_axis
from autoship.report.svg import Axis, Level, Series, chart, legend
from autoship.report.ticks import Tick, time_ticks
from autoship.report.words import count, percent

AXIS = "when it was known what was shipped"
CHARACTER = 0.03
"""The width of a label's character on a telephone, as a share of the axis."""


def right_over_time(customer_id: str, stretches: Sequence[Stretch], whole: Tally) -> Markup | None:
    """The share right in each stretch beside the baseline. None where nobody looked at anything."""
    right = _series("autoship", stretches, lambda tally: tally.accuracy, 0)
    baseline = _series("always its commonest choice", stretches, lambda tally: tally.baseline, 1)
    if not right.points:
        return None
    worst = min(up for series in (right, baseline) for _, up in series.points)
    title = "Share of orders predicted right, over time"
    drawn = chart(
        "right",
        title,
        f"Over all of them, autoship: {percent(whole.accuracy)}; {baseline.name}: {percent(whole.baseline)}.",
        _time(stretches),
        share_axis(min(0.8, math.floor(worst * 5) / 5), 1.0),
        series=[right, baseline],
    )
    rows = [
        (_from_to(customer_id, s), f"{s.tally.seen:,}", percent(s.tally.accuracy), percent(s.tally.baseline))
        for s in stretches
    ]
    return fragment(
        element("p", f"Of the whole choice. Higher is better. {_each_point(stretches)}"),
        legend([right, baseline]),
        drawn,
        numbers(title, ("known", "orders", right.name, baseline.name), rows),
    )


def wrong_over_time(customer_id: str, stretches: Sequence[Stretch], whole: Tally, max_error: float) -> Markup | None:
    """The share wrong among the approved in each stretch, with the promise. None where nothing was approved."""
    wrong = _series("wrong among the approved", stretches, lambda tally: tally.risk, 0)
    if not wrong.points:
        return None
    promise = Level(max_error, f"the promise: at most {percent(max_error)}")
    title = "Share wrong among the approved, over time"
    drawn = chart(
        "wrong",
        title,
        f"Over all of them, {percent(whole.risk)}: {whole.approved_wrong:,} of {whole.proved:,}. {promise.name}.",
        _time(stretches),
        share_axis(0.0, ceiling(max(2 * max_error, *(up for _, up in wrong.points)))),
        series=[wrong],
        levels=[promise],
    )
    rows = [
        (_from_to(customer_id, s), f"{s.tally.proved:,}", _wrong(customer_id, s), percent(s.tally.risk))
        for s in stretches
    ]
    words = (
        "Lower is better. The promise is about what is approved while its ways are stable: a single point may lie "
        "above it by chance, or when its ways have just changed."
    )
    return fragment(
        element("p", words),
        legend([wrong], [promise]),
        drawn,
        numbers(title, ("known", "approved", "of these wrong", "share wrong"), rows),
    )


def approved_over_time(customer_id: str, stretches: Sequence[Stretch], whole: Tally) -> Markup | None:
    """The share approved in each stretch: what nobody would have had to look at."""
    approved = _series("approved", stretches, lambda tally: tally.coverage, 0)
    if not approved.points:
        return None
    title = "Share approved, over time"
    drawn = chart(
        "approved",
        title,
        f"Over all of them, {percent(whole.coverage)}: {whole.approved:,} of {whole.orders:,}.",
        _time(stretches),
        share_axis(0.0, 1.0),
        series=[approved],
    )
    rows = [
        (_from_to(customer_id, s), f"{s.tally.orders:,}", f"{s.tally.approved:,}", percent(s.tally.coverage))
        for s in stretches
    ]
    return fragment(
        element("p", "Where nobody would have had to look. It starts at nothing: approving waits for evidence."),
        drawn,
        numbers(title, ("known", "orders", "approved", "share approved"), rows),
    )


def _series(name: str, stretches: Sequence[Stretch], share: Callable[[Tally], float | None], rank: int) -> Series:
    points = [(s.middle.timestamp(), value) for s in stretches if (value := share(s.tally)) is not None]
    return Series(name, points, rank)


def _time(stretches: Sequence[Stretch]) -> Axis:
    first, last = stretches[0].middle, stretches[-1].middle
    axis = Axis(AXIS, first.timestamp(), last.timestamp(), ())
    ticks: list[Tick] = []
    end = 0.0
    for tick in time_ticks(first, last, 3):
        width = len(tick.label) * CHARACTER
        left = min(1 - width, max(0.0, axis.place(tick.value) - width / 2))
        if left >= end:
            ticks.append(tick)
            end = left + width
    return msgspec.structs.replace(axis, ticks=ticks)


def _from_to(customer_id: str, stretch: Stretch) -> Markup:
    first, last = f"{stretch.since:%Y-%m-%d}", f"{stretch.last:%Y-%m-%d}"
    match = Match(since=stretch.since, until=stretch.until)
    words = first if first == last else f"{first} to {last}"
    return element("a", words, href=addresses.predictions(customer_id, match))


def _wrong(customer_id: str, stretch: Stretch) -> str:
    wrong = stretch.tally.approved_wrong
    match = Match(right=False, approved=True, since=stretch.since, until=stretch.until)
    return element("a", f"{wrong:,}", href=addresses.predictions(customer_id, match)) if wrong else "0"


def _each_point(stretches: Sequence[Stretch]) -> str:
    if len(stretches) == 1:
        return f"One point, for {count(stretches[0].tally.orders, 'order')}."
    return f"Each point stands for about {count(stretches[0].tally.orders, 'order')}."
