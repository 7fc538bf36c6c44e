"""Makes load on gateways and counts every request: ``python benchmarks/load.py 127.0.0.1:80 --rate 400 --seconds 30``.

The times of the requests are fixed in advance, so that a stall is seen by all that were due in it. Half of them come
over kept connections, half over new ones; GET and POST in turn. Ends at ctrl-C, too. Its status is 1 if one was lost.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "packages/flotilla/tests"))

from flotilla_load import Again, Ask, Load, Order, Result, under_load  # noqa: E402


def main() -> None:
    arguments = _arguments()
    load = Load(
        gateways=tuple(arguments.gateways),
        rate=arguments.rate,
        seconds=arguments.seconds,
        asks=tuple(
            Ask(method, arguments.path, arguments.body if method == "POST" else "", arguments.host)
            for method in arguments.methods.split(",")
        ),
        kept=arguments.kept,
        timeout_s=arguments.timeout,
        order=Order(arguments.order),
        again=Again(arguments.again),
    )
    with under_load(load) as running:
        try:
            while not running.ended:
                time.sleep(1.0)
                if sys.stderr.isatty():
                    counts = running.counts
                    sys.stderr.write(f"\r{counts.answered} answered, {counts.lost} lost ")
        except KeyboardInterrupt:
            running.stop()
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    result = running.result
    sys.stdout.write(_json(result) if arguments.json else f"{result.text()}\n{_copies(result)}\n")
    sys.exit(1 if result.lost else 0)


def _copies(result: Result) -> str:
    return "\n".join(f"{name:<24}{sum(line):>8}" for name, line in result.timeline(lambda copy: copy).items())


def _json(result: Result) -> str:
    document = {
        "requests": len(result.answers),
        "lost": len(result.lost),
        "outcomes": {outcome.name.lower(): count for outcome, count in sorted(result.outcomes.items())},
        "races": result.races,
        "closed_idle": result.idle_closed,
        "p50_s": result.quantile_s(0.5),
        "p99_s": result.quantile_s(0.99),
        "longest_stall_s": result.stall_s,
        "generator_late_s": result.late_s,
        "generator_of_a_core": result.cpu,
        "timeline_100ms": result.timeline(),
    }
    return msgspec.json.encode(document).decode() + "\n"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gateways", nargs="+", metavar="ADDRESS:PORT", help="one or more gateways")
    parser.add_argument("--rate", type=float, default=400.0, help="requests a second (400)")
    parser.add_argument("--seconds", type=float, help="for how long; without it, until ctrl-C")
    parser.add_argument("--path", default="/", help="what is asked for (/)")
    parser.add_argument("--host", default="", help="the Host header, where services are routed by it")
    parser.add_argument("--methods", default="GET,POST", help="the mix, such as GET,GET,POST (GET,POST)")
    parser.add_argument("--body", default="request {n}", help="of a POST; {n} is the request's number")
    parser.add_argument("--kept", type=float, default=0.5, help="the share over kept connections (0.5)")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds that a client waits (10)")
    parser.add_argument("--order", choices=list(Order), default=Order.IN_TURN, help="of several gateways")
    parser.add_argument("--again", choices=list(Again), default=Again.NEVER, help="what the next gateway is asked")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    return parser.parse_args()


if __name__ == "__main__":
    main()
