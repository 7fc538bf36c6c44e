"""``flotilla status``: one screen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from flotilla.cli.running import json_option, run
from flotilla.operator.status import FleetStatus, GatewayLine, HostLine, ServiceLine
from flotilla.operator.status import status as verb


@click.command()
@json_option
@click.pass_obj
def status(fleet: Path, as_json: bool) -> None:
    """Show gateways, hosts, services and what differs from the file, on one screen."""
    run(fleet, verb, as_json, words)


def words(found: FleetStatus) -> str:
    """The screen."""
    parts = [
        f"fleet {found.fleet}",
        table(("gateway", "generation", "requests/s", ""), [_gateway(one) for one in found.gateways]),
        table(("host", "member", "generation", ""), [_host(one) for one in found.hosts]),
    ]
    if found.services:
        head = ("service", "version", "in rotation", "requests/s", "in flight", "waiting")
        parts.append(table(head, [_service(one) for one in found.services]))
    if found.warnings:
        parts.append("\n".join(f"warning: {warning}" for warning in found.warnings))
    return "\n\n".join(parts)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they have to be."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    return "\n".join(line.rstrip() for line in lines)


def _gateway(one: GatewayLine) -> tuple[str, ...]:
    return one.address, _number(one.generation), str(one.rate), one.state


def _host(one: HostLine) -> tuple[str, ...]:
    notes = [*(["drained"] if one.drained else []), *([] if one.in_file else ["not in the file"]), *one.drift]
    return one.address, one.member, _number(one.generation), "; ".join(notes)


def _service(one: ServiceLine) -> tuple[str, ...]:
    versions = ", ".join(f"{count} of {version}" for version, count in sorted(one.versions.items()))
    version = (
        one.wanted_version if set(one.versions) <= {one.wanted_version} else f"{one.wanted_version} (runs {versions})"
    )
    return one.name, version, f"{one.ready}/{one.wanted}", str(one.rate), str(one.sessions), str(one.queue)


def _number(number: int | None) -> str:
    return "-" if number is None else str(number)
