"""How fast the service is, beside what others would build. Linux; ``make bench-serving`` brings all of it.

``python benchmarks/serving.py [--quick] [--only PART] [--scale SHARE] [--json] [--page]``. The server has a core of its
own, wrk another one. Interleaved rounds: on a machine that others use, trust the ratios and the CPU of a request. The
status is 0 whether or not a target is reached: the table says.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import serving_batches
import serving_customers
import serving_one
import serving_page
import serving_profile
from serving_load import machine
from serving_process import ALL_CORES, CLIENT_CORES, keep_to_client_cores
from serving_table import Section, text

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build/serving"


class Effort(msgspec.Struct, frozen=True):
    """How long it may take."""

    rounds: int
    seconds: int
    scale: float


FULL, QUICK = Effort(7, 5, 1.0), Effort(3, 2, 0.05)


def main() -> None:
    arguments = _arguments()
    effort = QUICK if arguments.quick else FULL
    if arguments.scale is not None:
        effort = msgspec.structs.replace(effort, scale=arguments.scale)
    FOLDER.mkdir(parents=True, exist_ok=True)
    keep_to_client_cores()
    parts: dict[str, Callable[[], Section]] = {
        "one": lambda: serving_one.measure(FOLDER, effort.rounds, effort.seconds),
        "batches": lambda: serving_batches.measure(FOLDER, effort.rounds, effort.seconds),
        "customers": lambda: serving_customers.measure(FOLDER, effort.scale, effort.rounds, effort.seconds * 2),
        "profile": lambda: serving_profile.measure(FOLDER, effort.seconds * 4),
    }
    chosen = [arguments.only] if arguments.only else list(parts)
    begin = machine()
    sections = {name: parts[name]() for name in chosen}
    about = _about(begin, machine())
    if arguments.page:
        serving_page.fill(sections, about)
    if arguments.json:
        document = {"about": about, "sections": msgspec.to_builtins(sections)}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        sys.stdout.write("\n\n".join([about, *map(text, sections.values())]) + "\n")


def _about(begin: str, end: str) -> str:
    if ALL_CORES == CLIENT_CORES:
        pinned = "one core for the server and for wrk: ratios of CPU alone mean something"
    else:
        pinned = f"wrk and the rest are pinned to core {CLIENT_CORES}, the servers may use all"
    day = datetime.now(UTC).date()
    busy = end.rpartition(" ")[2]
    return f"{day}, Python {platform.python_version()}, {begin} at the begin, {busy} at the end; {pinned}."


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds, a twentieth of the customers")
    parser.add_argument("--only", choices=["one", "batches", "customers", "profile"], help="one part of it")
    parser.add_argument("--scale", type=float, metavar="SHARE", help="a share of the many customers, such as 0.05")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--page", action="store_true", help="put the tables into docs/explanation/serving-speed.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
