"""``flotilla drain`` and ``flotilla undrain``."""

from __future__ import annotations

from pathlib import Path

import click

from flotilla.cli.running import json_option, run
from flotilla.operator import drain as verbs
from flotilla.operator.drain import Drained


@click.command()
@click.argument("host")
@click.argument("service", required=False)
@json_option
@click.pass_obj
def drain(fleet: Path, host: str, service: str | None, as_json: bool) -> None:
    """Take HOST, or one SERVICE on it, out of rotation, and wait until every gateway says that no request is left."""
    run(fleet, lambda world: verbs.drain(world, host, service), as_json, lambda done: _words(done, "drained"))


@click.command()
@click.argument("host")
@click.argument("service", required=False)
@json_option
@click.pass_obj
def undrain(fleet: Path, host: str, service: str | None, as_json: bool) -> None:
    """Give HOST, or one SERVICE on it, requests again, and wait until every gateway has it in rotation."""
    run(fleet, lambda world: verbs.undrain(world, host, service), as_json, lambda done: _words(done, "in rotation"))


def _words(done: Drained, state: str) -> str:
    what = ", ".join(done.services) or "no service"
    return f"{what} on {done.host}: {state}" + ("" if done.changed else ", as before")
