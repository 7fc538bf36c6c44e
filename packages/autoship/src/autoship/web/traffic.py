"""Counts the requests that are answered, by route and by how, and how long that took. Plain numbers, so that counting
costs a request well under a microsecond; `autoship.web.metrics` says them to Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from enum import StrEnum

BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""The upper bounds of the histogram's buckets, each within its bucket; one more takes what is above."""

CLASSES = 6
GONE = 499
"""The status of a request whose client went away before the answer, as nginx has it."""

UNKNOWN = ("other", "other")
"""The method and the route of what is at no route: an address is anybody's to invent."""


class Refusal(StrEnum):
    """Why a connection was ended before there was a request to answer."""

    MALFORMED = "malformed"
    TOO_MANY = "too_many_connections"
    HEADER_TOO_LARGE = "header_too_large"
    HEADER_TOO_SLOW = "header_too_slow"
    ANSWER_NOT_READ = "answer_not_read"


class Series:
    """One method of one route: answers by the hundreds of their status, durations by bucket, and their sum."""

    __slots__ = ("buckets", "classes", "seconds")

    def __init__(self) -> None:
        self.classes = [0] * CLASSES
        self.buckets = [0] * (len(BOUNDS_S) + 1)
        self.seconds = 0.0

    def add(self, status: int, seconds: float) -> None:
        """Counts one answer."""
        self.classes[status // 100] += 1
        self.buckets[bisect_left(BOUNDS_S, seconds)] += 1
        self.seconds += seconds


class Traffic:
    """All of it, since the start. ``connections`` are open now."""

    def __init__(self) -> None:
        self.series: dict[tuple[str, str], Series] = {}
        self.refused = dict.fromkeys(Refusal, 0)
        self.connections = 0

    def of(self, method: str, route: str) -> Series:
        """The series of a method and a route, which are among those that the application has."""
        return self.series.setdefault((method, route), Series())
