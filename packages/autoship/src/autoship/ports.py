"""What the service needs of a history: for each customer a log, and what is kept beside it. The log is the truth: a
snapshot and the outcomes follow from it, and can be made again.

An adapter carries out what `autoship.domain.batch` decides; it decides nothing itself. Every adapter passes one
conformance suite (``tests/test_history.py`` and those beside it).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from autoship.domain.log import LogEntry
from autoship.domain.outcome import Match, Outcome
from autoship.domain.record import Record
from autoship.domain.served import Served
from autoship.domain.settings import Chosen
from autoship.domain.summary import Numbers

LONGEST_READ = 20_000
"""Of a longer history, a model is built from the last so many entries."""


class Appended(msgspec.Struct, frozen=True):
    """What an append did.

    ``entries`` are the new ones, to be learned in this order; ``after`` is the customer's last seq before them, and
    ``revision`` the log's, after this append.
    """

    accepted: int
    unchanged: int
    replaced: int
    entries: tuple[LogEntry, ...]
    after: int
    revision: int


class Tail(msgspec.Struct, frozen=True):
    """The entries of a log after some seq, and the log's revision and the customer's settings when they were read.

    ``cut`` says that there were more than `LONGEST_READ`, and that the oldest of them are missing; ``chosen`` is None
    for a stranger.
    """

    entries: tuple[LogEntry, ...]
    revision: int
    cut: bool
    chosen: Chosen | None


class Snapshot(msgspec.Struct, frozen=True):
    """A model as bytes. It has learned the log through ``seq`` as it was at ``revision``; ``numbers`` are its own."""

    seq: int
    revision: int
    data: bytes
    numbers: Numbers = Numbers()


class Listed(msgspec.Struct, frozen=True):
    """A customer in a list: how many ``orders`` its log has, ``until`` when the newest of them became known, and the
    numbers of its snapshot, None where there is none."""

    customer_id: str
    orders: int
    until: datetime | None
    numbers: Numbers | None


class Retention(msgspec.Struct, frozen=True):
    """How many of the predictions that were given out are kept, and for how long."""

    number: int = 1_000_000
    age: timedelta = timedelta(days=90)


class History(Protocol):
    """One customer's log and what belongs to it, for all customers.

    A log's *revision* changes with whatever changes the model that it makes, other than new entries: corrections,
    deletions, settings. It is never one that the customer had before, not even after it was forgotten and came again.

    Every method raises `HistoryUnavailable` where it may work later, and `HistoryUnusable` where somebody has to mend
    something first. What was written when a method returns survives a crash, unless the adapter keeps nothing at all.
    """

    @property
    def trouble(self) -> str | None:
        """Why the last call failed, None where it did not. Asks nobody."""

    # the log

    async def append(self, customer_id: str, records: Sequence[Record]) -> Appended:
        """Adds ``records``, all of this customer, as `plan_batch` and `foresee` say: all of them or none.

        The same records again change nothing. A correction raises the revision, and drops the snapshot and the
        record's outcome in the same transaction.
        """

    async def read(self, customer_id: str, after: int = 0) -> Tail:
        """The entries with a seq above ``after``, in order, at most the last `LONGEST_READ`; none for a stranger."""

    async def find_record(self, customer_id: str, order_id: str) -> LogEntry | None:
        """The entry of one order, where there is one."""

    async def list_customers(self, after: str | None, limit: int) -> Sequence[Listed]:
        """At most ``limit`` customers with an id after ``after``, by the code points of their ids."""

    # what follows from it

    async def load_snapshot(self, customer_id: str) -> Snapshot | None:
        """The customer's snapshot, where there is one."""

    async def save_snapshot(self, customer_id: str, snapshot: Snapshot) -> bool:
        """Keeps a snapshot unless it is of another revision than the log, or older than the one that is kept.

        Says whether it was kept.
        """

    async def keep_outcomes(
        self, customer_id: str, outcomes: Sequence[Outcome], *, revision: int, since: int | None = None
    ) -> bool:
        """Keeps outcomes, each in place of the one of its seq, unless they are of another revision than the log.

        With ``since``, those kept before with a seq at or above it go. Says whether they were kept.
        """

    async def read_outcomes(
        self, customer_id: str, match: Match, *, before: int | None = None, limit: int
    ) -> Sequence[Outcome]:
        """At most ``limit`` outcomes that fit ``match``, with a seq below ``before``, the newest first by seq."""

    # what was given out

    async def keep_predictions(self, served: Sequence[Served]) -> None:
        """Keeps predictions that were given out, as long as the adapter's `Retention` says; the oldest go first.

        Those of a customer without a log are dropped: nothing is known that could have been predicted.
        """

    async def find_answer(self, customer_id: str, order_id: str) -> Served | None:
        """The prediction that the order's record is judged by, if it was given out and is still kept; the last one
        given out, where the order has no record yet."""

    # settings and deletions

    async def load_settings(self, customer_id: str) -> Chosen | None:
        """What was chosen for a customer, None for a stranger."""

    async def save_settings(self, customer_id: str, chosen: Chosen) -> int | None:
        """Keeps what was chosen for a customer; a change raises the revision and drops the snapshot.

        Gives the revision, None for a stranger.
        """

    async def delete_customer(self, customer_id: str) -> bool:
        """Forgets a customer: its log and all that is kept beside it. Says whether there was one."""

    async def delete_record(self, customer_id: str, order_id: str) -> int | None:
        """Forgets a record, its outcome and the predictions given out for its order; raises the revision, drops the
        snapshot, and leaves the rest of the log as `foresee` says.

        Gives the revision, None where there is no such record.
        """

    async def probe(self) -> None:
        """Tries whether it can be read and written now, for little; `trouble` is of this call then, as of any other."""

    async def close(self) -> None:
        """Lets go of everything. The calls before it have their effect."""
