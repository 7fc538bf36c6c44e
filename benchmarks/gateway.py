"""The gateway's speed, held to its targets: ``make bench-gateway``. Needs Docker on Linux.

``python benchmarks/gateway.py [--quick] [--only PART] [--json] [--page]``. Three parts: ``overhead``, what it adds
beside HAProxy by hand; ``changes``, the cost of one change from 10 to 12,000 servers; ``reactions``, in a lab under
load. The numbers go to ``build/gateway/gateway.json``, too. The status is 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import gateway_overhead
import gateway_picture
import gateway_reactions
import gateway_rest
import msgspec
from gateway_site import Site, site
from serving_load import machine
from serving_page import put
from serving_table import Section, Table, Target, markdown, short, text

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build/gateway"
PAGE = ROOT / "docs/explanation/gateway-speed.md"
CHANGES = Path(__file__).with_name("gateway_changes.py")
HOSTS, GATEWAYS = 3, 1
BUSY_S = 0.2
PARTS = ("overhead", "changes", "reactions")


def main() -> None:
    arguments = _arguments()
    FOLDER.mkdir(parents=True, exist_ok=True)
    begin = machine()
    chosen = [arguments.only] if arguments.only else list(PARTS)
    sections: dict[str, Section] = {}
    if "overhead" in chosen:
        rounds, seconds = (3, 2) if arguments.quick else (7, 5)
        sections["overhead"] = gateway_overhead.measure(FOLDER, rounds, seconds)
    if "changes" in chosen:
        sections["changes"] = _changes(arguments.quick)
    if "reactions" in chosen:
        sections |= _in_a_lab(arguments.quick, arguments.fault)
    day = datetime.now(UTC).date()
    about = (
        f"{day}, Python {platform.python_version()}, {begin} at the begin, {machine().rpartition(' ')[2]} at the end"
    )
    _keep(sections, about)
    if arguments.page:
        _fill(sections, about)
    if arguments.json:
        sys.stdout.write((FOLDER / "gateway.json").read_text() + "\n")
    else:
        sys.stdout.write("\n\n".join([about, *map(text, sections.values())]) + "\n")
    missed = [target for section in sections.values() for target in section.targets if _missed(target)]
    for target in missed:
        sys.stderr.write(f"missed: {target.name}: {target.value:.3g} {target.unit}\n")
    sys.exit(1 if missed else 0)


def _in_a_lab(quick: bool, fault: str | None) -> dict[str, Section]:
    """At rest, and around each fault, or one of them."""
    pace = gateway_reactions.QUICK if quick else gateway_reactions.FULL
    with site(FOLDER / "lab", HOSTS, GATEWAYS) as one:
        sections = {} if fault else {"rest": gateway_rest.measure(one, pace.rest_s)}
        found = [_told(name, one, pace) for name in gateway_reactions.ALL if fault in (None, name)]
    section = gateway_reactions.section(found, GATEWAYS, HOSTS, one.rate)
    sections["reactions"] = msgspec.structs.replace(section, picture=gateway_picture.picture(found))
    return sections


def _told(name: str, one: Site, pace: gateway_reactions.Pace) -> gateway_reactions.Reaction:
    """One fault; again, where a target is missed while the machine was too busy for the load generator itself."""
    for last in (False, False, True):
        reaction = gateway_reactions.ALL[name](one, pace)
        sys.stderr.write(f"{reaction.name}: {reaction.log}\n\n")
        if last or reaction.late_s < BUSY_S or not any(map(_missed, reaction.targets)):
            break
        sys.stderr.write(f"{reaction.name}: the machine was busy with other things; once more\n")
    return reaction


def _changes(quick: bool) -> Section:
    """The curve of one change, by ``gateway_changes.py``, a program of its own."""
    argv = [sys.executable, str(CHANGES), "--json", "--sizes", "10,1000,12000" if quick else "10,100,1000,12000"]
    done = subprocess.run(argv, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise SystemExit(f"{CHANGES.name} failed")
    curve: list[dict[str, float]] = msgspec.json.decode(done.stdout)
    largest = curve[-1]
    names = {
        "host": "a host drains",
        "stranger": "a host joins",
        "quiet": "nothing changes",
        "read": "reading HAProxy",
        "check": "haproxy -c",
        "reload": "a reload",
        "memory_mb": "MB",
    }
    rows = [(f"{row['servers']:,.0f}", *(short(row[name]) for name in names)) for row in curve]
    size = f"{largest['servers']:,.0f} servers"
    return Section(
        "One change of membership",
        "Milliseconds, medians of five, from the member list to HAProxy's answer; resident memory of HAProxy's worker.",
        Table(("servers", *names.values()), rows),
        [
            Target(f"{size}: a host drains", largest["host"] / 1e3, "s", at_most=1.0),
            Target(f"{size}: a host joins", largest["stranger"] / 1e3, "s", at_most=1.0),
            Target(f"{size}: a reload", largest["reload"] / 1e3, "s", at_most=4.0),
        ],
        curve,
    )


def _missed(target: Target) -> bool:
    below = target.at_least is not None and target.value < target.at_least
    return below or (target.at_most is not None and not target.value <= target.at_most)


def _keep(sections: dict[str, Section], about: str) -> None:
    kept = {name: msgspec.structs.replace(section, picture="") for name, section in sections.items()}
    document = {"about": about, "sections": kept}
    (FOLDER / "gateway.json").write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2))
    for name, section in sections.items():
        if section.picture:
            (FOLDER / f"{name}.svg").write_text(section.picture)


def _fill(sections: dict[str, Section], about: str) -> None:
    page = PAGE.read_text()
    for name, section in sections.items():
        page = put(page, name, f"{markdown(section)}\n\nMeasured: {about}.")
        if section.picture:
            PAGE.with_suffix(".svg").write_text(section.picture)
    PAGE.write_text(page)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--only", choices=PARTS, help="one part of it")
    parser.add_argument("--fault", choices=list(gateway_reactions.ALL), help="of the reactions, one")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--page", action="store_true", help="put the tables into docs/explanation/gateway-speed.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
