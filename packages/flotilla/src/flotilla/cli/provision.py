"""``flotilla provision``: machines with sshd become hosts and gateways."""

from __future__ import annotations

from pathlib import Path

import click

from flotilla.cli.running import json_option, run
from flotilla.operator.provision import Provisioned
from flotilla.operator.provision import provision as verb


@click.command()
@click.option(
    "--host", "hosts", metavar="ADDRESS", multiple=True, help="Only this host, in the file or not. Repeatable."
)
@json_option
@click.pass_obj
def provision(fleet: Path, hosts: tuple[str, ...], as_json: bool) -> None:
    """Make hosts and gateways of machines with sshd: Docker, gossip, agents, gateways.

    Doing it again changes nothing, and says so. A host that is in no file, but in an admitted network, is provisioned
    by --host: that is how one scales out by hand.
    """
    run(fleet, lambda world: verb(world, hosts), as_json, _words)


def _words(done: Provisioned) -> str:
    changed = [address for address, what in done.changed.items() if what]
    if not changed:
        return "nothing changed: all is as it should be"
    return f"{len(changed)} of {len(done.changed)} machines changed; all are members"
