"""What a lab consists of: machines with names and fixed addresses, the commands that make them, and the fleet file.

Pure: nothing here asks Docker or the disk.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from textwrap import indent

import msgspec

from flotilla.domain.member import Role
from flotilla.errors import LabError

LAB = "flotilla.lab"
DIRECTORY = "flotilla.lab.directory"
MACHINE = "flotilla.lab.machine"
ROLE = "flotilla.lab.role"
ADDRESS = "flotilla.lab.address"

MOST_HOSTS = 200
MOST_GATEWAYS = 10
FIRST_GATEWAY = 10
FIRST_HOST = 21
RANGES = (IPv4Network("172.30.0.0/16"), IPv4Network("10.213.0.0/16"), IPv4Network("192.168.0.0/16"))
"""Where a free /24 is looked for, in this order."""

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")

FLAGS_WITHOUT_PRIVILEGED = (
    "--cap-add=ALL",
    "--cap-drop=SYS_RESOURCE",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--security-opt=systempaths=unconfined",
)
"""For engines that lack a capability themselves, and so cannot hand on all of them."""

EXAMPLE = """\
# What runs on each host. An example; the reference has every key.
# services:
#   hello:
#     image: hello                # on this machine: sent to the hosts over SSH
#     version: "1.0"
#     copies: 2
#     ports: {first: 8000, container: 8000}
#     health: {path: /healthz}
"""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """One machine of a lab: ``host-1``, say, its fixed address, and the container that it is."""

    name: str
    role: Role
    address: str
    container: str


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """A whole lab: its name, the folder of its files, its network, its machines (gateways first)."""

    name: str
    directory: Path
    subnet: IPv4Network
    machines: tuple[Machine, ...]

    @property
    def prefix(self) -> str:
        """The name of its network, and the beginning of its containers' and volumes' names."""
        return f"flotilla-lab-{self.name}"

    def labels(self) -> tuple[str, ...]:
        """The flags that mark a thing of Docker's as this lab's."""
        return labels(self.name, self.directory)

    def of(self, role: Role) -> tuple[Machine, ...]:
        """Its machines of one kind."""
        return tuple(machine for machine in self.machines if machine.role == role)


def labels(name: str, directory: Path) -> tuple[str, ...]:
    """The flags that mark a thing of Docker's as part of a lab."""
    return ("--label", f"{LAB}={name}", "--label", f"{DIRECTORY}={directory}")


def lab_name(directory: Path) -> str:
    """The name of a lab that was given none: equal for equal folders."""
    return hashlib.sha256(str(directory).encode()).hexdigest()[:8]


def layout(name: str, directory: Path, subnet: IPv4Network, *, hosts: int, gateways: int) -> Layout:
    """A lab of so many machines in a /24. Raises `LabError` where there are too few or too many."""
    check_size(hosts=hosts, gateways=gateways)
    wanted = [(Role.GATEWAY, index, FIRST_GATEWAY) for index in range(gateways)]
    wanted += [(Role.HOST, index, FIRST_HOST) for index in range(hosts)]
    machines = tuple(
        Machine(
            name=f"{role}-{index + 1}",
            role=role,
            address=str(subnet.network_address + first + index),
            container=f"flotilla-lab-{name}-{role}-{index + 1}",
        )
        for role, index, first in wanted
    )
    return Layout(name=name, directory=directory, subnet=subnet, machines=machines)


def check_size(*, hosts: int, gateways: int) -> None:
    """Raises `LabError` where the numbers make no lab."""
    for what, number, most in (("hosts", hosts, MOST_HOSTS), ("gateways", gateways, MOST_GATEWAYS)):
        if not 1 <= number <= most:
            raise LabError(f"--{what} {number}: a lab has 1 to {most} {what}")


def check_name(name: str) -> None:
    """Raises `LabError` where it cannot be a lab's name."""
    if not NAME.fullmatch(name):
        raise LabError(f"--name {name}: 1 to 31 of a-z, 0-9 and -, not - first")


def read_subnet(text: str) -> IPv4Network:
    """A /24 of private addresses. Raises `LabError` where it is something else."""
    try:
        network = ip_network(text)
    except ValueError as error:
        raise LabError(f"--subnet {text}: {error}; 172.30.5.0/24 would do") from error
    if not isinstance(network, IPv4Network) or network.prefixlen != 24 or not network.is_private:
        raise LabError(f"--subnet {text}: wants a private IPv4 network of 256 addresses, such as 172.30.5.0/24")
    return network


def free_subnets(taken: Iterable[IPv4Network]) -> Iterator[IPv4Network]:
    """The networks that a lab could have, those first that it likes best."""
    used = tuple(taken)
    for candidates in RANGES:
        for subnet in candidates.subnets(new_prefix=24):
            if not any(subnet.overlaps(other) for other in used):
                yield subnet


def network_argv(lab: Layout) -> tuple[str, ...]:
    """Makes the network; fails where the subnet overlaps another."""
    return ("network", "create", "--subnet", str(lab.subnet), *lab.labels(), lab.prefix)


def volume_argv(lab: Layout, machine: Machine) -> tuple[str, ...]:
    """Makes the volume of a machine's engine: overlay2 cannot lie on overlay2."""
    return ("volume", "create", *lab.labels(), machine.container)


def run_argv(lab: Layout, machine: Machine, *, image: str, key: str, privileged: bool) -> tuple[str, ...]:
    """Starts a machine. It is not started again by Docker: a host that was killed stays dead until ``lab start``.

    ``--cgroupns private``: the inner engine's cgroups lie in the machine's own, and go with it.
    """
    return (
        "run",
        "--detach",
        *("--name", machine.container, "--hostname", machine.name),
        *lab.labels(),
        *("--label", f"{MACHINE}={machine.name}", "--label", f"{ROLE}={machine.role}"),
        *("--label", f"{ADDRESS}={machine.address}"),
        *("--network", lab.prefix, "--ip", machine.address),
        *(("--privileged",) if privileged else FLAGS_WITHOUT_PRIVILEGED),
        *("--cgroupns", "private", "--tmpfs", "/run", "--volume", f"{machine.container}:/var/lib/docker"),
        *("--log-driver", "json-file", "--log-opt", "max-size=10m", "--log-opt", "max-file=2"),
        *("--env", f"LAB_KEY={key}"),
        image,
    )


def fleet_text(lab: Layout, services: str = "") -> str:
    """The fleet file. ``services`` is YAML: what belongs under ``services:``, or with that line."""
    gateways, hosts = (", ".join(machine.address for machine in lab.of(role)) for role in (Role.GATEWAY, Role.HOST))
    head = f"""\
# Written by `flotilla lab up` for the lab {lab.name}.
fleet: lab
gateways: [{gateways}]
hosts: [{hosts}]
admit: [{lab.subnet}]
ssh: {{user: deploy, key: id_ed25519, known_hosts: known_hosts}}
"""
    if not services.strip():
        return f"{head}\n{EXAMPLE}"
    if not re.search(r"^services:", services, re.MULTILINE):
        services = "services:\n" + indent(services, "  ")
    return f"{head}\n{services.rstrip()}\n"
