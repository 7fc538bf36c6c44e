"""Requests by host over time around each fault: one panel a fault, one line a host, as an SVG file of its own."""

from __future__ import annotations

from collections.abc import Sequence

from autoship.report.markup import Markup, element
from gateway_reactions import BEFORE_S, SHOWN_S, Reaction

WIDTH, PANEL, LEFT, RIGHT, TOP = 900, 130, 60, 150, 26
DASHES = (None, "7 4", "2 4", "10 4 2 4", "1 3")
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #333; }
.axis, .fault { stroke: #999; stroke-width: 1; } .fault { stroke: #b00; stroke-dasharray: 4 3; }
polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
.h0 { stroke: #1b6ca8; } .h1 { stroke: #d9822b; } .h2 { stroke: #2e8540; } .h3 { stroke: #7b4ea3; }
.lost { stroke: #b00; }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd; } .axis { stroke: #777; }
  .h0 { stroke: #6cb4ee; } .h1 { stroke: #f0a860; } .h2 { stroke: #6cc77f; } .h3 { stroke: #b897d9; }
}
"""


def picture(reactions: Sequence[Reaction]) -> Markup:
    """All panels, one below the other."""
    hosts = sorted({host for one in reactions for host in one.lines})
    height = TOP + len(reactions) * PANEL + 20
    return element(
        "svg",
        element("title", "Requests sent to each host in steps of 100 ms, around each fault"),
        element("desc", "; ".join(_says(one) for one in reactions)),
        element("style", Markup(STYLE)),
        [_panel(one, hosts, TOP + place * PANEL) for place, one in enumerate(reactions)],
        element("text", f"{-BEFORE_S:g} s", x=LEFT, y=height - 6, text_anchor="middle"),
        element("text", "the fault", x=_x(0), y=height - 6, text_anchor="middle"),
        element("text", f"+{SHOWN_S:g} s", x=WIDTH - RIGHT, y=height - 6, text_anchor="middle"),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {height}",
        role="img",
    )


def _panel(one: Reaction, hosts: Sequence[str], top: float) -> Markup:
    most = max((count for line in one.lines.values() for count in line), default=1)
    bottom = top + PANEL - 36
    lines = []
    for host, line in one.lines.items():
        rank = hosts.index(host)
        points = " ".join(
            f"{_x(step / 10 - BEFORE_S):.1f},{bottom - count / most * (PANEL - 56):.1f}"
            for step, count in enumerate(line)
        )
        style = "lost" if host == "lost" else f"h{rank % 4}"
        lines.append(element("polyline", points=points, class_=style, stroke_dasharray=DASHES[rank % len(DASHES)]))
        lines.append(element("text", host, x=WIDTH - RIGHT + 10, y=top + 14 + 17 * list(one.lines).index(host)))
        lines.append(
            element("line", x1=WIDTH - 36, x2=WIDTH - 8, y1=top + 10 + 17 * list(one.lines).index(host),
                    y2=top + 10 + 17 * list(one.lines).index(host), class_=style, stroke_width=2,
                    stroke_dasharray=DASHES[rank % len(DASHES)])
        )  # fmt: skip
    return element(
        "g",
        element("text", one.name, x=LEFT, y=top),
        element("text", f"{most * 10}/s", x=LEFT - 8, y=top + 24, text_anchor="end"),
        element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=bottom, y2=bottom, class_="axis"),
        element("line", x1=_x(0), x2=_x(0), y1=top + 6, y2=bottom, class_="fault"),
        lines,
    )


def _says(one: Reaction) -> str:
    before = {host: sum(line[: int(BEFORE_S * 10)]) / BEFORE_S for host, line in one.lines.items()}
    after = {host: sum(line[-20:]) / 2 for host, line in one.lines.items()}
    each = ", ".join(f"{host} {before[host]:.0f}/s before and {after[host]:.0f}/s at the end" for host in one.lines)
    return f"{one.name}: {each}"


def _x(seconds: float) -> float:
    return LEFT + (seconds + BEFORE_S) / (BEFORE_S + SHOWN_S) * (WIDTH - LEFT - RIGHT)
