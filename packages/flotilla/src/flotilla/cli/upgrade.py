"""``flotilla upgrade``."""

from __future__ import annotations

from pathlib import Path

import click

from flotilla.cli.running import json_option, run
from flotilla.operator.rotate import rotate


@click.command()
@click.option("--rotate-keys", is_flag=True, required=True, help="A new key for the gossip, while all goes on.")
@json_option
@click.pass_obj
def upgrade(fleet: Path, rotate_keys: bool, as_json: bool) -> None:
    """Renew what flotilla itself runs on. So far: the key that encrypts the gossip."""
    run(
        fleet, rotate, as_json, lambda done: f"all {done.members} members speak with a new key; {done.removed} old gone"
    )
