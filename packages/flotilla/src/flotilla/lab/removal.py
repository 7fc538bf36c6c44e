"""Which labs there are, and how one goes: everything of Docker's with its labels, then the files that it wrote.

Needs neither the files nor a whole lab, so that what any crash left goes, too. The images stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from flotilla.errors import LabError
from flotilla.lab import folder
from flotilla.lab.engine import finished, inspected, listed
from flotilla.lab.layout import DIRECTORY, LAB
from flotilla.lab.steps import Say, silent, step

REMOVALS = (
    ("container", ("rm", "--force", "--volumes")),
    ("volume", ("rm", "--force")),
    ("network", ("rm",)),
)
"""In this order: what is used goes after what uses it."""

TRIES = 5
REMOVAL_S = 300


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A lab of this machine, whole or in parts."""

    name: str
    directory: Path
    machines: int


def labs() -> list[Found]:
    """All labs of this machine, what is left of broken ones included."""
    count: dict[tuple[str, str], int] = {}
    for what, _ in REMOVALS:
        for found in inspected(what, listed(what, LAB)):
            labels: dict[str, str] = (found.get("Config") or found)["Labels"]
            key = (labels[LAB], labels[DIRECTORY])
            count[key] = count.get(key, 0) + (what == "container")
    return [Found(name=name, directory=Path(path), machines=number) for (name, path), number in sorted(count.items())]


def marks(directory: Path | None, name: str | None) -> tuple[str, ...]:
    """The label that all parts of a lab have. Raises `LabError` where it is not said which lab."""
    if name is not None:
        return (f"{LAB}={name}",)
    if directory is None:
        raise LabError("say which lab: its --dir, or its --name")
    return (f"{DIRECTORY}={directory.resolve()}",)


def absent(directory: Path | None, name: str | None) -> str:
    """That there is no such lab, and which there are."""
    others = labs()
    which = f"named {name}" if name is not None else f"of {directory}"
    if not others:
        return f"no lab {which}: `flotilla lab up` makes one"
    there = "; ".join(f"--name {found.name} (--dir {found.directory})" for found in others)
    return f"no lab {which}. There are: {there}"


def down(directory: Path | None = None, name: str | None = None, say: Say = silent) -> bool:
    """Removes a lab: containers, volumes, network and the files that it wrote. Whether there was anything. Works on
    any part of a lab, as often as one likes. Raises `LabError`."""
    wanted = marks(directory, name)
    places = {found.directory for found in labs() if found.name == name}
    places |= {directory.resolve()} if directory is not None else set()
    anything = False
    for what, words in REMOVALS:
        number = len(listed(what, *wanted))
        if number:
            anything = True
            with step(say, f"{number} {what}{'s' * (number > 1)} removed"):
                _remove(what, words, wanted)
    for path in sorted(places):
        anything = folder.is_labs(path) or anything
        left = folder.remove(path)
        if left:
            say(f"left in {path}, since the lab did not write it so: {', '.join(left)}")
    return anything


def _remove(what: str, words: Sequence[str], wanted: Sequence[str]) -> None:
    """Removes until nothing is left: somebody else may be at it, too. Who is on the network and not of the lab is
    taken off it."""
    said = ""
    for _ in range(TRIES):
        ids = listed(what, *wanted)
        if not ids:
            return
        if what == "network":
            for network in inspected(what, ids):
                for other in network["Containers"]:
                    finished(what, "disconnect", "--force", network["Id"], other)
        said = finished(what, *words, *ids, timeout_s=REMOVAL_S).stderr.decode(errors="replace").strip()
    if listed(what, *wanted):
        raise LabError(f"a {what} of the lab cannot be removed: {said}")
