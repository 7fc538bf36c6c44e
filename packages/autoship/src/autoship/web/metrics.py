"""``GET /metrics``: everything that is counted, for Prometheus. No label names a customer: of tens of thousands, each
would be a series for ever. What is known of one is at ``/v1/customers/{id}``."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import version

from starlette.types import Receive, Scope, Send

from autoship.service import Autoship
from autoship.web.exposition import MEDIA_TYPE, Metric, Sample, histogram, render
from autoship.web.process import METRICS as PROCESS
from autoship.web.process import process
from autoship.web.response import respond
from autoship.web.traffic import BOUNDS_S, Traffic

Families = Iterator[tuple[Metric, list[Sample]]]

BUILD = Metric("autoship_build_info", "gauge", "Always 1; the labels say what runs.", ("version", "python"))
REQUESTS = Metric(
    "autoship_http_requests_total",
    "counter",
    "Requests, by the hundreds of their status.",
    ("method", "route", "status"),
)
DURATION = Metric(
    "autoship_http_request_duration_seconds",
    "histogram",
    "From the end of a request's header to the end of its answer.",
    ("method", "route"),
)
CONNECTIONS = Metric("autoship_http_connections", "gauge", "Connections that are open.")
REFUSED = Metric(
    "autoship_http_refused_total", "counter", "Connections ended before there was a request to answer.", ("reason",)
)
PREDICTIONS = Metric(
    "autoship_predictions_total",
    "counter",
    "Predictions given out; reason says why not approved, and is empty where approved.",
    ("approved", "reason"),
)
OUTCOMES = Metric(
    "autoship_outcomes_total",
    "counter",
    "Predictions compared with what was shipped, where somebody saw the choice.",
    ("approved", "right"),
)
STOPPED = Metric(
    "autoship_approvals_stopped_total", "counter", "How often approving was stopped: a customer's ways had changed."
)
RECORDS = Metric("autoship_records_total", "counter", "Records sent in, by what became of them.", ("outcome",))
LEARNED = Metric(
    "autoship_last_learned_timestamp_seconds", "gauge", "When the last new record was taken in, in seconds since 1970."
)
MODELS = Metric("autoship_models", "gauge", "Models in memory.")
BYTES = Metric("autoship_model_bytes", "gauge", "What the models in memory take.")
CACHE = Metric("autoship_model_requests_total", "counter", "Models asked for: in memory or not.", ("result",))
LOADS = Metric("autoship_model_loads_total", "counter", "Models made from the history because they were asked for.")
EVICTIONS = Metric("autoship_model_evictions_total", "counter", "Models put out of memory to make room.")
REBUILDS = Metric("autoship_model_rebuilds_total", "counter", "Models made anew after corrections.")
SNAPSHOTS = Metric("autoship_snapshots_saved_total", "counter", "Snapshots saved.")
UNUSABLE = Metric("autoship_snapshots_refused_total", "counter", "Snapshots that were of no use.")
TROUBLE = Metric("autoship_history_trouble", "gauge", "1 while the history is away, else 0.")
WAITING = Metric("autoship_predictions_waiting", "gauge", "Predictions given out that are not in the history yet.")
LOST = Metric("autoship_predictions_lost_total", "counter", "Predictions given out and given up: the history was away.")

METRICS = (
    BUILD, REQUESTS, DURATION, CONNECTIONS, REFUSED, PREDICTIONS, OUTCOMES, STOPPED, RECORDS, LEARNED, MODELS, BYTES,
    CACHE, LOADS, EVICTIONS, REBUILDS, SNAPSHOTS, UNUSABLE, TROUBLE, WAITING, LOST, *PROCESS,
)  # fmt: skip
"""All that there is."""


class Metrics:
    """The numbers as they stand. To ask for them takes no lock and waits for nobody."""

    def __init__(self, service: Autoship, traffic: Traffic) -> None:
        self._service = service
        self._traffic = traffic
        self._build = {"version": version("autoship"), "python": platform.python_version()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, render(self.families()), media_type=MEDIA_TYPE)

    def families(self) -> Families:
        """Every metric of `METRICS` that has a number, in their order."""
        yield BUILD, [Sample(1, self._build)]
        yield from self._of_traffic()
        yield from self._of_predictions()
        yield from self._of_models()
        yield from process()

    def _of_traffic(self) -> Families:
        series = self._traffic.series.items()
        yield (
            REQUESTS,
            [
                Sample(counted, {"method": method, "route": route, "status": f"{hundreds}xx"})
                for (method, route), one in series
                for hundreds, counted in enumerate(one.classes)
                if hundreds in (2, 4, 5) or counted
            ],
        )
        yield (
            DURATION,
            [
                sample
                for (method, route), one in series
                for sample in histogram(BOUNDS_S, one.buckets, one.seconds, {"method": method, "route": route})
            ],
        )
        yield CONNECTIONS, [Sample(self._traffic.connections)]
        yield REFUSED, [Sample(counted, {"reason": reason}) for reason, counted in self._traffic.refused.items()]

    def _of_predictions(self) -> Families:
        counters = self._service.counters
        yield (
            PREDICTIONS,
            [
                Sample(counted, {"approved": _word(reason is None), "reason": reason or ""})
                for reason, counted in counters.predictions.items()
            ],
        )
        yield (
            OUTCOMES,
            [
                Sample(counted, {"approved": _word(approved), "right": _word(right)})
                for (approved, right), counted in counters.outcomes.items()
            ],
        )
        yield STOPPED, [Sample(counters.alarms)]
        yield RECORDS, [Sample(counted, {"outcome": name}) for name, counted in counters.records.items()]
        yield LEARNED, [] if counters.last_learned is None else [Sample(counters.last_learned)]

    def _of_models(self) -> Families:
        service, counters = self._service, self._service.counters
        yield MODELS, [Sample(service.models)]
        yield BYTES, [Sample(service.model_bytes)]
        yield CACHE, [Sample(counters.hits, {"result": "hit"}), Sample(counters.misses, {"result": "miss"})]
        yield LOADS, [Sample(counters.loads)]
        yield EVICTIONS, [Sample(counters.evictions)]
        yield REBUILDS, [Sample(counters.rebuilds)]
        yield SNAPSHOTS, [Sample(counters.snapshots)]
        yield UNUSABLE, [Sample(counters.snapshots_refused)]
        yield TROUBLE, [Sample(service.history_trouble is not None)]
        yield WAITING, [Sample(service.predictions_waiting)]
        yield LOST, [Sample(counters.predictions_lost)]


def _word(truth: bool) -> str:
    return "true" if truth else "false"
