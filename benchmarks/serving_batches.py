"""Batches: predictions beside single ones, shipments kept durably, and predictions while shipments stream in."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import msgspec
import synthetic
from serving_forest import ORDERS
from serving_load import CONNECTIONS, Load, disk, load, write_bodies
from serving_one import BODIES, import_, request_of
from serving_process import autoship
from serving_shipments import Sent, Shipments, Stream, floor, send
from serving_table import Section, Table, Target, spread

BATCH = 500
SPOILT = '"error":'
"""What an answer has in it where an order of a batch was not predicted."""

SENDERS = 4
BATCHES_SENT = 10
STREAMED = 100


class Rounds(msgspec.Struct):
    """What each round gave: loads, and records a second."""

    single: list[Load] = []
    batched: list[Load] = []
    streaming: list[Load] = []
    streamed: list[float] = []
    one_sender: list[Sent] = []
    senders: list[Sent] = []
    floor: list[float] = []


def measure(folder: Path, rounds: int, seconds: int) -> Section:
    """All of it in turn, round after round, on one server and one customer."""
    records = synthetic.customer(ORDERS + BODIES)
    orders = [request_of(record) for record in records[ORDERS:]]
    single = write_bodies(orders, folder / "batches-single.ndjson")
    starts = range(0, len(orders), BATCH)
    together = [b'{"orders":[%b]}' % b",".join(orders[start : start + BATCH]) for start in starts]
    batched = write_bodies(together, folder / "batches.ndjson")
    shipments = Shipments(records)
    found = Rounds()
    with autoship(import_(records[:ORDERS], folder / "batches.db"), folder / "batches.log") as server:
        load(server, single, 1)
        for number in range(rounds):
            found.single.append(load(server, single, seconds))
            found.batched.append(
                load(server, batched, seconds, path="/v1/predictions", connections=SENDERS, lacks=SPOILT)
            )
            found.one_sender.append(send(server, _batches(shipments)))
            found.senders.append(send(server, _batches(shipments), SENDERS))
            found.floor.append(floor(_batches(shipments), folder / "floor.db"))
            with Stream(server, shipments, STREAMED) as stream:
                found.streaming.append(load(server, single, seconds))
            found.streamed.append(stream.acknowledged / stream.seconds)
            print(f"batches: round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return _section(found, seconds, disk(folder))


def _batches(shipments: Shipments) -> list[bytes]:
    return [shipments.batch(BATCH) for _ in range(BATCHES_SENT)]


def _section(found: Rounds, seconds: int, where: str) -> Section:
    singly = [each.requests_per_s for each in found.single]
    batched = [each.requests_per_s * BATCH for each in found.batched]
    streaming = [each.requests_per_s for each in found.streaming]
    kept = [each.records_per_s for each in found.senders]
    cpu_us = [each.cpu_us for each in found.senders]
    rows = [
        ("orders predicted, one a request", *_loads(found.single), ""),
        (f"orders predicted, {BATCH} a request", *_loads(found.batched, BATCH), spread(_ratios(batched, singly))),
        (
            "the same one a request, while shipments stream in",
            *_loads(found.streaming),
            spread(_ratios(streaming, singly)),
        ),
        ("the shipments that streamed in meanwhile", spread(found.streamed), "", "", "", "", ""),
        (f"shipments kept, {BATCH} a request, one sender", *_sent(found.one_sender), ""),
        (
            f"shipments kept, {BATCH} a request, {SENDERS} senders",
            *_sent(found.senders),
            spread(_ratios(kept, found.floor)),
        ),
        ("their lines put into bare SQLite", spread(found.floor), "", "", "", "", ""),
    ]
    slower = [one.p99_ms / two.p99_ms for one, two in zip(found.streaming, found.single, strict=True)]
    return Section(
        "Batches and shipments",
        f"One customer of {ORDERS:,} orders, which grows by what is sent. Single orders come over {CONNECTIONS} "
        f"connections, batches over {SENDERS}. A shipment is on the disk and learned before it is acknowledged; they "
        f"stream in {STREAMED} a request, by one sender without a pause. {len(singly)} rounds of {seconds} s. SQLite "
        f"is on {where}. Ratios are to the first line; of shipments, to the last.",
        Table(("", "a second", "p50 ms", "p99 ms", "CPU µs each", "of a core", "ratio"), rows),
        [
            Target("orders/s in batches, of single ones", median(_ratios(batched, singly)), "times", at_least=2),
            Target("the same by CPU", median(_by_cpu(found)), "times", at_least=2),
            Target("shipments kept durably", median(kept), "records/s", at_least=3_000),
            Target("what a core of its own would allow", 1e6 / median(cpu_us), "records/s", at_least=3_000),
            Target("p99 of predictions while shipments stream in", median(slower), "times"),
        ],
        found,
    )


def _loads(loads: Sequence[Load], orders: int = 1) -> tuple[str, ...]:
    """Cells for loads whose requests have so many orders each."""
    return (
        spread([each.requests_per_s * orders for each in loads]),
        spread([each.p50_ms for each in loads]),
        spread([each.p99_ms for each in loads]),
        spread([each.cpu_us / orders for each in loads]),
        f"{median(each.core for each in loads):.0%}",
    )


def _sent(sent: Sequence[Sent]) -> tuple[str, ...]:
    return (
        spread([each.records_per_s for each in sent]),
        "",
        "",
        spread([each.cpu_us for each in sent]),
        f"{median(each.core for each in sent):.0%}",
    )


def _by_cpu(found: Rounds) -> list[float]:
    """How many orders are predicted in a batch for the CPU of a single one."""
    return [one.cpu_us / many.cpu_us * BATCH for one, many in zip(found.single, found.batched, strict=True)]


def _ratios(ones: Sequence[float], others: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(ones, others, strict=True)]
