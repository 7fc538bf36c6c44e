"""Reads the operator's fleet file from disk; what is in it is decided in `flotilla.fleetfile`."""

from __future__ import annotations

from pathlib import Path

from flotilla.domain.fleet import Fleet
from flotilla.errors import FleetFileError
from flotilla.fleetfile import parse
from flotilla.fleetfile.nodes import MOST_BYTES


def read(path: Path) -> Fleet:
    """The fleet that the file describes. Raises `FleetFileError`, where it cannot be read, too."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise FleetFileError(f"{path}: is not there: flotilla init writes one to begin with") from error
    except OSError as error:
        raise FleetFileError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        if len(data) <= MOST_BYTES:
            line = data.count(b"\n", 0, error.start) + 1
            raise FleetFileError(f"{path}:{line}: is not UTF-8: save it in that encoding") from error
        text = data.decode(errors="replace")
    return parse(text, path.parent.absolute(), file=str(path), home=_home())


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        return Path("~")
