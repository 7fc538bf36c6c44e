"""The demo: a shop's real orders, met by the real service over HTTP in the order of their times.

Imports the past, starts ``autoship serve`` on SQLite, then lives through the rest: each order is predicted when it was
placed, and its shipment is sent in when it became known, never sooner. Says what was right beside the baselines, what
was approved, shows two predictions with their reasons, and leaves the report of ``autoship replay``.
"""

from __future__ import annotations

import gzip
import heapq
import statistics
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import click
import msgspec
from autoship.domain.record import Record, parse_record
from autoship.replay.baselines import COMMONEST, LAST, LAST_SAME_KEY, BaselineKey, baselines
from demo_service import AUTOSHIP, Service

ROOT = Path(__file__).resolve().parent.parent
KEY = "order.items,order.ship_to"
WIDTH = 100
NAMES = {
    COMMONEST: "its commonest choice",
    LAST: "its last choice",
    LAST_SAME_KEY: "its last for the same items and city",
}


class Met(NamedTuple):
    """One order, what the service said of it, what the baselines said, and how long the service took."""

    record: Record
    answer: dict[str, Any]
    rivals: list[dict[str, Any] | None]
    took_s: float

    @property
    def right(self) -> bool:
        return bool(self.answer["shipment"] == self.record.shipment)


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), default=ROOT / "data/indonesia-shop.ndjson.gz")
@click.option("--from", "start", metavar="DAY", default="2025-03-01", help="Orders before this day are imported.")
@click.option("--limit", type=int, help="Only the first so many orders of the file.")
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "build/demo", help="What it leaves behind.")
def demo(data: Path, start: str, limit: int | None, out: Path) -> None:
    """Real orders, predicted by the real service over HTTP."""
    out.mkdir(parents=True, exist_ok=True)
    day = datetime.fromisoformat(start).replace(tzinfo=UTC)
    with gzip.open(data) as lines:
        records = [parse_record(msgspec.json.decode(line)) for line in lines][:limit]
    past = [record for record in records if record.known_at < day]
    under_way = [record for record in records if record.ordered_at < day <= record.known_at]
    rest = [record for record in records if record.ordered_at >= day]
    click.echo(f"{len(records):,} real orders of {len({r.customer_id for r in records})} shop (data/README.md).\n")

    history = import_past(past, out)
    with Service(history, out / "serve.log") as service:
        met = live_through(service, past, under_way, rest)
        learned = service.get(f"/v1/customers/{quote(records[0].customer_id, safe='')}")
    click.echo(f"The service has learned {learned['orders']:,} orders; told to stop, it ended with status 0.\n")

    say_what_was_right(met)
    say_what_was_approved(met)
    show_some(met)
    leave_report(records, out)


def import_past(past: Sequence[Record], out: Path) -> str:
    """Puts the past into a new SQLite history by ``autoship import``; returns the history's URL."""
    for old in out.glob("autoship.db*"):
        old.unlink()
    history = f"sqlite:///{out.resolve() / 'autoship.db'}"
    click.echo(f"1. The past: {len(past):,} orders, {days(past)}, by `autoship import`.")
    write(past, out / "past.ndjson")
    run("import", str(out / "past.ndjson"), "--history", history)
    return history


def live_through(
    service: Service, past: Sequence[Record], under_way: Sequence[Record], rest: Sequence[Record]
) -> list[Met]:
    """Predicts each order of the rest when it was placed; sends in each shipment as soon as it was known.

    Orders under way were placed before the rest, and their shipments became known later.
    """
    rivals = [make() for make in baselines(BaselineKey(KEY)).values()]
    for record in past:
        for rival in rivals:
            rival.learn(record)
    pending = [(record.known_at, -1 - place, record) for place, record in enumerate(reversed(under_way))]
    heapq.heapify(pending)
    met: list[Met] = []

    def reveal(now: datetime | None) -> None:
        known = []
        while pending and (now is None or pending[0][0] <= now):
            known.append(heapq.heappop(pending)[2])
        if known:
            service.ship(known)
        for record in known:
            for rival in rivals:
                rival.learn(record)

    click.echo(
        f"3. The rest: {len(rest):,} orders, {days(rest)}, each predicted when it was placed, revealed a day later."
    )
    with click.progressbar(rest, label="   predicting", file=sys.stderr, update_min_steps=20) as bar:
        for place, record in enumerate(bar):
            reveal(record.ordered_at)
            begin = time.perf_counter()
            answer = service.predict(record)
            took_s = time.perf_counter() - begin
            met.append(Met(record, answer, [rival.predict(record.order) for rival in rivals], took_s))
            heapq.heappush(pending, (record.known_at, place, record))
    reveal(None)
    return met


