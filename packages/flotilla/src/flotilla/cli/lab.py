"""``flotilla lab``: the topology of production on one machine, and the faults it has to survive."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from flotilla.cli.exits import told
from flotilla.lab import Condition, Lab, Machine, down, labs

DIRECTORY = Path("lab")
FAULTS = {"cut": "cut off", "loss": "loses packets", "gossip": "no gossip"}

_directory = click.option(
    "--dir",
    "directory",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help=f"The folder of the lab's files: the fleet file, the key.  [default: {DIRECTORY}]",
)
_name = click.option("--name", metavar="NAME", help="The lab's name, instead of its folder.")
_json = click.option("--json", "as_json", is_flag=True, help="The result as JSON on stdout; progress goes to stderr.")


def _which(command: Callable[..., Any]) -> Callable[..., Any]:
    return _directory(_name(command))


@click.group()
def lab() -> None:
    """Hosts and gateways on this machine: each a container with a Docker Engine and sshd of its own.

    Needs Docker on Linux. What is true of hosts elsewhere is true of these: they are provisioned and deployed to by the
    same commands, with the fleet file that `lab up` writes.
    """


@lab.command()
@click.option("--hosts", metavar="N", default=3, show_default=True, help="Machines for copies of services.")
@click.option("--gateways", metavar="M", default=1, show_default=True, help="Machines for HAProxy.")
@_directory
@click.option("--name", metavar="NAME", help="A name for the lab.  [default: made from DIR]")
@click.option("--subnet", metavar="CIDR", help="A /24 for its network.  [default: one that is free]")
@click.option(
    "--services",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML for the fleet file: what goes under `services:`.",
)
@_json
def up(
    hosts: int,
    gateways: int,
    directory: Path | None,
    name: str | None,
    subnet: str | None,
    services: Path | None,
    as_json: bool,
) -> None:
    """Make a lab: networks, engines, sshd, a key, and DIR/fleet.yaml. It takes seconds, and a minute the first time."""
    folder = directory or DIRECTORY
    begin = time.monotonic()
    with told():
        made = Lab.up(
            folder.resolve(),
            hosts=hosts,
            gateways=gateways,
            name=name,
            subnet=subnet,
            services=services.read_text() if services else "",
            say=_say,
        )
    if as_json:
        _print(_as_json(made))
    else:
        click.echo(f"\nThe lab is up, after {time.monotonic() - begin:.1f} s.\n\n{_what_next(made, folder)}")


@lab.command("down")
@_which
def down_(directory: Path | None, name: str | None) -> None:
    """Remove a lab: containers, volumes, network, and the files it wrote. Works after any crash, and twice."""
    with told():
        there = down(_folder(directory, name), name, say=_say)
    click.echo("Nothing is left of the lab but the images." if there else "There is no such lab; nothing to remove.")


@lab.command()
@click.argument("host")
@_which
def kill(host: str, directory: Path | None, name: str | None) -> None:
    """End HOST as a power cut does: every process with -9."""
    with told():
        _find(directory, name).kill(host)
    click.echo(f"{host} is dead. `flotilla lab start {host}` starts it again.")


@lab.command()
@click.argument("hosts", metavar="[HOST]...", nargs=-1)
@_which
def start(hosts: tuple[str, ...], directory: Path | None, name: str | None) -> None:
    """Start HOST again, or all that are dead, and wait until they answer."""
    with told():
        found = _find(directory, name)
        dead = [condition.machine for condition in found.status() if not condition.running]
        for machine in [found.machine(host) for host in hosts] or dead:
            begin = time.monotonic()
            found.start(machine)
            click.echo(f"{machine.name} answers ({time.monotonic() - begin:.1f} s)")


@lab.command()
@click.argument("host")
@_which
def cut(host: str, directory: Path | None, name: str | None) -> None:
    """Pull HOST's cable: it runs on, and nothing reaches it or leaves it."""
    with told():
        _find(directory, name).cut(host)
    click.echo(f"{host} is cut off. `flotilla lab mend {host}` puts the cable back in.")


