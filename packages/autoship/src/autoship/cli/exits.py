"""How a command ends where it cannot do its work: a line for each problem, no traceback, and a status."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from autoship.errors import AutoshipError, ConfigurationError, HistoryError

STATUSES: tuple[tuple[type[AutoshipError], int], ...] = ((ConfigurationError, 2), (HistoryError, 3))
"""The first that fits. 1 is for what is wrong with the data."""

CANNOT_LISTEN = 4


@contextmanager
def told() -> Iterator[None]:
    """Ends the program with what is wrong, where it is one of ours."""
    try:
        yield
    except AutoshipError as error:
        for problem in error.problems if isinstance(error, ConfigurationError) else [str(error)]:
            click.echo(f"autoship: {problem}", err=True)
        sys.exit(next((status for kind, status in STATUSES if isinstance(error, kind)), 1))
