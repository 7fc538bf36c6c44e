"""The ``autoship`` command. Each of its commands is imported only when it is used, so that none waits for another's."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

import click


class Lazy(NamedTuple):
    """Where a command is, and what the list of commands says of it."""

    module: str
    name: str
    help: str


COMMANDS = {
    "import": Lazy("autoship.cli.import_", "import_", "Take past orders in, in bulk."),
    "replay": Lazy("autoship.cli.replay", "replay", "Measure how well past orders would have been predicted."),
    "serve": Lazy("autoship.cli.serve", "serve", "Answer over HTTP."),
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
@click.version_option(package_name="autoship")
def main() -> None:
    """Learns how each customer ships from its past orders, and says how a new order will be shipped."""