def say_what_was_right(met: Sequence[Met]) -> None:
    click.echo("Right, in the whole choice:")
    truths = [each.record.shipment for each in met]
    rows = [("autoship", [each.answer["shipment"] for each in met])]
    for place, name in enumerate(baselines(BaselineKey(KEY))):
        rows.append((NAMES[name], [each.rivals[place] for each in met]))
    for name, choices in rows:
        right = sum(choice == truth for choice, truth in zip(choices, truths, strict=True))
        click.echo(f"  {name:40} {percent(right, len(met))}   {right:,} of {len(met):,}")
    took_ms = [each.took_s * 1000 for each in met]
    click.echo(f"  Half of the answers took less than {statistics.median(took_ms):.1f} ms, HTTP and all.\n")


def say_what_was_approved(met: Sequence[Met]) -> None:
    approved = [each for each in met if each.answer["approved"]]
    wrong = sum(not each.right for each in approved)
    left = Counter(str(each.answer["reason"]) for each in met if not each.answer["approved"])
    click.echo("Approved, so that nobody has to look (the promise: at most 5 % of them wrong):")
    click.echo(f"  {'approved':40} {percent(len(approved), len(met))}   {len(approved):,} of {len(met):,}")
    if approved:
        click.echo(f"  {'wrong among them':40} {percent(wrong, len(approved))}   {wrong:,} of {len(approved):,}")
    for reason, count in left.most_common():
        click.echo(f"  {'left to a person: ' + reason.replace('_', ' '):40} {percent(count, len(met))}   {count:,}")
    click.echo()


def show_some(met: Sequence[Met]) -> None:
    """The newest approved prediction that took reasons, and the newest that was left to a person."""
    predicted = [each for each in reversed(met) if each.answer["because"]] or list(met[-1:])
    sure = next((each for each in predicted if each.answer["approved"]), None)
    unsure = next((each for each in predicted if not each.answer["approved"]), None)
    for each in (sure, unsure):
        if each is not None:
            click.echo("\n".join(in_words(each)) + "\n")


def in_words(met: Met) -> Iterator[str]:
    record, answer = met.record, met.answer
    order = f"Order {record.order_id} of {record.ordered_at:%-d %B %Y}: {', '.join(words(record.order))}"
    yield from textwrap.wrap(order, WIDTH, subsequent_indent="  ")
    verdict = "approved" if answer["approved"] else f"for a person to look at ({answer['reason'].replace('_', ' ')})"
    yield f"  predicted   {choice(answer['shipment'])}: {100 * answer['confidence']:.1f} % sure, {verdict}"
    for place, because in enumerate(answer["because"]):
        yield f"  {'' if place else 'because':11} {because['text']}"
    for place, other in enumerate(answer["alternatives"][:2]):
        yield f"  {'' if place else 'or else':11} {choice(other['shipment'])}: {100 * other['confidence']:.1f} %"
    yield f"  shipped     {choice(record.shipment)}: {'right' if met.right else 'wrong'}"


def words(value: object, name: str = "") -> Iterator[str]:
    """An order's fields, each as its name and its value."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from words(child, key.replace("_", " "))
    elif isinstance(value, list):
        for child in value:
            yield from words(child, name)
    else:
        yield f"{name} {value}"


def choice(shipment: dict[str, Any] | None) -> str:
    return "nothing" if shipment is None else " ".join(str(word) for word in shipment.values())


def leave_report(records: Sequence[Record], out: Path) -> None:
    write(records, out / "orders.ndjson")
    report = out / "report.html"
    text = run("replay", str(out / "orders.ndjson"), "--html", str(report), "--baseline-key", KEY, quiet=True)
    (out / "report.txt").write_text(text)
    click.echo(f"All of it with plots, in a browser: {report}")


def run(*arguments: str, quiet: bool = False) -> str:
    """Runs a command of autoship's; its stdout comes back where ``quiet``, its progress bar is shown either way."""
    sys.stdout.flush()
    done = subprocess.run([AUTOSHIP, *arguments], stdout=subprocess.PIPE if quiet else None, text=True, check=False)
    if done.returncode:
        raise click.ClickException(f"autoship {arguments[0]} ended with status {done.returncode}")
    return done.stdout or ""


def write(records: Sequence[Record], path: Path) -> None:
    path.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))


def days(records: Sequence[Record]) -> str:
    if not records:
        return "no days"
    return f"{records[0].ordered_at:%-d %B %Y} to {records[-1].ordered_at:%-d %B %Y}"


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:5.1f} %" if whole else "      -"


if __name__ == "__main__":
    demo()
