"""The composition root: a verb with its fleet, its machines over SSH, and a voice; and what comes back, printed."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from flotilla.adapters.fleet_file import read
from flotilla.adapters.ssh import ssh_machines
from flotilla.adapters.workshop import LocalWorkshop
from flotilla.cli.exits import told
from flotilla.cli.voice import TerminalVoice
from flotilla.operator.world import World

T = TypeVar("T", bound=msgspec.Struct)
C = TypeVar("C", bound=Callable[..., object])


def json_option(command: C) -> C:
    """``--json``."""
    help_ = "The result as JSON on stdout; progress goes to stderr."
    return click.option("--json", "as_json", is_flag=True, help=help_)(command)


def run(path: Path, verb: Callable[[World], Awaitable[T]], as_json: bool, show: Callable[[T], str]) -> T:
    """Runs a verb to its end, and prints what it returns. Ends the program where it fails."""
    # A child that ends just as it is killed is waited for twice; asyncio's warning of that says nothing to anybody.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    with told():
        fleet = read(path)

        async def work() -> T:
            async with ssh_machines(fleet.ssh, folder=fleet.folder, terminal=sys.stdin.isatty()) as machines:
                return await verb(World(fleet, machines, LocalWorkshop(fleet.folder), TerminalVoice()))

        result = asyncio.run(work())
    print_result(result, as_json, show(result))
    return result


def print_result(result: msgspec.Struct, as_json: bool, words: str) -> None:
    """On stdout, for people or for programs."""
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())
    elif words:
        click.echo(words)
