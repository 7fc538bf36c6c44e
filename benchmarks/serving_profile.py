"""Where the time of one prediction goes: the service under load, looked at from outside some dozens of times a second.

The kernel says how much CPU each thread used while nobody looked on, py-spy what the event loop's thread does with it.
A moment belongs to the first frame, from the innermost out, that `PARTS` has a name for. Waiting does not count.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import synthetic
from autoship.report.markup import Markup, element
from serving_forest import ORDERS
from serving_load import load, write_bodies
from serving_one import BODIES, import_, request_of
from serving_process import CLIENT_CORES, Server, autoship
from serving_table import Section, Table

RATE = 50
MAIN = "MainThread"
WAITING = re.compile(r"epoll_|pthread_cond_")
"""Where a thread waits for requests, or for its turn: no CPU is used."""

ELSEWHERE = "the event loop and its sockets (uvloop, the kernel)"
IN_THREADS = "keeping predictions: SQLite, in a thread of its own"
PARTS: tuple[tuple[str, str], ...] = (
    (r"[/(](flatten|contexts)\.(py|c):", "learner: what the order says, and what was seen of that before"),
    (r"[/(](reasons|window)\.(py|c):", "learner: the reasons, in words"),
    (r"[/(](approval|calibration)\.(py|c):", "learner: how sure, and whether that is enough"),
    (r"autoship/learning/|\((model|table|kernel)\.c:", "learner: the prediction"),
    (r"autoship/domain/|\((record|request|strict_json)\.c:", "reading and checking the order (msgspec, our own rules)"),
    (r"autoship/(service/given|adapters/)", "keeping predictions: in the event loop"),
    (r"[/(]answer\.(py|c):", "the answer: its parts"),
    (r"RequestResponseCycle\.send |autoship/web/(cork|response)\.py", "HTTP: writing the response (the kernel, too)"),
    (r"uvicorn/|autoship/web/(connection|server)\.py", "HTTP: parsing the request (uvicorn, httptools)"),
    (r"autoship/web/", "the endpoint, ids and counters of a request"),
    (r"autoship/", "whose model, the time, the answer as JSON (msgspec)"),
)
"""A pattern of a frame, and what is going on there: the first that fits. Compiled modules are told by their C files."""

ROW, BAR_HEIGHT, LABEL, WIDTH = 26, 16, 470, 900
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1b1f24; } rect { fill: #0b57d0; } .thread { fill: #b35900; }
@media (prefers-color-scheme: dark) { text { fill: #e8eaed; } rect { fill: #82b1ff; } .thread { fill: #ffb870; } }
"""


class Part(msgspec.Struct, frozen=True):
    """One thing that is done for each request, and the CPU that it takes."""

    name: str
    cpu_us: float
    thread: bool = False


def measure(folder: Path, seconds: int) -> Section:
    """The parts as a table and as a picture."""
    records = synthetic.customer(ORDERS + BODIES)
    history = import_(records[:ORDERS], folder / "profile.db")
    bodies = write_bodies([request_of(record) for record in records[ORDERS:]], folder / "profile.ndjson")
    with autoship(history, folder / "profile.log", watched=True) as server:
        load(server, bodies, 2)
        loop_us, threads_us = _cpu_us(server, bodies, seconds)
        watching = _watch(server, folder / "profile.raw", seconds)
        load(server, bodies, seconds)
        if watching.wait():
            sys.exit("py-spy could not look into the service: run this as root")
    return _section(_parts(_counts((folder / "profile.raw").read_text()), loop_us, threads_us))


def _cpu_us(server: Server, bodies: Path, seconds: int) -> tuple[float, float]:
    """The CPU of one request in the event loop's thread, the process's first, and in all others. Nobody looks on."""
    before = server.threads_s()
    requests = load(server, bodies, seconds).requests_per_s * seconds
    used_s = {thread: used - before.get(thread, 0.0) for thread, used in server.threads_s().items()}
    in_loop_s = used_s[server.pid]
    return in_loop_s / requests * 1e6, (sum(used_s.values()) - in_loop_s) / requests * 1e6


def _watch(server: Server, out: Path, seconds: int) -> subprocess.Popen[bytes]:
    command = [
        str(Path(sys.executable).with_name("py-spy")),
        "record",
        "--pid",
        str(server.pid),
        "--threads",
        "--native",
    ]
    command += ["--format", "raw", "--rate", str(RATE), "--duration", str(max(1, seconds - 1)), "--output", str(out)]
    return subprocess.Popen(
        ["taskset", "--cpu-list", CLIENT_CORES, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _counts(raw: str) -> Counter[str]:
    """How often the event loop's thread was seen at what. py-spy's lines are frames, outermost first, and a count."""
    counts: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, seen = line.rpartition(" ")
        thread, *frames = stack.split(";")
        if MAIN in thread and not any(WAITING.match(frame) for frame in frames[-2:]):
            counts[_part(frames)] += int(seen)
    return counts


def _part(frames: Sequence[str]) -> str:
    for frame in reversed(frames):
        for pattern, name in PARTS:
            if re.search(pattern, frame):
                return ELSEWHERE if "autoship/cli/" in frame else name
    return ELSEWHERE


def _parts(counts: Mapping[str, int], loop_us: float, threads_us: float) -> list[Part]:
    seen = sum(counts.values())
    parts = [Part(name, loop_us * number / seen) for name, number in counts.items()]
    parts.append(Part(IN_THREADS, threads_us, thread=True))
    return sorted(parts, key=lambda part: -part.cpu_us)


def _section(parts: Sequence[Part]) -> Section:
    total = sum(part.cpu_us for part in parts)
    rows = [(part.name, f"{part.cpu_us:.1f}", f"{part.cpu_us / total:.0%}") for part in parts]
    return Section(
        "Where the time goes",
        f"CPU of one prediction: {total:.0f} µs.",
        Table(("", "CPU µs", "of all"), [*rows, ("all", f"{total:.1f}", "")]),
        [],
        parts,
        picture(parts),
    )


def picture(parts: Sequence[Part]) -> Markup:
    """A bar for each part, as an SVG file of its own."""
    most = max(part.cpu_us for part in parts)
    bars = []
    for place, part in enumerate(parts):
        y = 10 + place * ROW
        width = part.cpu_us / most * (WIDTH - LABEL - 70)
        bars += [
            element("text", part.name, x=LABEL - 10, y=y + BAR_HEIGHT - 3, text_anchor="end"),
            element(
                "rect", x=LABEL, y=y, width=width, height=BAR_HEIGHT, rx=2, class_="thread" if part.thread else None
            ),
            element("text", f"{part.cpu_us:.1f} µs", x=LABEL + width + 8, y=y + BAR_HEIGHT - 3),
        ]
    return element(
        "svg",
        element("title", "Where the CPU time of one prediction goes"),
        element("desc", "; ".join(f"{part.name}: {part.cpu_us:.1f} µs" for part in parts)),
        element("style", Markup(STYLE)),
        bars,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {20 + len(parts) * ROW}",
        role="img",
    )
