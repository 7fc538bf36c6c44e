"""One customer's model: a fold over the customer's log.

Learns entry by entry, predicts orders, says which may be approved. The same log gives the same model, learned step by
step or at once. It has no clock, no randomness and no I/O: times come with the orders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from sys import getsizeof
from typing import Any

import numpy as np

from autoship.domain.log import LogEntry
from autoship.domain.outcome import Outcome
from autoship.domain.prediction import Alternative, Judged, LearnedFrom, Prediction, Reason, Shipment
from autoship.domain.record import Order
from autoship.domain.summary import Summary
from autoship.learning.ages import Ages
from autoship.learning.approval import Approval
from autoship.learning.calibration import Calibration
from autoship.learning.choices import Choices
from autoship.learning.combining import choose
from autoship.learning.contexts import MAX_COMBINED, WHOLE, Contexts
from autoship.learning.flatten import Flat, flatten
from autoship.learning.kernel import Seen
from autoship.learning.mixture import Mixture
from autoship.learning.reasons import CONSIDERED, LEAST_WEIGHT, reasons
from autoship.learning.scores import Scores
from autoship.learning.table import SLOW, Floats, Table
from autoship.learning.window import Window

ALTERNATIVES = 3
LEAST_ALTERNATIVE = 0.001
FIRST_REVIEW = 64
MOST_BETWEEN_REVIEWS = 1000
REPLACING_GAIN = 0.02
"""In nats an order: what a new combination must gain to take the place of the oldest one."""
MOST_REPLACED = 2
MOST_FLATS = 1_000
"""So many orders that were foreseen are kept flat until they are learned."""
ENTRY_BYTES = 140
"""What a context, a value or a choice takes, give or take; and how many of them a key is worth."""
KEY_ENTRIES = 15
SHORT, MEASURED = 64, 16
"""Bytes of a key that an entry has room for, and how many keys are measured."""


class CustomerModel:
    """What was learned of one customer. ``seq`` is the place in the log up to which it has learned."""

    def __init__(self, *, max_error: float = 0.05, audit: float = 0.1) -> None:
        self.seq = 0
        self.orders = 0
        self.until: datetime | None = None
        self.next_review = FIRST_REVIEW
        self.ages = Ages()
        self.table = Table()
        self.contexts = Contexts(self.table)
        self.choices = Choices()
        self.window = Window()
        self.mixture = Mixture()
        self.calibration = Calibration()
        self.approval = Approval(max_error, audit)
        self.scores = Scores()

    # predicting

    def predict(self, order: Order, ordered_at: datetime, order_id: str | None = None) -> Prediction:
        """Predicts one order as of what was learned. Changes nothing. ``order_id`` decides only whether an order that
        could be approved is held back for a person."""
        learned = LearnedFrom(self.orders, self.until)
        if not self.orders:
            return Prediction(None, 0.0, 0.0, False, Reason.NO_HISTORY, (), (), learned, self.seq)
        flat = flatten(order, ordered_at)
        rows, keys, found = self.contexts.find(flat)
        seen = self.table.see(rows, keys, self.mixture.shares)
        (choice, score), *others = seen.best(ALTERNATIVES + 1)
        reason = self.approval.decide(score, order_id)
        confidence = self.calibration.confidence(score)
        speaking = self.table.kernel.speaking(seen, choice, CONSIDERED, LEAST_WEIGHT)
        return Prediction(
            shipment=self.choices.shipments[choice],
            confidence=confidence,
            score=score,
            approved=reason is None,
            reason=reason,
            alternatives=self._alternatives(others, (1 - confidence) / max(1 - score, 1e-9)),
            because=reasons(
                flat, [found[place] for place in speaking], choice, float(self.table.plain[0, choice]), self.window
            ),
            learned_from=learned,
            through=self.seq,
        )

    def probabilities(self, order: Order, ordered_at: datetime) -> Floats:
        """The probability of each of `choices`, in their order; none where nothing was learned."""
        if not self.orders:
            return np.zeros(0, np.float32)
        return self._see(flatten(order, ordered_at)).probabilities()

    def _see(self, flat: Flat) -> Seen:
        rows, keys, _ = self.contexts.find(flat)
        return self.table.see(rows, keys, self.mixture.shares)

    def _alternatives(self, others: Sequence[tuple[int, float]], factor: float) -> tuple[Alternative, ...]:
        """What else is probable; ``factor`` makes all that was not predicted add up to what the confidence leaves."""
        return tuple(
            Alternative(self.choices.shipments[choice], probability)
            for choice, score in others
            if (probability := min(1.0, factor * score)) >= LEAST_ALTERNATIVE
        )

    # learning

    def learn(self, batch: Sequence[LogEntry]) -> Iterator[Outcome | None]:
        """Learns one appended batch, or several one after another, never a part of one. Yields, after each entry, what
        came of its prediction (None where there was none), so that a caller can do something else in between; must be
        driven to its end. Between two steps the model is whole and may predict."""
        ahead = [e for e in batch if e.judged is None and e.foreseen_after < e.seq - 1]
        ahead.sort(key=lambda e: (e.foreseen_after, e.seq))
        foreseen: dict[int, Judged] = {}
        flats: dict[int, Flat] = {}
        following = 0
        for entry in batch:
            while following < len(ahead) and ahead[following].foreseen_after < entry.seq:
                early = ahead[following]
                following += 1
                if not self.orders:
                    continue
                flat = flatten(early.record.order, early.record.ordered_at)
                foreseen[early.seq] = self._judged(self._see(flat), early.record.order_id)
                if len(flats) < MOST_FLATS:
                    flats[early.seq] = flat
            flat = flats.pop(entry.seq) if entry.seq in flats else flatten(entry.record.order, entry.record.ordered_at)
            yield self._learn(entry, flat, entry.judged or foreseen.pop(entry.seq, None))

    def _judged(self, seen: Seen, order_id: str) -> Judged:
        ((choice, score),) = seen.best(1)
        approved = self.approval.decide(score, order_id) is None
        return Judged(self.choices.shipments[choice], score, approved, self.seq)

    def _learn(self, entry: LogEntry, flat: Flat, judged: Judged | None) -> Outcome | None:
        """Learns one entry. A context that is new adds nothing to the logits, so what the order is learned from also
        says how it would have been predicted just now."""
        record = entry.record
        rows, keys = self.contexts.enter(flat)
        seen = self.table.see(rows, keys, self.mixture.shares)
        if judged is None and entry.foreseen_after == entry.seq - 1 and self.orders:
            judged = self._judged(seen, record.order_id)
        outcome = None if judged is None else self._score(entry, judged)
        choice, is_new, replaced = self.choices.enter(record.shipment, self.table)
        if replaced:
            self.window.forget_choice(choice)
        if is_new:
            seen = self.table.see(rows, keys, self.mixture.shares)
        age = self.ages.of(record.known_at)
        if not age:
            self.ages.learn(record.known_at)
            self.mixture.learn(self.table.kernel.brier(seen, choice))
        self.table.learn(seen, choice, age)
        self.window.append(self.contexts.watched(flat), choice, seen.own_of(choice))
        self.seq = entry.seq
        self.orders += 1
        self.until = record.known_at if self.until is None else max(self.until, record.known_at)
        if self.orders >= self.next_review:
            self._review()
        return outcome

    def _score(self, entry: LogEntry, judged: Judged) -> Outcome:
        record = entry.record
        person = record.decided_by == "person"
        outcome = Outcome(
            seq=entry.seq,
            order_id=record.order_id,
            ordered_at=record.ordered_at,
            known_at=record.known_at,
            predicted=judged.shipment,
            shipment=record.shipment,
            confidence=self.calibration.confidence(judged.score) if judged.confidence is None else judged.confidence,
            score=judged.score,
            approved=judged.approved,
            served=entry.judged is not None,
            decided_by=record.decided_by,
            commonest=self._is_commonest(record.shipment),
        )
        right = outcome.right
        if person:
            self.scores.learn(judged.approved, right)
            self.calibration.learn(judged.score, right)
        self.approval.learn(judged, right, person, entry.seq)
        return outcome

    def _is_commonest(self, shipment: Shipment) -> bool:
        choice = self.choices.find(shipment)
        return choice is not None and choice == int(self.table.plain[SLOW].argmax())

    def _review(self) -> None:
        """Looks at the last orders again: which keys rest, and which fields are to be looked at together."""
        self.next_review = self.orders + min(self.orders, MOST_BETWEEN_REVIEWS)
        self.contexts.review(self.window)
        at = self.window.chronological()
        columns = {path: self.window.codes_of(path)[at] for path in self.window.columns if path != WHOLE}
        have = [key.paths for key in self.contexts.combined]
        room = MAX_COMBINED - len(have)
        replacing = room == 0
        chosen = choose(columns, self.window.choices[at], self.window.given[at], have, room or MOST_REPLACED)
        for paths, gain in chosen:
            if replacing:
                if gain < REPLACING_GAIN * len(at):
                    continue
                self.contexts.replace_oldest()
            self.contexts.combine(paths, self.window)

    # what was learned

    def classes(self) -> list[Shipment]:
        """The choices that this customer has made, in the order of `probabilities`."""
        return list(self.choices.shipments)

    def summary(self) -> Summary:
        """What was learned, for people."""
        warnings = [
            f"shipment.{field} is different for nearly every order: it is not a choice; send it in shipped instead"
            for field in self.choices.mistaken_fields()
        ]
        return Summary(
            orders=self.orders,
            choices=len(self.choices.shipments),
            learned_until=self.until,
            predicted=self.scores.predicted,
            right=self.scores.right,
            approved=self.scores.approved,
            approved_wrong=self.scores.approved_wrong,
            recent=self.scores.recent(),
            approving=self.approval.cut is not None,
            approving_from=self.approval.cut,
            alarms=self.approval.alarms,
            outcomes_needed=self.approval.needed,
            outcomes_seen=len(self.approval.evidence),
            warnings=warnings,
        )

    def nbytes(self) -> int:
        """About how many bytes of memory the model takes: its arrays exactly, what lies in dictionaries by count, and
        by the length of a few of its keys where they are long."""
        arrays = [value for part in (self.table, self.window) for value in vars(part).values()]
        total = sum(one.nbytes for one in arrays if isinstance(one, np.ndarray))
        for key in self.contexts.every_key():
            total += KEY_ENTRIES * ENTRY_BYTES + _nbytes(key.rows) + sum(map(getsizeof, key.paths))
        for column in self.window.columns.values():
            total += _nbytes(column.of_value)
        return total + _nbytes(self.choices.index)

    # snapshots

    def to_bytes(self) -> bytes:
        """A snapshot: data, never code. `from_bytes` makes the same model of it on any machine."""
        from autoship.learning.snapshot import encode

        return encode(self)

    @classmethod
    def from_bytes(cls, data: bytes, *, max_error: float = 0.05, audit: float = 0.1) -> CustomerModel:
        """The model of a snapshot; raises `SnapshotError` where it is damaged or of another version."""
        from autoship.learning.snapshot import decode

        model = cls(max_error=max_error, audit=audit)
        decode(data, model)
        return model


def _nbytes(entries: dict[Any, int]) -> int:
    """What a dictionary takes, as far as some of its keys tell."""
    some = list(islice(entries, MEASURED))
    return len(entries) * (ENTRY_BYTES + sum(max(0, _size(key) - SHORT) for key in some) // max(1, len(some)))


def _size(key: object) -> int:
    return sum(map(getsizeof, key)) if isinstance(key, tuple) else getsizeof(key)
