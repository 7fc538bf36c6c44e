"""How a command ends where it cannot do its work: what is wrong, no traceback, and a status out of one table."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from flotilla.errors import (
    ChecksFailed,
    FleetFileError,
    FlotillaError,
    LabError,
    NotInTime,
    Refused,
    RemoteError,
    RemoteErrors,
    Stopped,
)

STATUSES: tuple[tuple[type[FlotillaError], int], ...] = (
    (FleetFileError, 2),
    (RemoteError, 3),
    (RemoteErrors, 3),
    (ChecksFailed, 4),
    (Stopped, 5),
    (NotInTime, 6),
    (Refused, 7),
    (LabError, 8),
)
"""The first that fits. 1 is for what is none of these, 2 also for a wrong command line."""

INTERRUPTED = 130


@contextmanager
def told() -> Iterator[None]:
    """Ends the program with what is wrong, where it is one of ours."""
    try:
        yield
    except FlotillaError as error:
        for number, line in enumerate(str(error).splitlines()):
            click.echo(f"flotilla: {line}" if number == 0 else f"  {line}", err=True)
        sys.exit(next((status for kind, status in STATUSES if isinstance(error, kind)), 1))
    except KeyboardInterrupt:
        click.echo("flotilla: interrupted", err=True)
        sys.exit(INTERRUPTED)
