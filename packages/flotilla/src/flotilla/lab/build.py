"""The steps of making a lab. Each says what failed, and what would mend it."""

from __future__ import annotations

import socket
import time
from ipaddress import IPv4Network, ip_network
from itertools import islice
from pathlib import Path

import msgspec

from flotilla.errors import LabError
from flotilla.lab import folder
from flotilla.lab.engine import EngineError, engine, finished, inspected, listed
from flotilla.lab.image import build_argv, context, image_name
from flotilla.lab.layout import (
    DIRECTORY,
    LAB,
    Layout,
    Machine,
    check_name,
    check_size,
    free_subnets,
    lab_name,
    layout,
    network_argv,
    read_subnet,
    run_argv,
    volume_argv,
)
from flotilla.lab.steps import Say

BUILD_S = 900
READY_S = 120
SSH_S = 10
TRIES = 5


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be made, before it has a subnet."""

    name: str
    directory: Path
    hosts: int
    gateways: int
    subnet: IPv4Network | None


def plan(directory: Path, *, hosts: int, gateways: int, name: str | None, subnet: str | None) -> Plan:
    """A lab that can be made here. Raises `LabError` where Docker, the name, the subnet or the folder forbid it."""
    check_size(hosts=hosts, gateways=gateways)
    wanted = None if subnet is None else read_subnet(subnet)
    if name is not None:
        check_name(name)
    engine("version", "--format", "{{.Server.Version}}")
    directory = directory.resolve()
    name = name or lab_name(directory)
    for marks, hint in ((f"{DIRECTORY}={directory}", f"--dir {directory}"), (f"{LAB}={name}", f"--name {name}")):
        if any(listed(what, marks) for what in ("container", "network", "volume")):
            raise LabError(f"a lab, or a part of one, is there already: `flotilla lab down {hint}` removes it")
    if wanted is not None and any(wanted.overlaps(other) for other in _taken()):
        raise LabError(f"--subnet {wanted}: is in use here; leave it away, and a free one is chosen")
    folder.refuse_used(directory)
    return Plan(name=name, directory=directory, hosts=hosts, gateways=gateways, subnet=wanted)


def bring_image(say: Say) -> None:
    """Builds the image of a machine, where it is not there."""
    if finished("image", "inspect", image_name()).returncode == 0:
        return
    say(f"building {image_name()} from Debian's packages: once, about a minute …")
    try:
        engine(*build_argv(), data=context(), timeout_s=BUILD_S)
    except EngineError as error:
        if "pull" not in error.said and "resolve" not in error.said and "manifest" not in error.said:
            raise
        raise LabError(
            "the image of a lab machine wants debian:trixie-slim, which could not be pulled: "
            f"get it with `docker pull debian:trixie-slim`, or with flotilla's scripts/docker ({error.said[-300:]})"
        ) from error


def may_be_privileged() -> bool:
    """Whether this engine can hand on all that it would have to."""
    return finished("run", "--rm", "--privileged", "--entrypoint", "true", image_name()).returncode == 0


def make_network(plan: Plan) -> Layout:
    """Makes the network: on the subnet that is wanted, else on the first that is free."""
    candidates = free_subnets(_taken()) if plan.subnet is None else iter([plan.subnet])
    for subnet in islice(candidates, TRIES):
        lab = layout(plan.name, plan.directory, subnet, hosts=plan.hosts, gateways=plan.gateways)
        try:
            engine(*network_argv(lab))
        except EngineError as error:
            if "overlap" not in error.said:
                raise
        else:
            return lab
    raise LabError("no free subnet was found: choose one with --subnet, such as 172.30.5.0/24")


def make_machine(lab: Layout, machine: Machine, *, key: str, privileged: bool) -> None:
    """Starts a machine, with a volume for its engine."""
    engine(*volume_argv(lab, machine))
    engine(*run_argv(lab, machine, image=image_name(), key=key, privileged=privileged))


def wait_ready(machine: Machine) -> None:
    """Waits until a machine's engine answers, and its sshd from here. Raises `LabError` with the end of its log."""
    done = finished("exec", machine.container, "ready", str(READY_S), timeout_s=READY_S + 30)
    if done.returncode:
        log = finished("logs", "--tail", "20", machine.container)
        text = (log.stdout + log.stderr).decode(errors="replace").strip()
        raise LabError(f"{machine.name} does not come up. The end of its log:\n{text}")
    deadline = time.monotonic() + SSH_S
    while not _greets(machine.address):
        if time.monotonic() > deadline:
            raise LabError(
                f"{machine.name} is up, but {machine.address} port 22 does not answer from here: "
                "a lab wants Docker on this very machine, and on Linux"
            )
        time.sleep(0.1)


def _greets(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=2) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _taken() -> list[IPv4Network]:
    """The networks that Docker has, and those that this machine has routes to."""
    ids = engine("network", "ls", "--quiet").split()
    pools = [pool for found in inspected("network", ids) for pool in (found["IPAM"].get("Config") or [])]
    networks = [ip_network(pool["Subnet"], strict=False) for pool in pools if pool.get("Subnet")]
    return [network for network in networks if isinstance(network, IPv4Network)] + _routes()


def _routes() -> list[IPv4Network]:
    """What Linux's own table says (proc(5): little-endian hexadecimal); the default route is none."""
    try:
        lines = Path("/proc/net/route").read_text().splitlines()[1:]
    except OSError:
        return []
    fields = [line.split() for line in lines]
    pairs = [(_little_endian(field[1]), _little_endian(field[7])) for field in fields]
    return [IPv4Network((address, mask.bit_count())) for address, mask in pairs if mask]


def _little_endian(text: str) -> int:
    return int.from_bytes(bytes.fromhex(text), "little")
