"""Requests counted over reloads: HAProxy's workers count from zero, people want the last minute and the whole."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from flotilla.domain.load import Load, Part, Statistics
from flotilla.domain.status import Traffic

SPAN_S = 60.0
_Counts = tuple[int, int, int, int]
_NONE: _Counts = (0, 0, 0, 0)


class TrafficCounter:
    """Fed with samples, it tells for each service its traffic. ``service_of`` tells the service of a backend, None
    where it is of none."""

    def __init__(self, service_of: Callable[[str], str | None], now_s: float) -> None:
        self._service_of = service_of
        self._since_s = now_s
        self._worker: object = None
        self._last: dict[str, _Counts] = {}
        self._totals: dict[str, _Counts] = {}
        self._samples: deque[tuple[float, Mapping[str, _Counts]]] = deque()

    def sample(self, statistics: Statistics, worker: object, now_s: float) -> None:
        """What HAProxy counts now; ``worker`` names the process that counts."""
        if worker != self._worker:
            self._worker, self._last = worker, {}
        for load in statistics.loads:
            service = self._service_of(load.backend) if load.part is Part.BACKEND else None
            if service is not None:
                now = _counts(load)
                before = self._last.get(load.backend, _NONE)
                more = tuple(max(0, one - other) for one, other in zip(now, before, strict=True))
                total = self._totals.get(service, _NONE)
                self._totals[service] = tuple(map(sum, zip(total, more, strict=True)))  # type: ignore[assignment]
                self._last[load.backend] = now
        self._samples.append((now_s, dict(self._totals)))
        while len(self._samples) > 2 and self._samples[1][0] <= now_s - SPAN_S:
            self._samples.popleft()

    def recent(self, service: str) -> Traffic:
        """About the last minute's."""
        if len(self._samples) < 2:
            return Traffic()
        (first_s, first), (last_s, last) = self._samples[0], self._samples[-1]
        before = first.get(service, _NONE)
        more = (one - other for one, other in zip(last.get(service, _NONE), before, strict=True))
        return _traffic(last_s - first_s, *more)

    def total(self, service: str) -> Traffic:
        """Since the program began."""
        last_s = self._samples[-1][0] if self._samples else self._since_s
        return _traffic(last_s - self._since_s, *self._totals.get(service, _NONE))


def _counts(load: Load) -> _Counts:
    return load.requests, load.answers_5xx, load.failed, load.retries


def _traffic(span_s: float, requests: int = 0, answers_5xx: int = 0, failed: int = 0, retries: int = 0) -> Traffic:
    return Traffic(span_s=span_s, requests=requests, answers_5xx=answers_5xx, failed=failed, retries=retries)
