"""``flotilla remove``."""

from __future__ import annotations

from pathlib import Path

import click

from flotilla.cli.running import json_option, run
from flotilla.operator.remove import remove as verb


@click.command()
@click.argument("host")
@json_option
@click.pass_obj
def remove(fleet: Path, host: str, as_json: bool) -> None:
    """Have HOST, which failed, be gone from the gateways now, rather than after 24 hours."""
    run(fleet, lambda world: verb(world, host), as_json, lambda done: f"{done.host} is removed")
