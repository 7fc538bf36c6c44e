"""Small charts as inline SVG: lines and dots over two axes, and sparklines. The colours are the page's style sheet's.

A chart is drawn on a board of 560 by 320 and scaled to the width of its place; text grows on narrow ones by the style
sheet's container query. Each has a title and a description for those who do not see it. Series are told apart by
dashes as well as by colour: classes ``series-0``, ``series-1`` and so on.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from autoship.report.markup import Markup, element, fragment, number
from autoship.report.ticks import Tick

WIDTH, HEIGHT = 560, 320
LEFT, RIGHT, TOP, BOTTOM = 80, 22, 14, 66
DASHES = (None, "7 4", "2 4", "10 4 2 4", "1 3")
CHART_STYLE = """
.chart { container-type: inline-size; }
.chart svg { display: block; width: 100%; height: auto; overflow: visible; }
.chart text { fill: var(--muted); font-size: 13px; font-family: inherit; }
.chart .grid { stroke: var(--rule); stroke-width: 1; }
.chart .line { fill: none; stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round; }
.chart .dot { stroke: var(--paper); stroke-width: 1.5; }
.level { stroke-width: 1.75; stroke: var(--warning); stroke-dasharray: 6 4; }
.chart .guide { stroke: var(--muted); stroke-width: 1.25; stroke-dasharray: 3 4; }
@container (max-width: 420px) { .chart text { font-size: 24px; } .chart .line { stroke-width: 3.5; } }
.spark { width: 7.5rem; height: 1.75rem; display: block; margin-left: auto; overflow: visible; }
.spark .line { fill: none; stroke-width: 1.75; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.series-0 { stroke: var(--series-0); } .series-1 { stroke: var(--series-1); } .series-2 { stroke: var(--series-2); }
.series-3 { stroke: var(--series-3); } .series-4 { stroke: var(--series-4); }
.dot.series-0 { fill: var(--series-0); } .dot.series-1 { fill: var(--series-1); }
.dot.series-2 { fill: var(--series-2); } .dot.series-3 { fill: var(--series-3); }
"""
"""What charts need of a style sheet, which sets ``--paper --muted --rule --warning --series-0`` to ``--series-4``."""


class Axis(msgspec.Struct, frozen=True):
    """From ``low`` at the left or bottom to ``high``; what it measures, and its ticks."""

    label: str
    low: float
    high: float
    ticks: Sequence[Tick]

    def place(self, value: float) -> float:
        """0 at ``low``, 1 at ``high``; values outside are drawn at the edge."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low))) if self.high > self.low else 0.5


class Series(msgspec.Struct, frozen=True):
    """A line through points, from left to right; ``rank`` picks its colour and dashes."""

    name: str
    points: Sequence[tuple[float, float]]
    rank: int = 0


class Dot(msgspec.Struct, frozen=True):
    """A filled circle, ``radius`` in the board's units, and what it says on hovering."""

    x: float
    y: float
    radius: float
    says: str
    rank: int = 0


class Level(msgspec.Struct, frozen=True):
    """A horizontal line that something is held against."""

    y: float
    name: str


def chart(
    name: str,
    title: str,
    description: str,
    x: Axis,
    y: Axis,
    *,
    series: Sequence[Series] = (),
    dots: Sequence[Dot] = (),
    levels: Sequence[Level] = (),
    diagonal: bool = False,
) -> Markup:
    """A chart in a ``div``. ``name`` makes its ids unique in the page; ``diagonal`` joins two corners."""
    svg = element(
        "svg",
        element("title", title, id=f"{name}-title"),
        element("desc", description, id=f"{name}-desc"),
        _axes(x, y),
        element("line", x1=LEFT, y1=HEIGHT - BOTTOM, x2=WIDTH - RIGHT, y2=TOP, class_="guide") if diagonal else None,
        [_line(each, x, y) for each in reversed(series)],
        [_level(level, y) for level in levels],
        [_dot(dot, x, y) for dot in dots],
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
    )
    return element("div", svg, class_="chart")


def legend(series: Sequence[Series], levels: Sequence[Level] = (), dots: Sequence[tuple[str, int]] = ()) -> Markup:
    """A list of what is drawn, each with a sample of it. ``dots`` are names with their rank, for dots that have one."""
    samples = [(_sample_line(f"line series-{each.rank}", _dashes(each.rank)), each.name) for each in series]
    samples += [(_sample_line("level", None), level.name) for level in levels]
    samples += [(element("circle", cx=15, cy=6, r=5, class_=f"dot series-{rank}"), name) for name, rank in dots]
    items = [
        element(
            "li", element("svg", shape, viewBox="0 0 30 12", class_="sample", aria_hidden="true"), element("span", name)
        )
        for shape, name in samples
    ]
    return element("ul", items, class_="legend")


def sparkline(values: Sequence[float], says: str, low: float = 0.0, high: float = 1.0) -> Markup:
    """A line without axes, as wide as a word or two; ``says`` describes it to those who do not see it."""
    axis = Axis("", low, high, ())
    last = max(1, len(values) - 1)
    places = [(place / last * 100, 28 - axis.place(value) * 26) for place, value in enumerate(values)]
    if len(places) == 1:
        places.append((100.0, places[0][1]))
    line = element("polyline", points=_points(places), class_="line series-0")
    return element(
        "svg",
        line,
        viewBox="0 0 100 30",
        preserveAspectRatio="none",
        class_="spark",
        role="img",
        aria_label=says,
    )


def _axes(x: Axis, y: Axis) -> Markup:
    bottom = HEIGHT - BOTTOM
    rows = [
        fragment(
            element("line", x1=LEFT, y1=_y(y, tick.value), x2=WIDTH - RIGHT, y2=_y(y, tick.value), class_="grid"),
            element("text", tick.label, x=LEFT - 8, y=_y(y, tick.value), dy="0.35em", text_anchor="end"),
        )
        for tick in y.ticks
    ]
    columns = [
        element(
            "text", tick.label, x=_x(x, tick.value), y=bottom, dy="1.35em", text_anchor=_anchor(x.place(tick.value))
        )
        for tick in x.ticks
    ]
    label = element("text", x.label, x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - BOTTOM, dy="2.7em", text_anchor="middle")
    return element("g", rows, columns, label, aria_hidden="true")


def _anchor(place: float) -> str:
    return "start" if place < 0.04 else "end" if place > 0.96 else "middle"


def _level(level: Level, y: Axis) -> Markup:
    height = _y(y, level.y)
    return element(
        "line", element("title", level.name), x1=LEFT, y1=height, x2=WIDTH - RIGHT, y2=height, class_="level"
    )


def _line(series: Series, x: Axis, y: Axis) -> Markup | None:
    places = [(_x(x, across), _y(y, up)) for across, up in series.points]
    style = f"series-{series.rank}"
    if len(places) == 1:
        return element("circle", cx=places[0][0], cy=places[0][1], r=4.0, class_=f"dot {style}")
    return element("polyline", points=_points(places), class_=f"line {style}", stroke_dasharray=_dashes(series.rank))


def _dot(dot: Dot, x: Axis, y: Axis) -> Markup:
    title = element("title", dot.says)
    return element("circle", title, cx=_x(x, dot.x), cy=_y(y, dot.y), r=dot.radius, class_=f"dot series-{dot.rank}")


def _sample_line(style: str, dashes: str | None) -> Markup:
    return element("line", x1=1, y1=6, x2=29, y2=6, class_=style, stroke_dasharray=dashes)


def _dashes(rank: int) -> str | None:
    return DASHES[rank % len(DASHES)]


def _x(axis: Axis, value: float) -> float:
    return LEFT + axis.place(value) * (WIDTH - LEFT - RIGHT)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - axis.place(value) * (HEIGHT - TOP - BOTTOM)


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{number(across)},{number(up)}" for across, up in places)
