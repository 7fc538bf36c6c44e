"""``flotilla deploy``: the services as the fleet file says."""

from __future__ import annotations

from pathlib import Path

import click

from flotilla.cli.running import json_option, run
from flotilla.operator.deploy import Deployed
from flotilla.operator.deploy import deploy as verb


@click.command()
@click.option(
    "--host", "hosts", metavar="ADDRESS", multiple=True, help="Only this host, in the file or not. Repeatable."
)
@click.option("--dry-run", is_flag=True, help="Check, show the plan, and end.")
@json_option
@click.pass_obj
def deploy(fleet: Path, hosts: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Bring the services to the hosts as the fleet file says.

    Checks first, and tells all problems at once. Copies that are as they should be are left alone; hosts whose copies
    are replaced are drained first, one after another. Stops at what goes wrong first, and says where everything stands.
    """
    run(fleet, lambda world: verb(world, hosts, dry_run=dry_run), as_json, lambda done: _words(done, dry_run))


def _words(done: Deployed, dry_run: bool) -> str:
    if dry_run:
        return "nothing was changed (--dry-run)"
    if not done.changed:
        return f"generation {done.generation} is everywhere"
    return f"generation {done.generation} is on {', '.join(done.changed)}"
