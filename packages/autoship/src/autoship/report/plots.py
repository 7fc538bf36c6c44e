"""The page's three plots of a replay, each with its legend, its words and its numbers as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence

from autoship.replay.calibration import Bin
from autoship.replay.summary import AUTOSHIP, Summary
from autoship.report.markup import Markup, element, fragment
from autoship.report.svg import Axis, Dot, Level, Series, chart, legend
from autoship.report.ticks import round_steps, share_ticks, time_ticks
from autoship.report.words import count, percent

METHODS = {
    AUTOSHIP: "autoship",
    "commonest": "always the commonest choice",
    "last": "the same as last time",
    "last for the same key": "the same as last time for an order like it",
}
"""What a method does, in a shipper's words."""

LARGEST_DOT, SMALLEST_DOT = 14.0, 4.5


def accuracy_over_time(summary: Summary) -> Markup | None:
    """How many were right in consecutive stretches, autoship beside the baselines. None where nothing was measured."""
    stretches = summary.over_time
    if not stretches:
        return None
    middles = [(s.first_ordered_at.timestamp() + s.last_ordered_at.timestamp()) / 2 for s in stretches]
    names = [AUTOSHIP, *summary.baselines]
    series = [
        Series(
            METHODS.get(name, name), [(at, s.accuracy[name]) for at, s in zip(middles, stretches, strict=True)], rank
        )
        for rank, name in enumerate(names)
    ]
    first, last = stretches[0].first_ordered_at, stretches[-1].last_ordered_at
    x = Axis("when the order was placed", first.timestamp(), last.timestamp(), time_ticks(first, last, 3))
    worst = min(share for s in stretches for share in s.accuracy.values())
    y = share_axis(math.floor(worst * 5) / 5, 1.0)
    told = ", ".join(f"{METHODS.get(name, name)}: {percent(summary.all.accuracy[name])}" for name in names)
    title = "Share of orders foreseen, over time"
    drawn = chart(
        "time", title, f"Over all orders, {told}. Each point is a stretch.", x, y,
        series=series,
    )  # fmt: skip
    rows = [
        (f"{s.first_ordered_at:%Y-%m-%d} to {s.last_ordered_at:%Y-%m-%d}", f"{s.orders:,}", *_cells(s.accuracy, names))
        for s in stretches
    ]
    words = f"Each point stands for about {count(stretches[0].orders, 'order')}. Higher is better."
    return fragment(
        element("p", words),
        legend(series),
        drawn,
        numbers(
            title,
            ("placed", "orders", *(METHODS.get(name, name) for name in names)),
            rows,
        ),
    )


def risk_against_coverage(summary: Summary) -> Markup | None:
    """How much would be wrong for every share approved, with the promise and where autoship stood."""
    points, window = summary.coverage, summary.last_fifth
    if not points:
        return None
    top = ceiling(max(summary.max_error * 2, *(point.risk for point in points)))
    line = Series("if the surest orders were approved", [(point.coverage, point.risk) for point in points])
    promise = Level(summary.max_error, f"the promise: at most {percent(summary.max_error)} wrong")
    dots = []
    standing = "Nothing was approved."
    if window.share_approved and window.error_approved is not None:
        approved, wrong = percent(window.share_approved), percent(window.error_approved)
        standing = f"What autoship did: {approved} approved, {wrong} of that wrong."
        dots.append(Dot(window.share_approved, window.error_approved, 8, standing, 1))
    title = "Wrong among the approved, by how much is approved"
    drawn = chart(
        "risk",
        title,
        f"{standing} Approving everything that could be predicted: {percent(points[-1].risk)} wrong.",
        Axis("share approved, the surest first", 0.0, 1.0, share_ticks(0.0, 1.0, 3)),
        share_axis(0.0, top),
        series=[line],
        dots=dots,
        levels=[promise],
    )
    rows = [(percent(p.coverage), percent(p.risk), f"{p.confidence:.3f}") for p in points]
    words = f"From left to right, ever less sure orders would be approved too, and more of them be wrong. {standing}"
    return fragment(
        element("p", words),
        legend([line], [promise], [("what autoship did", 1)] if dots else ()),
        drawn,
        numbers(
            title,
            ("approved", "wrong", "confidence of the least sure"),
            rows,
        ),
    )


def reliability(bins: Sequence[Bin], error: float | None) -> Markup | None:
    """Whether a confidence means what it says: the share right for what was said, each dot as large as its bin.

    ``error`` is the expected calibration error of the same orders.
    """
    if not bins or error is None:
        return None
    most = max(each.orders for each in bins)
    dots = [
        Dot(
            each.confidence,
            each.accuracy,
            max(SMALLEST_DOT, LARGEST_DOT * math.sqrt(each.orders / most)),
            f"{count(each.orders, 'order')}: said {percent(each.confidence)}, right {percent(each.accuracy)}",
        )
        for each in sorted(bins, key=lambda each: -each.orders)
    ]
    title = "Share right, by what autoship said"
    drawn = chart(
        "reliability",
        title,
        f"On average what it said was {error * 100:.1f} points away from what came true.",
        Axis("how sure autoship was", 0.0, 1.0, share_ticks(0.0, 1.0, 3)),
        share_axis(0.0, 1.0),
        dots=dots,
        diagonal=True,
    )
    rows = [
        (f"{percent(b.low)} to {percent(b.high)}", f"{b.orders:,}", percent(b.confidence), percent(b.accuracy))
        for b in bins
    ]
    words = (
        "Where it says that 90 of 100 will be right, are 90 right? On the dashed line, exactly; below it, it was too "
        f"sure. Larger dots are more orders. On average it was {error * 100:.1f} points off."
    )
    return fragment(
        element("p", words),
        drawn,
        numbers(title, ("confidence", "orders", "said, on average", "right"), rows),
    )


def numbers(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """The numbers of the plot of this title as a table, folded away."""
    table = element(
        "table",
        element("thead", element("tr", [element("th", head, scope="col") for head in heads])),
        element("tbody", [_row(row) for row in rows]),
    )
    region = element("div", table, class_="scroll", tabindex="0", role="region", aria_label=f"The numbers of: {title}")
    return element("details", element("summary", "The numbers"), region)


def _row(row: Sequence[str]) -> Markup:
    return element("tr", element("th", row[0], scope="row"), [element("td", cell) for cell in row[1:]])


def _cells(shares: dict[str, float], names: Sequence[str]) -> list[str]:
    return [percent(shares[name]) for name in names]


def share_axis(low: float, high: float) -> Axis:
    """The axis of a share, from ``low`` to ``high``."""
    return Axis("", low, high, share_ticks(low, high))


def ceiling(share: float) -> float:
    """The end of an axis that holds this share, at a tick."""
    steps = round_steps(0.0, share)
    step = steps[1] - steps[0] if len(steps) > 1 else share
    return min(1.0, math.ceil(share / step - 1e-9) * step)
