"""Containers on a machine: what is there, what should be, and the last words of what does not work."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from flotilla.adapters.words import tail
from flotilla.operator.commands import succeed
from flotilla.remote import Machine

ARGV = "flotilla.argv"
LABELS = (
    "flotilla.fleet",
    "flotilla.service",
    "flotilla.copy",
    "flotilla.version",
    "flotilla.digest",
    "flotilla.generation",
    ARGV,
)
FIELDS = ("{{.Names}}", "{{.State}}", "{{.Image}}", *(f'{{{{.Label "{label}"}}}}' for label in LABELS))
LIST = ("docker", "ps", "--all", "--no-trunc", "--format", "\t".join(FIELDS))

STOP_S = 10


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """One container: ``state`` is Docker's word (``running``, ``restarting``, ``exited`` …), ``labels`` are ours."""

    name: str
    state: str
    image: str
    labels: Mapping[str, str]


def read_list(out: str) -> dict[str, Container]:
    """What `LIST` prints."""
    found = {}
    for line in out.splitlines():
        name, state, image, *labels = line.split("\t")
        known = {label: value for label, value in zip(LABELS, labels, strict=True) if value}
        found[name] = Container(name=name, state=state, image=image, labels=known)
    return found


async def containers(machine: Machine) -> dict[str, Container]:
    """All containers of a machine, by name."""
    return read_list(await succeed(machine, LIST))


def marked(argv: Sequence[str]) -> tuple[str, ...]:
    """A ``docker run`` with a label that tells what it was run with, so that a later one can be compared."""
    digest = hashlib.sha256("\0".join(argv).encode()).hexdigest()[:12]
    docker, run, *rest = argv
    assert (docker, run) == ("docker", "run")
    return (docker, run, "--label", f"{ARGV}={digest}", *rest)


def name_of(argv: Sequence[str]) -> str:
    """The name that a ``docker run`` gives."""
    return argv[argv.index("--name") + 1]


def as_wanted(there: Container | None, argv: Sequence[str]) -> bool:
    """Whether a container runs that was started by just this ``docker run`` (of `marked`)."""
    return there is not None and there.state == "running" and f"{ARGV}={there.labels.get(ARGV)}" == argv[3]


async def remove(machine: Machine, name: str, *, stop_s: float = STOP_S) -> None:
    """Stops a container in order, and removes it."""
    await succeed(machine, ("docker", "stop", "--time", str(round(stop_s)), name), deadline_s=stop_s + 60)
    await succeed(machine, ("docker", "rm", "--force", name))


async def last_words(machine: Machine, name: str, lines: int = 20) -> str:
    """The tail of a container's log, or why there is none."""
    done = await machine.run(("docker", "logs", "--tail", str(lines), name))
    said = tail(done.out + done.err, lines)
    return said or "its log is empty"


async def replace(machine: Machine, argv: Sequence[str], there: Container | None) -> str:
    """Has just this container run (argv of `marked`). Says what was done, empty where nothing was. One that is
    replaced is killed: flotilla's own programs leave the gossip when they are stopped, and the next goes on at once."""
    if as_wanted(there, argv):
        return ""
    name = name_of(argv)
    if there is not None:
        await succeed(machine, ("docker", "rm", "--force", name))
    await succeed(machine, argv, deadline_s=120)
    if there is None:
        return f"{name} started"
    return f"{name} replaced" if there.state == "running" else f"{name} was {there.state}, started anew"
