"""What the service needs of a history: a log for each customer, a place for snapshots, and the predictions given out.

An adapter carries out what `autoship.domain.batch` decides; it decides nothing itself. Every adapter passes one
conformance suite (``tests/test_history.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

import msgspec

from autoship.domain.log import LogEntry
from autoship.domain.record import Record
from autoship.domain.served import Served

LONGEST_READ = 20_000
"""Of a longer history, a model is built from the last so many entries."""


class Appended(msgspec.Struct, frozen=True):
    """What an append did.

    ``entries`` are the new ones, to be learned in this order; ``after`` is the customer's last seq before them, and
    ``revision`` counts the corrections ever made to the customer's log, this append's included.
    """

    accepted: int
    unchanged: int
    replaced: int
    entries: tuple[LogEntry, ...]
    after: int
    revision: int


class Tail(msgspec.Struct, frozen=True):
    """The entries of a log after some seq, and the log's revision when they were read.

    ``cut`` says that there were more than `LONGEST_READ`, and that the oldest of them are missing.
    """

    entries: tuple[LogEntry, ...]
    revision: int
    cut: bool


class Snapshot(msgspec.Struct, frozen=True):
    """A model as bytes. It has learned the log through ``seq`` as it was at ``revision``."""

    seq: int
    revision: int
    data: bytes


class Retention(msgspec.Struct, frozen=True):
    """How many of the predictions that were given out are kept, and for how long."""

    number: int = 1_000_000
    age: timedelta = timedelta(days=90)


class History(Protocol):
    """One customer's log and what belongs to it, for all customers.

    Every method raises `HistoryUnavailable` where it may work later, and `HistoryUnusable` where somebody has to mend
    something first. What was written when a method returns survives a crash, unless the adapter keeps nothing at all.
    """

    @property
    def trouble(self) -> str | None:
        """Why the last call failed, None where it did not. Asks nobody."""

    async def append(self, customer_id: str, records: Sequence[Record]) -> Appended:
        """Adds ``records``, all of this customer, as `plan_batch` says: all of them or none.

        The same records again change nothing. A correction raises the revision and drops the snapshot in the same
        transaction.
        """

    async def read(self, customer_id: str, after: int = 0) -> Tail:
        """The entries with a seq above ``after``, in order, at most the last `LONGEST_READ`; none for a stranger."""

    async def load_snapshot(self, customer_id: str) -> Snapshot | None:
        """The customer's snapshot, where there is one."""

    async def save_snapshot(self, customer_id: str, snapshot: Snapshot) -> bool:
        """Keeps a snapshot unless it is of another revision than the log, or older than the one that is kept.

        Says whether it was kept.
        """

    async def keep_predictions(self, served: Sequence[Served]) -> None:
        """Keeps predictions that were given out, as long as the adapter's `Retention` says; the oldest go first.

        Those of a customer without a log are dropped: nothing is known that could have been predicted.
        """

    async def find_predictions(self, customer_id: str, order_id: str) -> Sequence[Served]:
        """The predictions that were given out for one order and are still kept, in the order of their giving."""

    async def probe(self) -> None:
        """Tries whether it can be read and written now, for little; `trouble` is of this call then, as of any other."""

    async def close(self) -> None:
        """Lets go of everything. The calls before it have their effect."""
