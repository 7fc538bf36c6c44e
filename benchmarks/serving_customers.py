"""Many customers in one SQLite file: importing them, predicting for whoever comes, and starting again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec
import synthetic
from serving_load import CONNECTIONS, Load, disk, load, write_bodies
from serving_population import EXPONENT, Population, name
from serving_process import ALL_CORES, AUTOSHIP, Server, autoship, remove, url_of
from serving_shipments import Shipments, Stream, floor
from serving_table import Section, Table, Target, short

CUSTOMERS, ORDERS = 10_000, 2_000_000
BODIES = 50_000
FLOOR_BATCH, FLOOR_BATCHES = 20_000, 10
BOUND_MB, LEAST_BOUND_MB = 512, 64
"""What models may take in memory; scaled as the customers are."""

CACHES_MB = 16
"""What SQLite may keep of the file in memory, beside the models: 8 MB for each of its two connections."""

ASKED_AT_ONCE = 50
STREAMED, ACKNOWLEDGED = 200, 5_000
"""Shipments a request before the kill, and how many are acknowledged by then at least."""

DRAWN, ALONE = "customers by Zipf", "the largest customer alone"


class Start(msgspec.Struct, frozen=True):
    """What came before a start, how long until ready, and then until the first answer for the largest customer.

    ``lost`` counts its acknowledged orders that are not there any more.
    """

    after: str
    ready_s: float
    first_s: float
    lost: int


class Step(msgspec.Struct, frozen=True):
    """One stretch of load, and the memory after it."""

    name: str
    load: Load
    memory_mb: float


class Found(msgspec.Struct):
    """The numbers behind the tables."""

    records: int
    import_per_s: float = 0.0
    import_cpu_us: float = 0.0
    import_mb: float = 0.0
    floor_per_s: float = 0.0
    steps: list[Step] = []
    starts: list[Start] = []
    models: int = 0
    models_s: float = 0.0
    stop_s: float = 0.0
    ready_mb: float = 0.0
    most_mb: float = 0.0
    empty_ready_s: float = 0.0


def measure(folder: Path, scale: float, rounds: int, seconds: int) -> Section:
    """All of it, one after the other, on customers and orders times ``scale``."""
    population = Population(max(10, round(CUSTOMERS * scale)))
    found = Found(max(1_000, round(ORDERS * scale)))
    lines, history = folder / "customers.past.ndjson", folder / "customers.db"
    _say(f"writing {found.records:,} orders of {population.customers:,} customers")
    largest = population.write(found.records, lines)
    _say("importing them")
    _import(lines, history, found)
    _say("their lines into bare SQLite")
    found.floor_per_s = floor(islice(_parts(lines), FLOOR_BATCHES), folder / "floor.db")
    lines.unlink()
    drawn = write_bodies(list(population.requests(BODIES, seed=2)), folder / "customers.ndjson")
    alone = write_bodies(list(population.requests_of(0, BODIES // 10)), folder / "customers-alone.ndjson")
    log = folder / "customers.log"
    bound_mb = max(LEAST_BOUND_MB, round(BOUND_MB * scale))
    bound = {"AUTOSHIP_MEMORY_MB": str(bound_mb)}
    with autoship(history, log, bound) as server:
        found.ready_mb = server.memory_mb()
        found.starts.append(_start("the import", server, largest))
        found.steps.append(Step(f"{DRAWN}, after the import", load(server, drawn, seconds), server.memory_mb()))
        _make_models(server, population, found)
        _load(server, drawn, alone, rounds, seconds, found)
        found.most_mb = server.memory_mb("VmHWM")
        found.stop_s = server.stop()
    with autoship(history, log, bound) as server:
        found.starts.append(_start("SIGTERM", server, largest))
        step = Step(f"{DRAWN}, after SIGTERM", load(server, drawn, seconds), server.memory_mb())
        found.steps.append(step)
        kept = largest + _killed(server)
    with autoship(history, log, bound) as server:
        found.starts.append(_start("kill -9 while shipments streamed in", server, kept))
    with autoship(remove(history), log) as server:
        found.empty_ready_s = server.ready_s
    remove(history)
    return _section(found, population, bound_mb, seconds, disk(folder))


def _import(lines: Path, history: Path, found: Found) -> None:
    command = ["taskset", "--cpu-list", ALL_CORES, AUTOSHIP, "import", str(lines), "--history", url_of(remove(history))]
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    took_s = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or not said.startswith(f"{found.records:,} accepted"):
        sys.exit(f"autoship import ended with status {process.returncode}: {said}")
    found.import_per_s = found.records / took_s
    found.import_cpu_us = (usage.ru_utime + usage.ru_stime) / found.records * 1e6
    found.import_mb = usage.ru_maxrss / 1024


def _parts(lines: Path) -> Iterator[bytes]:
    with lines.open("rb") as file:
        while part := b"".join(islice(file, FLOOR_BATCH)):
            yield part


def _start(after: str, server: Server, orders: int) -> Start:
    begin = time.perf_counter()
    largest = name(0).decode()
    server.ask("GET", f"/v1/customers/{largest}")
    first_s = time.perf_counter() - begin
    (customer,) = server.ask("GET", f"/v1/customers?after={largest[:-1]}&limit=1")["customers"]
    assert customer["customer_id"] == largest
    return Start(after, server.ready_s, first_s, max(0, orders - customer["orders"]))


def _make_models(server: Server, population: Population, found: Found) -> None:
    """Has the service make the model of each customer, one after the other, by asking for a prediction of each."""
    begin = time.perf_counter()
    while found.models < population.customers:
        customers = range(found.models, min(found.models + ASKED_AT_ONCE, population.customers))
        orders = b",".join(next(population.requests_of(customer, 1)) for customer in customers)
        server.ask("POST", "/v1/predictions", b'{"orders":[%b]}' % orders)
        found.models += len(customers)
    found.models_s = time.perf_counter() - begin
    _say(f"{found.models:,} models made in {found.models_s:.0f} s, {server.memory_mb():,.0f} MB")


def _load(server: Server, drawn: Path, alone: Path, rounds: int, seconds: int, found: Found) -> None:
    """Rounds of load by customers as they come, and by the largest alone."""
    for number in range(rounds):
        for who, bodies in ((DRAWN, drawn), (ALONE, alone)):
            step = Step(f"{who}, round {number + 1}", load(server, bodies, seconds), server.memory_mb())
            found.steps.append(step)
        _say(
            f"{found.steps[-2].name}: {found.steps[-2].load.requests_per_s:,.0f}/s, {found.steps[-2].memory_mb:,.0f} MB"
        )


def _killed(server: Server) -> int:
    """Kills it in the middle of a stream of shipments for the largest customer; how many it had acknowledged."""
    records = synthetic.customer(ACKNOWLEDGED, customer_id=name(0).decode())
    with Stream(server, Shipments(records), STREAMED) as stream:
        stream.wait_for(ACKNOWLEDGED)
        server.kill()
    return stream.acknowledged


def _section(found: Found, population: Population, bound_mb: int, seconds: int, where: str) -> Section:
    rows = [
        (
            "autoship import",
            f"{found.import_per_s:,.0f}/s",
            "",
            "",
            short(found.import_cpu_us),
            f"{found.import_mb:,.0f}",
        ),
        ("the first of their lines put into bare SQLite", f"{found.floor_per_s:,.0f}/s", "", "", "", ""),
        *(_start_row(start) for start in found.starts[:1]),
        *(_step_row(step) for step in found.steps[:1]),
        (f"{found.models:,} models made from the log", f"{found.models_s:.1f} s", "", "", "", ""),
        *(_step_row(step) for step in found.steps[1:-1]),
        ("ended after SIGTERM", f"{found.stop_s:.1f} s", "", "", "", ""),
        *(_start_row(start) for start in found.starts[1:2]),
        *(_step_row(step) for step in found.steps[-1:]),
        *(_start_row(start) for start in found.starts[2:]),
        ("ready on an empty history", f"{found.empty_ready_s:.2f} s", "", "", "", ""),
    ]
    zipf = next(step.load for step in reversed(found.steps) if step.name.startswith(f"{DRAWN}, round"))
    alone = next(step.load for step in reversed(found.steps) if step.name.startswith(ALONE))
    slowest = max(start.ready_s for start in found.starts)
    return Section(
        "Many customers",
        f"{found.records:,} orders of {population.customers:,} customers, drawn by Zipf's law with exponent "
        f"{EXPONENT}, in SQLite on {where}; then predictions over {CONNECTIONS} connections, their customers drawn "
        f"likewise, in stretches of {seconds} s: after the import, when models are made on the way; and, once each was "
        f"made, in turn with the largest customer alone. AUTOSHIP_MEMORY_MB is {bound_mb}. The first answer "
        "after a start is that of GET /v1/customers/{id} for the largest customer.",
        Table(("", "", "p50 ms", "p99 ms", "CPU µs each", "memory MB"), rows),
        [
            Target("import", found.import_per_s, "records/s", at_least=8_000),
            Target("what cores of its own would allow", 1e6 / found.import_cpu_us, "records/s", at_least=8_000),
            Target("import, of bare SQLite's", found.import_per_s / found.floor_per_s, "times"),
            Target(
                "memory gained over that when first ready",
                found.most_mb - found.ready_mb,
                "MB",
                at_most=bound_mb + CACHES_MB,
            ),
            Target("p50 of customers by Zipf, last round", zipf.p50_ms, "ms"),
            Target("p99 of customers by Zipf, last round", zipf.p99_ms, "ms"),
            Target("requests/s of customers by Zipf, of one's", zipf.requests_per_s / alone.requests_per_s, "times"),
            Target("slowest start until ready", slowest, "s", at_most=2),
            Target("slowest start, of one on an empty history", slowest / found.empty_ready_s, "times"),
            Target("acknowledged records lost", sum(start.lost for start in found.starts), "", at_most=0),
        ],
        found,
    )


def _step_row(step: Step) -> tuple[str, ...]:
    load = step.load
    return (
        step.name,
        f"{load.requests_per_s:,.0f}/s",
        short(load.p50_ms),
        short(load.p99_ms),
        short(load.cpu_us),
        f"{step.memory_mb:,.0f}",
    )


def _start_row(start: Start) -> tuple[str, ...]:
    return (
        f"ready after {start.after}",
        f"{start.ready_s:.2f} s",
        f"first answer {start.first_s * 1e3:,.0f}",
        "",
        "",
        "",
    )


def _say(text: str) -> None:
    print(f"many customers: {text}", file=sys.stderr, flush=True)