@lab.command()
@click.argument("host")
@_which
def mend(host: str, directory: Path | None, name: str | None) -> None:
    """Put HOST's cable back in."""
    with told():
        _find(directory, name).mend(host)
    click.echo(f"{host} is on the network.")


@lab.command()
@_which
@_json
def status(directory: Path | None, name: str | None, as_json: bool) -> None:
    """Say how each machine is: dead or alive, its network's faults, the containers on it."""
    with told():
        found = _find(directory, name)
        conditions = found.status()
    if as_json:
        _print(_as_json(found) | {"machines": [_condition_as_json(condition) for condition in conditions]})
        return
    click.echo(f"lab {found.name}, {found.directory}")
    for condition in conditions:
        click.echo(f"  {condition.machine.name:<11} {condition.machine.address:<15} {_in_words(condition)}")


@lab.command("list")
@_json
def list_(as_json: bool) -> None:
    """List the labs of this machine."""
    with told():
        found = labs()
    if as_json:
        _print([{"name": one.name, "dir": str(one.directory), "machines": one.machines} for one in found])
        return
    for one in found:
        click.echo(f"{one.name}  {one.machines} machines  {one.directory}")


def _folder(directory: Path | None, name: str | None) -> Path | None:
    return None if name is not None and directory is None else (directory or DIRECTORY).resolve()


def _find(directory: Path | None, name: str | None) -> Lab:
    return Lab.find(_folder(directory, name), name)


def _what_next(made: Lab, folder: Path) -> str:
    where = "" if folder == DIRECTORY else f" --dir {folder}"
    fleet, first = folder / "fleet.yaml", made.hosts[0]
    lines = [f"  {machine.name:<11} {machine.address}" for machine in made.machines]
    lines += ["", "Once services are deployed, the gateways answer at"]
    lines += [f"  http://{one.address}/   (their own page: http://{one.address}:8404/status)" for one in made.gateways]
    ssh = f"ssh -i {folder / 'id_ed25519'} -o UserKnownHostsFile={folder / 'known_hosts'} deploy@{first.address}"
    tries = (
        (f"flotilla --fleet {fleet} provision", "gossip, agents, gateways"),
        (f"flotilla --fleet {fleet} deploy", "the services that you write into the file"),
        (f"flotilla lab kill{where} {first.name}", f"a power cut; then: flotilla lab start{where} {first.name}"),
        (f"flotilla lab cut{where} {first.name}", f"its cable; then: flotilla lab mend{where} {first.name}"),
        (ssh, "a look at it"),
        (f"flotilla lab down{where}", "removes all of it"),
    )
    return "\n".join([*lines, "", "What to try next:", *(f"  {command}\n      {what}" for command, what in tries)])


def _in_words(condition: Condition) -> str:
    if not condition.running:
        return "dead"
    engine = [] if condition.engine else ["its engine does not answer"]
    return ", ".join(
        ["running", *engine, *(FAULTS.get(fault, fault) for fault in condition.faults), *condition.containers]
    )


def _as_json(found: Lab) -> dict[str, Any]:
    return {
        "name": found.name,
        "dir": str(found.directory),
        "fleet": str(found.fleet_file),
        "gateways": [_machine_as_json(machine) for machine in found.gateways],
        "hosts": [_machine_as_json(machine) for machine in found.hosts],
    }


def _machine_as_json(machine: Machine) -> dict[str, str]:
    return {"name": machine.name, "address": machine.address, "container": machine.container}


def _condition_as_json(condition: Condition) -> dict[str, Any]:
    return {
        "name": condition.machine.name,
        "address": condition.machine.address,
        "running": condition.running,
        "engine": condition.engine,
        "faults": list(condition.faults),
        "containers": list(condition.containers),
    }


def _print(value: object) -> None:
    click.echo(msgspec.json.encode(value).decode())


def _say(line: str) -> None:
    click.echo(line, err=True)
