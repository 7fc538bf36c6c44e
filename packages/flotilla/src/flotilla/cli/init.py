"""``flotilla init``: a fleet file to begin with."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from flotilla.cli.exits import told
from flotilla.cli.running import json_option, print_result
from flotilla.operator.init import write


class Written(msgspec.Struct, frozen=True):
    """Which file was written."""

    file: str


@click.command()
@click.option("--name", metavar="NAME", default="fleet", show_default=True, help="The fleet's name.")
@click.option("--gateway", "gateways", metavar="ADDRESS", multiple=True, required=True, help="A gateway. Repeatable.")
@click.option("--host", "hosts", metavar="ADDRESS", multiple=True, required=True, help="A host. Repeatable.")
@json_option
@click.pass_obj
def init(fleet: Path, name: str, gateways: tuple[str, ...], hosts: tuple[str, ...], as_json: bool) -> None:
    """Write a fleet file to begin with, explained line by line. Never writes over one that is there."""
    with told():
        write(fleet, name, gateways, hosts)
    words = f"{fleet} is written. Next: read it, then flotilla --fleet {fleet} provision"
    print_result(Written(str(fleet)), as_json, words)
