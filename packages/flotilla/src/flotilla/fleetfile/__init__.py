"""`fleet.yaml` as values, or every problem that it has, each with its line, its key, what was meant and the nearest
right name. Reads no file: `flotilla.adapters.fleet_file` does."""

from __future__ import annotations

from pathlib import Path

from flotilla.domain.fleet import Fleet
from flotilla.errors import FleetFileError
from flotilla.fleetfile.checks import check
from flotilla.fleetfile.grammar import FLEET
from flotilla.fleetfile.nodes import compose
from flotilla.fleetfile.problems import Place, Problems
from flotilla.fleetfile.sections import Draft, built

__all__ = ["parse"]


def parse(text: str, folder: Path, *, file: str = "fleet.yaml", home: Path = Path("~")) -> Fleet:
    """The fleet that ``text`` describes. ``folder`` is where relative paths start, ``home`` what ``~`` stands for, and
    ``file`` what problems call it. Raises `FleetFileError` with all of them, in the order of lines."""
    problems = Problems()
    node = compose(text, problems)
    draft = FLEET.read(node, Place(problems)) if node is not None else None
    if isinstance(draft, Draft):
        check(draft)
    if problems or not isinstance(draft, Draft):
        raise FleetFileError(*problems.told(file))
    fleet: Fleet = built(Draft(Fleet, {**draft.values, "folder": folder}, draft.places), home)
    return fleet
