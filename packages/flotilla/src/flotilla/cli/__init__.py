"""The ``flotilla`` command. Each of its commands is imported only when it is used, so that none waits for another's."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import click


class Lazy(NamedTuple):
    """Where a command is, and what the list of commands says of it."""

    module: str
    name: str
    help: str


COMMANDS = {
    "deploy": Lazy("flotilla.cli.deploy", "deploy", "Bring the services to the hosts as the fleet file says."),
    "drain": Lazy("flotilla.cli.drain", "drain", "Take a host, or a service on it, out of rotation in order."),
    "init": Lazy("flotilla.cli.init", "init", "Write a fleet file to begin with."),
    "lab": Lazy("flotilla.cli.lab", "lab", "Hosts and gateways on this machine, to try all of it."),
    "provision": Lazy("flotilla.cli.provision", "provision", "Make hosts and gateways of machines with sshd."),
    "remove": Lazy("flotilla.cli.remove", "remove", "Have a failed host be gone for good."),
    "status": Lazy("flotilla.cli.status", "status", "Show hosts, gateways, services and what differs, on one screen."),
    "undrain": Lazy("flotilla.cli.drain", "undrain", "Give a drained host requests again."),
    "upgrade": Lazy("flotilla.cli.upgrade", "upgrade", "Renew what flotilla itself runs on: the gossip's key."),
}


class LazyGroup(click.Group):
    """Knows its commands by `COMMANDS`, and imports none to list them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        lazy = COMMANDS.get(cmd_name)
        if lazy is None:
            return None
        command = getattr(import_module(lazy.module), lazy.name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].help) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup)
@click.version_option(package_name="flotilla")
@click.option(
    "--fleet",
    metavar="FILE",
    type=click.Path(path_type=Path),
    default=Path("fleet.yaml"),
    show_default=True,
    help="The file that says what should be. Goes before the command.",
)
@click.pass_context
def main(ctx: click.Context, fleet: Path) -> None:
    """Runs containers of any HTTP service on many hosts, behind gateways that learn by gossip who is there."""
    ctx.obj = fleet
