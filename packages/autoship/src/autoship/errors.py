"""Every error that autoship raises on purpose.

AutoshipError
├── InvalidInput(field, problem)      what a client sent is wrong; names the field and the mend
│   └── InputTooLarge                 larger than is taken in at once
├── Refused                           a request is not served, whatever is in it
│   ├── Unauthorized                  without the token, or with a wrong one
│   ├── Forbidden                     sent by another site's page
│   ├── TooSlow                       the request did not arrive in time
│   └── Stopping                      the service is being stopped, and could not wait for the rest
├── SnapshotError                     a snapshot cannot be used; the model is rebuilt from history
│   ├── SnapshotDamaged               truncated, altered, or not a snapshot
│   └── SnapshotVersionUnknown        written by a version with another format
├── HistoryError                      the history cannot do what was asked
│   ├── HistoryUnavailable            not now: try again
│   │   └── HistoryInUse              another process has it open
│   └── HistoryUnusable               not ever, until somebody mends it (corrupted, wrong version, no such folder)
└── ConfigurationError(problems)      flags and variables that cannot be used, all reported together
"""

from __future__ import annotations

from collections.abc import Sequence

LONGEST_FIELD = 200


class AutoshipError(Exception):
    """The base of all of them."""


class InvalidInput(AutoshipError):
    """A value that a client sent cannot be used.

    ``field`` is a dotted path into what was sent (``shipment.carrier``), or ``None`` where the whole is meant;
    ``problem`` says what is wrong and what would be right. A field whose name is very long is named by its beginning.
    """

    def __init__(self, field: str | None, problem: str) -> None:
        if field is not None and len(field) > LONGEST_FIELD:
            field = f"{field[:LONGEST_FIELD]}…"
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field
        self.problem = problem


class InputTooLarge(InvalidInput):
    """Larger than is taken in at once. The problem says how to send it instead."""


class Refused(AutoshipError):
    """A request is not served, whatever is in it."""


class Unauthorized(Refused):
    """It came without the token, or with a wrong one."""


class Forbidden(Refused):
    """A browser says that the page of another site sent it."""


class TooSlow(Refused):
    """It did not arrive in the time that a client has."""


class Stopping(Refused):
    """The service is being stopped, and the request was not done in the time that was left."""


class SnapshotError(AutoshipError):
    """A snapshot cannot be used. Rebuild the model from history instead."""


class SnapshotDamaged(SnapshotError):
    """Truncated, altered, out of bounds, or no snapshot at all."""


class SnapshotVersionUnknown(SnapshotError):
    """Written in a format that this version does not read."""


class HistoryError(AutoshipError):
    """The history cannot do what was asked."""


class HistoryUnavailable(HistoryError):
    """Not now: locked, full, read-only or away. The same call may succeed later."""


class HistoryInUse(HistoryUnavailable):
    """Another process has it open, and only one may."""


class HistoryUnusable(HistoryError):
    """Not until somebody mends it: corrupted, of a newer version, or in a folder that is not there."""


class ConfigurationError(AutoshipError):
    """Flags and variables that cannot be used, all of them at once."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)
