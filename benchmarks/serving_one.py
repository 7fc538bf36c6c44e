"""One prediction a request, beside a static answer and the services that others would build around a forest."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import fmean, median

import msgspec
import synthetic
from autoship.domain.record import Record
from serving_forest import ANSWER, ORDERS, TREES, write
from serving_load import CONNECTIONS, Load, load, write_bodies
from serving_process import AUTOSHIP, Server, autoship, remove, url_of
from serving_table import Section, Table, Target, short, spread

BODIES = 20_000
ASKED = 500
"""So many answers of each service are compared with what was shipped."""

HERE = Path(__file__).resolve().parent
STATIC, UVICORN, ONNX, SCIKIT, BENTOML = (
    "static answer",
    "static answer, uvicorn's own protocol",
    "FastAPI + onnxruntime",
    "FastAPI + scikit-learn",
    "BentoML + onnxruntime",
)

UNDISTURBED = 0.9
DISTURBED = " Others were on its cores meanwhile: the ratios by CPU are the ones to go by."
"""Said where autoship had less than that share of a core."""


class Stack(msgspec.Struct):
    """One service's rounds, with as many connections as the load has, and with one; and how often it was right."""

    name: str
    right: float | None
    rounds: list[Load]
    alone: list[Load]


def measure(folder: Path, rounds: int, seconds: int) -> Section:
    """All services stand ready meanwhile; each gets the load in turn, round after round."""
    records = synthetic.customer(ORDERS + BODIES)
    learned, new = records[:ORDERS], records[ORDERS:]
    write(learned, folder)
    bodies = write_bodies([request_of(record) for record in new], folder / "one-bodies.ndjson")
    history = import_(learned, folder / "one.db")
    with ExitStack() as running:
        served = [running.enter_context(server) for server in _servers(history, folder, new[0])]
        stacks = [Stack(server.name, _right(server, new[:ASKED]), [], []) for server in served]
        for server in served:
            load(server, bodies, 1)
        for number in range(rounds):
            for stack, server in zip(stacks, served, strict=True):
                stack.rounds.append(load(server, bodies, seconds))
                stack.alone.append(load(server, bodies, max(1, seconds // 4), connections=1))
            print(f"one prediction a request: round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return _section(stacks, len((folder / ANSWER).read_bytes()), seconds)


def request_of(record: Record) -> bytes:
    """The body that asks for a record's order; how it was shipped is not in it."""
    fields = ("customer_id", "order_id", "ordered_at", "order")
    return msgspec.json.encode({name: getattr(record, name) for name in fields})


def import_(records: Sequence[Record], history: Path) -> Path:
    """A new history of these records, made by ``autoship import``."""
    lines = write_bodies([msgspec.json.encode(record) for record in records], history.with_suffix(".past.ndjson"))
    command = [AUTOSHIP, "import", str(lines), "--history", url_of(remove(history))]
    subprocess.run(command, check=True, capture_output=True)
    return history


def _servers(history: Path, folder: Path, record: Record) -> Iterator[Server]:
    ours = autoship(history, folder / "autoship.log")
    ours.connection.request("POST", "/v1/prediction", request_of(record))
    (folder / ANSWER).write_bytes(ours.connection.getresponse().read())
    yield ours
    for name, peer in ((STATIC, "static"), (UVICORN, "uvicorn"), (ONNX, "onnx"), (SCIKIT, "scikit")):
        command = [sys.executable, str(HERE / "serving_peers.py"), peer, str(folder)]
        yield Server(name, command, folder / f"{peer}.log", ready=None)
    yield _bentoml(folder)


def _bentoml(folder: Path) -> Server:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    tool = Path(sys.executable).parents[1] / "bentoml/bin/bentoml"
    if not tool.exists():
        sys.exit("BentoML is missing: scripts/bootstrap --installed serving brings it")
    return Server(
        BENTOML,
        [str(tool), "serve", "serving_bentoml:Shipping", "--port", str(port), "--working-dir", str(HERE)],
        folder / "bentoml.log",
        environment={
            "FOREST": str(folder),
            "BENTOML_DO_NOT_TRACK": "True",
            "BENTOML_HOME": str(folder / "bentoml"),
            "PATH": f"{tool.parent}{os.pathsep}{os.environ['PATH']}",
        },
        url=f"http://127.0.0.1:{port}",
    )


def _right(server: Server, records: Sequence[Record]) -> float | None:
    if server.name in (STATIC, UVICORN):
        return None
    answers = [server.ask("POST", "/v1/prediction", request_of(record)) for record in records]
    return fmean(answer["shipment"] == record.shipment for answer, record in zip(answers, records, strict=True))


def _section(stacks: Sequence[Stack], size: int, seconds: int) -> Section:
    ours, *others = stacks
    core = median(each.core for each in ours.rounds)
    heads = (
        "",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "p50 ms alone",
        "CPU µs",
        "of a core",
        "right",
        "times",
        "by CPU",
    )
    return Section(
        "One prediction a request",
        f"A customer of {ORDERS:,} orders and {len(synthetic.CHOICES)} choices; {BODIES:,} different orders; "
        f"{CONNECTIONS} connections (alone: one). {len(ours.rounds)} rounds of {seconds} s, the services in turn; "
        "medians of rounds, and from the lowest to the highest. Times: how many requests autoship answers for one of "
        f"the other's in the same round, and for the same CPU. The static answer has {size:,} bytes; autoship's "
        f"server gives it, and the one that this is made of. The forest has {TREES} trees."
        f"{'' if core >= UNDISTURBED else DISTURBED}",
        Table(heads, [_row(ours, stack) for stack in stacks]),
        [
            target
            for stack, least, goal in zip(others, (0.3, None, 2, 50, None), (0.5, None, None, None, None), strict=True)
            for target in (
                Target(f"{stack.name}: requests/s", median(_by_rate(ours, stack)), "times", at_least=least, goal=goal),
                Target(f"{stack.name}: by CPU", median(_by_cpu(ours, stack)), "times"),
            )
        ],
        stacks,
    )


def _row(ours: Stack, stack: Stack) -> tuple[str, ...]:
    rounds = stack.rounds
    return (
        stack.name,
        spread([each.requests_per_s for each in rounds]),
        short(median(each.p50_ms for each in rounds)),
        short(median(each.p99_ms for each in rounds)),
        short(median(each.p50_ms for each in stack.alone)),
        short(median(each.cpu_us for each in rounds)),
        f"{median(each.core for each in rounds):.0%}",
        "" if stack.right is None else f"{stack.right:.1%}",
        "" if stack is ours else spread(_by_rate(ours, stack)),
        "" if stack is ours else short(median(_by_cpu(ours, stack))),
    )


def _by_rate(ours: Stack, other: Stack) -> list[float]:
    """How many times the other's requests autoship answers, round by round: what disturbs one may disturb both."""
    return [one.requests_per_s / two.requests_per_s for one, two in zip(ours.rounds, other.rounds, strict=True)]


def _by_cpu(ours: Stack, other: Stack) -> list[float]:
    """The same by what a request costs: whoever else is on the core hardly changes it."""
    return [two.cpu_us / one.cpu_us for one, two in zip(ours.rounds, other.rounds, strict=True)]
