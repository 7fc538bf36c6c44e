"""How right autoship is on real orders, and how fast, beside simple rules and the models that others would take.

``python benchmarks/accuracy.py [--quick] [--json] [--data DIR]``; DIR adds its ``*.ndjson.gz``. Each order is predicted
when it was placed and revealed when it shipped, or a day later; scored is the last fifth of each customer's orders. The
status is 0 whether or not a target is reached: the table says.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import msgspec
from autoship.domain.ndjson import parse_line
from autoship.domain.record import Record
from autoship.learning import CustomerModel
from autoship.replay import BaselineKey, Summary, baselines, newest, summarise, walk
from autoship.replay.summary import AUTOSHIP, Window
from autoship.replay.walk import by_customer
from peers import PEERS, right_of
from speed import Speed, measure

DATA = Path(__file__).resolve().parent.parent / "data"
ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class Target(msgspec.Struct, frozen=True):
    """What a set is held to; None where nothing was promised."""

    accuracy: float | None = None
    approved: float | None = None


class Known(msgspec.Struct, frozen=True):
    """What is known of a set: its name in the table, the key of its last baseline, its targets."""

    name: str
    key: str | None = None
    target: Target = Target()


KNOWN = {
    "indonesia-shop": Known("shop", "order.items,order.ship_to", Target(0.930, 0.90)),
    "e-manifest": Known("e-Manifest", "order.description", Target(0.810, 0.19)),
    "scms": Known("SCMS", "order.items.sku", Target(0.835)),
}


class Result(msgspec.Struct, frozen=True):
    """One set: autoship's replay, and the accuracy of each peer on the same orders, trained once and weekly."""

    known: Known
    replay: Summary
    peers: dict[str, dict[str, float]]


def main() -> None:
    arguments = _arguments()
    results = [_replayed(file) for file in _files(arguments.data)]
    speed = measure()
    if not arguments.quick:
        results = _beside_peers(results, _files(arguments.data))
    if arguments.json:
        sys.stdout.write(_document(results, speed))
    else:
        parts = [*(_table(result) for result in results), _times(speed), *([] if arguments.quick else [_settings()])]
        sys.stdout.write("\n\n".join(parts) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="leave scikit-learn's models and LightGBM out")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument(
        "--data",
        type=Path,
        default=os.environ.get("DATA") or None,
        metavar="DIR",
        help="more *.ndjson.gz; also DATA=DIR",
    )
    return parser.parse_args()


def _files(more: Path | None) -> list[Path]:
    """The shipped sets, then those of the folder, each name once."""
    if more is not None and not more.is_dir():
        sys.exit(f"{more} is no folder")
    files = [DATA / "indonesia-shop.ndjson.gz", DATA / "e-manifest.ndjson.gz"]
    found = sorted(more.glob("*.ndjson.gz")) if more is not None else []
    return [*files, *(file for file in found if file.name not in {known.name for known in files})]


def _read(file: Path) -> list[Record]:
    with gzip.open(file) as lines:
        return newest(record for line in lines if (record := parse_line(line)) is not None)


def _replayed(file: Path) -> Result:
    stem = file.name.removesuffix(".ndjson.gz")
    known = KNOWN.get(stem, Known(stem))
    key = BaselineKey(known.key) if known.key else None
    rivals = baselines(key)
    start = time.perf_counter()
    outcomes = walk(_read(file), CustomerModel, clock=time.perf_counter, rivals=rivals)
    summary = summarise(outcomes, list(rivals), baseline_key=key.paths if key else ())
    _say(f"{known.name}: replayed {summary.orders:,} orders in {time.perf_counter() - start:.0f} s")
    return Result(known, summary, {})


def _beside_peers(results: list[Result], files: list[Path]) -> list[Result]:
    """The results with the peers' accuracy: each customer and peer is a task of its own, the longest first."""
    os.environ.update(ONE_CORE)
    tasks = [
        (len(own), place, peer, own)
        for place, file in enumerate(files)
        for own in by_customer(_read(file)).values()
        for peer in PEERS
    ]
    tasks.sort(key=lambda task: -task[0])
    rights: list[dict[str, list[int]]] = [{peer: [0, 0] for peer in PEERS} for _ in files]
    start = time.perf_counter()
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(right_of, own, peer): (place, peer, own) for _, place, peer, own in tasks}
        for done, future in enumerate(as_completed(running), 1):
            place, peer, own = running[future]
            for way, right in enumerate(future.result()):
                rights[place][peer][way] += right
            name = f"{results[place].known.name}, {own[0].customer_id}, {peer}"
            _say(f"{done} of {len(tasks)} after {time.perf_counter() - start:.0f} s: {name}")
    return [_with_peers(result, right) for result, right in zip(results, rights, strict=True)]


def _with_peers(result: Result, rights: dict[str, list[int]]) -> Result:
    orders = result.replay.last_fifth.orders
    shares = {
        peer: {"once": once / orders, "weekly": weekly / orders} for peer, (once, weekly) in rights.items() if orders
    }
    return msgspec.structs.replace(result, peers=shares)


def _table(result: Result) -> str:
    window, target = result.replay.last_fifth, result.known.target
    sizes = f"{window.orders:,} of {result.replay.orders:,} orders scored, customers: {result.replay.customers:,}"
    lines = [f"{result.known.name}: {sizes}"]
    lines.append(_line("autoship", window.accuracy[AUTOSHIP], target.accuracy))
    lines += [_line(name, window.accuracy[name]) for name in result.replay.baselines]
    for peer, shares in result.peers.items():
        lines.append(_line(f"{peer}, trained once", shares["once"]))
        lines.append(_line(f"{peer}, retrained weekly", shares["weekly"]))
    lines += [
        _line("approved", window.share_approved, target.approved),
        _line("wrong among the approved", window.error_approved),
        _over("customers over the promise", window),
        _over("customers over the promise, all orders", result.replay.all),
        _line("autoship, all orders", result.replay.all.accuracy[AUTOSHIP]),
        _line("calibration error", window.ece),
    ]
    return "\n".join(lines)


def _line(name: str, value: float | None, least: float | None = None) -> str:
    text = f"  {name:<46}{'-' if value is None else f'{value:.3f}':>8}"
    if least is None:
        return text
    return f"{text}  {'ok' if value is not None and value >= least else 'short'} (at least {least:.3f})"


def _over(name: str, window: Window) -> str:
    over = len(window.customers_over)
    return f"  {name:<46}{over:>8}  {'short' if over else 'ok'} (none of {window.customers_approved:,} with approvals)"


def _times(speed: Speed) -> str:
    head = f"speed: {speed.orders:,} made-up orders of one customer, {speed.choices} choices"
    rows = [f"  {row.name:<46}{row.value:>12,.1f} {row.unit:<5}  {row.verdict()}".rstrip() for row in speed.rows]
    return "\n".join([head, *rows])


def _settings() -> str:
    return "\n".join(["the peers' settings:", *(f"  {name}: {peer.settings}" for name, peer in PEERS.items())])


def _document(results: list[Result], speed: Speed) -> str:
    sets: dict[str, Any] = {
        result.known.name: {"target": result.known.target, "replay": result.replay, "peers": result.peers}
        for result in results
    }
    document = msgspec.to_builtins({"sets": sets, "speed": speed})
    return json.dumps(document, indent=2) + "\n"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
