"""What may be approved without a look: a cut on the score, proved by past predictions, and a guard that stops it.

Two halves, each with a proof.

Evidence. The newest 1,000 predictions whose outcome somebody saw, made since the last alarm. Among ten fixed
thresholds (none, then 1 - 2⁻ʲ for j = 1 … 9) the cut is the lowest that at least m predictions reach, of which so few
were wrong that at an error of ``max_error`` it would have happened at most once in a hundred: P(Bin(n, max_error) ≤
wrong) ≤ 0.01 (Clopper and Pearson 1934; ten thresholds, Bonferroni; Angelopoulos et al. 2021, "Learn then Test"). So,
while the customer's ways are stable, at any moment the chance that the cut in use has a risk over ``max_error`` is at
most 10 %. None passes: nothing is approved.

Guard. Two CUSUMs (Page 1954, "Continuous inspection schemes") over the outcomes at or above the last cut, approved or
not. Of n such outcomes in a row at most min(max_error·n + 10.95, r·n + 5.32) can be wrong without an alarm; r = 0.11
at 5 %. An alarm forgets all evidence, that of predictions under way included. A start that ended in an alarm doubles
m, up to 800; 500 approved outcomes without an alarm take that back.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter, deque
from functools import lru_cache

from autoship.domain.prediction import Judged, Reason
from autoship.errors import InvalidInput

THRESHOLDS = (0.0, *(1 - 2.0**-j for j in range(1, 10)))
NEWEST = 1000
CHANCE = 0.01
LEAST_ERROR, MOST_ERROR = 0.005, 0.5
"""What can be promised: less than the least would want more outcomes than the newest 1,000."""
FIRST_NEEDED, MOST_NEEDED = 90, 800
MOST_FAILED = 4
"""Failed starts beyond these want no more evidence, and so are not counted."""
FAST_ALARM, SLOW_ALARM = 4.43, 10.0
CALM = 500
BUCKETS = 1 << 32


class Approval:
    """The evidence, the cut and the guard of one customer."""

    def __init__(self, max_error: float, audit: float) -> None:
        if not LEAST_ERROR <= max_error <= MOST_ERROR:
            raise InvalidInput("max_error", f"lies between {LEAST_ERROR} and {MOST_ERROR}, not {max_error}")
        if not 0.0 <= audit <= 1.0:
            raise InvalidInput("audit", f"is a share between 0 and 1, not {audit}")
        self.max_error = max_error
        self.audit = audit
        self.evidence: deque[tuple[int, bool]] = deque()
        self.cut: float | None = None
        self.last_cut: float | None = None
        self.alarm_at = -1
        self.alarms = 0
        self.failed_starts = 0
        self.approved_since_alarm = False
        self.calm = 0
        self.fast = 0.0
        self.slow = 0.0
        self.auditing = False
        self._least = orders_needed(0, max_error)
        self._reached = [0] * len(THRESHOLDS)
        self._wrong = [0] * len(THRESHOLDS)

    @property
    def needed(self) -> int:
        """m: how many outcomes a threshold wants, at least."""
        return max(self._least, min(MOST_NEEDED, FIRST_NEEDED << self.failed_starts))

    def decide(self, score: float, order_id: str | None) -> Reason | None:
        """Why a prediction of this score is not approved; None where it is."""
        if self.cut is None:
            if self.alarms and self._reached[0] < self.needed:
                return Reason.WAYS_CHANGED
            return Reason.LITTLE_EVIDENCE if self._reached[0] < self.needed else Reason.NOT_RIGHT_ENOUGH
        if score < self.cut:
            return Reason.UNSURE
        if self.auditing and held_back(order_id, self.audit):
            return Reason.AUDIT
        return None

    def learn(self, judged: Judged, right: bool, decided_by_person: bool, seq: int) -> None:
        """Learns what came of a prediction, at place ``seq`` of the log. What nobody looked at proves nothing."""
        if not decided_by_person:
            self.auditing = True
            return
        if judged.through < self.alarm_at:
            return
        if judged.approved or (self.last_cut is not None and judged.score >= self.last_cut):
            self._watch(judged.approved, right, seq)
            if self.alarm_at == seq:
                return
        self._count(judged.score, right)
        self._choose_cut()

    def _watch(self, approved: bool, right: bool, seq: int) -> None:
        error = 0.0 if right else 1.0
        self.fast = max(0.0, self.fast + error - fast_reference(self.max_error))
        self.slow = max(0.0, self.slow + error - self.max_error)
        self.approved_since_alarm = self.approved_since_alarm or approved
        self.calm += approved
        if self.fast > FAST_ALARM or self.slow > SLOW_ALARM:
            self._alarm(seq)
        elif self.calm >= CALM and self.failed_starts:
            self.calm = 0
            self.failed_starts -= 1

    def _alarm(self, seq: int) -> None:
        self.alarm_at = seq
        self.alarms += 1
        self.failed_starts = min(MOST_FAILED, self.failed_starts + self.approved_since_alarm)
        self.approved_since_alarm = False
        self.calm = 0
        self.fast = self.slow = 0.0
        self.cut = None
        self.evidence.clear()
        self._reached = [0] * len(THRESHOLDS)
        self._wrong = [0] * len(THRESHOLDS)

    def _count(self, score: float, right: bool) -> None:
        level = level_of(score)
        self._add(level, right, 1)
        self.evidence.append((level, right))
        if len(self.evidence) > NEWEST:
            self._add(*self.evidence.popleft(), -1)

    def _add(self, level: int, right: bool, sign: int) -> None:
        for threshold in range(level + 1):
            self._reached[threshold] += sign
            if not right:
                self._wrong[threshold] += sign

    def _choose_cut(self) -> None:
        self.cut = None
        needed = self.needed
        for threshold, reached in enumerate(self._reached):
            if reached < needed:
                return
            wrong = self._wrong[threshold]
            if wrong <= self.max_error * reached and reached >= orders_needed(wrong, self.max_error):
                self.cut = self.last_cut = THRESHOLDS[threshold]
                return

    def recount(self) -> None:
        """Counts the evidence anew, after it was loaded."""
        counts = Counter(self.evidence)
        for threshold in range(len(THRESHOLDS)):
            above = [(right, times) for (level, right), times in counts.items() if level >= threshold]
            self._reached[threshold] = sum(times for _, times in above)
            self._wrong[threshold] = sum(times for right, times in above if not right)


def level_of(score: float) -> int:
    """The highest threshold that a score reaches."""
    level = 0
    while level + 1 < len(THRESHOLDS) and score >= THRESHOLDS[level + 1]:
        level += 1
    return level


def fast_reference(max_error: float) -> float:
    """What an outcome takes off the fast CUSUM: best between an error of ``max_error`` and of four times as much
    (Page's k for Bernoulli variables: ln(q₀/q₁) / ln(p₁q₀/p₀q₁))."""
    low, high = max_error, min(4 * max_error, 0.95)
    return math.log((1 - low) / (1 - high)) / math.log(high * (1 - low) / (low * (1 - high)))


@lru_cache(maxsize=4096)
def orders_needed(wrong: int, max_error: float) -> int:
    """The least n with P(Bin(n, max_error) ≤ wrong) ≤ 0.01: 90 for none at 5 %, 130 for one."""
    low, high = wrong, wrong + 1
    while binomial_cdf(wrong, high, max_error) > CHANCE:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if binomial_cdf(wrong, middle, max_error) > CHANCE:
            low = middle
        else:
            high = middle
    return high


def binomial_cdf(successes: int, trials: int, probability: float) -> float:
    """P(Bin(trials, probability) ≤ successes), each term from its logarithm."""
    if successes >= trials:
        return 1.0
    log_p, log_q = math.log(probability), math.log1p(-probability)
    log_n = math.lgamma(trials + 1)
    return math.fsum(
        math.exp(log_n - math.lgamma(k + 1) - math.lgamma(trials - k + 1) + k * log_p + (trials - k) * log_q)
        for k in range(successes + 1)
    )


def held_back(order_id: str | None, share: float) -> bool:
    """Whether an order belongs to the share that is held back for a person: by its hash, so that asking again changes
    nothing. An order without an id is held back: its outcome could not be joined with it."""
    return order_id is None or zlib.crc32(order_id.encode()) < share * BUCKETS
