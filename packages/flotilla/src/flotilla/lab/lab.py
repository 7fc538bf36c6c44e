"""A lab: made, found again, faults made in it, and all of it removed. The truth is what Docker's labels say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

import msgspec

from flotilla.domain.member import Role
from flotilla.errors import LabError
from flotilla.lab import build, folder
from flotilla.lab.engine import engine, finished, inspected, listed
from flotilla.lab.layout import ADDRESS, DIRECTORY, LAB, MACHINE, ROLE, Layout, Machine, fleet_text
from flotilla.lab.removal import absent, down, marks
from flotilla.lab.steps import Say, silent, step

STEPS_AT_ONCE = 8
T = TypeVar("T")
R = TypeVar("R")


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """How a machine is: whether it runs, whether its engine answers, the faults of its network, and the names of the
    containers that run on it."""

    machine: Machine
    running: bool
    engine: bool = False
    faults: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()


class Lab:
    """A lab that is there. ``hosts`` and ``gateways`` are its machines, in order; a machine may also be named by its
    name or its address."""

    def __init__(self, name: str, directory: Path, machines: Iterable[Machine]) -> None:
        self.name = name
        self.directory = directory
        self.machines = tuple(sorted(machines, key=lambda machine: int(ip_address(machine.address))))
        self.gateways = tuple(machine for machine in self.machines if machine.role == Role.GATEWAY)
        self.hosts = tuple(machine for machine in self.machines if machine.role == Role.HOST)
        self.fleet_file = directory / folder.FLEET
        self.key = directory / folder.KEY
        self.known_hosts = directory / folder.KNOWN_HOSTS

    @classmethod
    def up(
        cls,
        directory: Path,
        *,
        hosts: int = 3,
        gateways: int = 1,
        name: str | None = None,
        subnet: str | None = None,
        services: str = "",
        say: Say = silent,
    ) -> Lab:
        """Makes a lab, and leaves nothing of it where that fails. ``services`` is YAML for the fleet file; ``say`` is
        told of every step. Raises `LabError`."""
        plan = build.plan(directory, hosts=hosts, gateways=gateways, name=name, subnet=subnet)
        with step(say, "the image of a machine is there"):
            build.bring_image(say)
        privileged = build.may_be_privileged()
        made = build.make_network(plan)
        say(f"network {made.subnet}")
        try:
            key = folder.write(made.directory, made.name, fleet_text(made, services))
            say(f"starting {len(made.machines)} machines, each with a Docker Engine and sshd …")
            with step(say, "all of them answer"):
                lines = _each(made.machines, lambda machine: _started(made, machine, key, privileged, say))
            folder.write_known_hosts(made.directory, lines)
        except BaseException:
            say("that failed: removing what was made")
            down(plan.directory, plan.name)
            raise
        return cls(made.name, made.directory, made.machines)

    @classmethod
    def find(cls, directory: Path | None = None, name: str | None = None) -> Lab:
        """The lab of a folder, or with a name. Raises `LabError` that names those that there are."""
        found = inspected("container", listed("container", *marks(directory, name)))
        labels = [one["Config"]["Labels"] for one in found]
        machines = [_machine(one) for one in labels if MACHINE in one]
        if not machines:
            raise LabError(absent(directory, name))
        return cls(labels[0][LAB], Path(labels[0][DIRECTORY]), machines)

    def machine(self, word: str | Machine) -> Machine:
        """The machine with this name or address. Raises `LabError` that names those that there are."""
        if isinstance(word, Machine):
            return word
        for machine in self.machines:
            if word in (machine.name, machine.address):
                return machine
        names = ", ".join(machine.name for machine in self.machines)
        raise LabError(f"no machine {word} in this lab: it has {names}")

    def run(self, host: str | Machine, argv: Sequence[str], *, data: bytes | None = None, timeout_s: float = 60) -> str:
        """Runs a command on a machine as root, by Docker and not by the network; its stdout. Raises `LabError`."""
        return engine("exec", "--interactive", self.machine(host).container, *argv, data=data, timeout_s=timeout_s)

    def kill(self, host: str | Machine) -> None:
        """Ends a machine as a power cut does: every process at once, with -9."""
        machine = self.machine(host)
        if self._running(machine):
            engine("kill", "--signal", "KILL", machine.container)

    def start(self, host: str | Machine) -> None:
        """Starts a machine that is dead, and waits until its engine and sshd answer. Its network has no faults then."""
        machine = self.machine(host)
        if not self._running(machine):
            engine("start", machine.container)
        build.wait_ready(machine)

    def cut(self, host: str | Machine) -> None:
        """Pulls the cable: nothing comes in or goes out, and nobody is told. What runs on the machine runs on."""
        self._fault(host, "cut")

    def mend(self, host: str | Machine) -> None:
        """Puts the cable back in."""
        self._fault(host, "mend")

    def loss(self, host: str | Machine, percent: float) -> None:
        """Has so many packets of a hundred be lost at random, each way; 0 ends it."""
        self._fault(host, "loss", f"{percent:g}")

    def drop_gossip(self, drop: bool = True) -> None:
        """Cuts Serf's port on all machines that run, and nothing else; ``False`` ends it."""
        running = [condition.machine for condition in self.status() if condition.running]
        _each(running, lambda machine: self._fault(machine, "gossip", "off" if drop else "on"))

    def restore(self) -> None:
        """Starts what is dead and ends all faults of the network."""
        _each(self.machines, self._restore)

    def status(self) -> tuple[Condition, ...]:
        """How each machine is."""
        return tuple(_each(self.machines, self._condition))

    def _restore(self, machine: Machine) -> None:
        if self._running(machine):
            self._fault(machine, "none")
        else:
            self.start(machine)

    def _fault(self, host: str | Machine, *words: str) -> None:
        machine = self.machine(host)
        if not self._running(machine):
            raise LabError(f"{machine.name} is not running: `flotilla lab start {machine.name}` first")
        self.run(machine, ("fault", *words))

    def _running(self, machine: Machine) -> bool:
        found = inspected("container", [machine.container])
        if not found:
            raise LabError(f"{machine.name} is gone: `flotilla lab down` removes what is left of the lab")
        return bool(found[0]["State"]["Running"])

    def _condition(self, machine: Machine) -> Condition:
        if not self._running(machine):
            return Condition(machine=machine, running=False)
        faults = self.run(machine, ("fault", "show")).split()
        asked = finished("exec", machine.container, "docker", "ps", "--format", "{{.Names}}")
        return Condition(
            machine=machine,
            running=True,
            engine=asked.returncode == 0,
            faults=tuple(faults),
            containers=tuple(sorted(asked.stdout.decode().split())),
        )


def _machine(labels: Mapping[str, str]) -> Machine:
    return Machine(
        name=labels[MACHINE],
        role=Role(labels[ROLE]),
        address=labels[ADDRESS],
        container=f"flotilla-lab-{labels[LAB]}-{labels[MACHINE]}",
    )


def _started(lab: Layout, machine: Machine, key: str, privileged: bool, say: Say) -> str:
    """Starts a machine; its line of ``known_hosts``, asked of the machine itself and not of the network."""
    with step(say, f"  {machine.name:<11} {machine.address}"):
        build.make_machine(lab, machine, key=key, privileged=privileged)
        build.wait_ready(machine)
        kind, text = engine("exec", machine.container, "cat", "/etc/ssh/ssh_host_ed25519_key.pub").split()[:2]
    return f"{machine.address} {kind} {text}"


def _each(items: Sequence[T], act: Callable[[T], R]) -> list[R]:
    """Does it to all of them at once, in order of the items; the first failure is raised, once all have ended."""
    with ThreadPoolExecutor(STEPS_AT_ONCE) as threads:
        return list(threads.map(act, items))
