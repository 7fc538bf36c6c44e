"""The gateway's own metrics in Prometheus' text format. HAProxy's are HAProxy's: ``/metrics/haproxy``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from flotilla.domain.status import StatusDocument
from flotilla.programs.gateway_loop import GatewayLoop
from flotilla.programs.gateway_status import states

KIND = "text/plain; version=0.0.4"

Labels: TypeAlias = Mapping[str, str]
_COUNTERS = {
    "changes by commands": ("changes_total", "Changes of what HAProxy runs", {"by": "commands"}),
    "changes by reload": ("changes_total", "Changes of what HAProxy runs", {"by": "reload"}),
    "commands": ("commands_total", "Commands given to HAProxy", {}),
    "commands failed": ("commands_failed_total", "Commands that HAProxy refused", {}),
    "reloads failed": ("reloads_failed_total", "Reloads that HAProxy did not do", {}),
    "refused": ("configurations_refused_total", "Configurations that HAProxy refused", {}),
    "files written": ("files_written_total", "Configuration files installed", {}),
    "memories written": ("memories_written_total", "Times that the memory of members was written", {}),
    "gossip answers": ("gossip_answers_total", "Member lists that Serf told", {}),
    "gossip errors": ("gossip_errors_total", "Times that Serf did not tell its member list", {}),
    "hints": ("hints_total", "Events and queries heard from Serf", {}),
    "broken hints": ("hints_broken_total", "Queries that could not be read", {}),
    "rounds": ("rounds_total", "Rounds of the loop", {}),
}


def exposition(told: StatusDocument, loop: GatewayLoop) -> str:
    """All metrics as a text."""
    return "\n".join((*_counters(loop), *_gauges(told, loop), *_services(told), ""))


def _counters(loop: GatewayLoop) -> Iterator[str]:
    by_name: dict[str, tuple[str, list[tuple[Labels, float]]]] = {}
    for count, (name, words, labels) in _COUNTERS.items():
        by_name.setdefault(name, (words, []))[1].append((labels, loop.journal.counts[count]))
    for name, (words, values) in by_name.items():
        yield from _metric(name, "counter", words, values)
    yield from _metric("round_seconds_total", "counter", "Time spent in rounds", [({}, loop.rounds_s)])
    yield from _metric("round_seconds_max", "gauge", "The longest round so far", [({}, loop.longest_round_s)])


def _gauges(told: StatusDocument, loop: GatewayLoop) -> Iterator[str]:
    members = Counter((member.role, member.status) for member in told.members)
    simple = {
        "generation": ("Generation of the gateway file that is served by", told.generation or 0),
        "converged": ("1 while HAProxy runs what it should", told.proxy.converged),
        "installed": ("1 while the configuration file says what it should", told.proxy.installed),
        "haproxy_answers": ("1 while HAProxy answers", told.proxy.answers),
        "old_workers": ("Workers of HAProxy that end what they have", told.proxy.old_workers),
        "warnings": ("What a person should look at, see /status", len(told.warnings)),
        "troubles": ("What is wrong in the program's own surroundings", len(loop.journal.troubles)),
        "members_with_problems": ("Members without effect", sum(bool(one.problem) for one in told.members)),
        "refused": ("1 while HAProxy refuses a configuration", told.refusal is not None),
    }
    for name, (words, value) in simple.items():
        yield from _metric(name, "gauge", words, [({}, value)])
    if told.gossip.answered_s is not None:
        age_s = told.gossip.answered_s
        yield from _metric("gossip_age_seconds", "gauge", "Since Serf told its member list", [({}, age_s)])
    yield from _metric(
        "members",
        "gauge",
        "Members by role and Serf's status",
        [({"role": role, "status": status}, count) for (role, status), count in sorted(members.items())],
    )


def _services(told: StatusDocument) -> Iterator[str]:
    values: list[tuple[Labels, float]] = []
    for service in told.services:
        counted = states(server for server in told.servers if server.service == service.name)
        values += [({"service": service.name, "state": state}, count) for state, count in sorted(counted.items())]
    yield from _metric("servers", "gauge", "Copies by service and state", values)
    for name, words in (
        ("requests", "Requests"),
        ("answers_5xx", "Requests that were answered 5xx"),
        ("failed", "Connections to copies, or answers of theirs, that failed"),
        ("retries", "Requests that were asked again"),
    ):
        counts = [({"service": one.name}, getattr(one.total, name)) for one in told.services]
        yield from _metric(f"service_{name}_total", "counter", f"{words}, over HAProxy's reloads", counts)


def _metric(name: str, kind: str, words: str, values: Iterable[tuple[Labels, float]]) -> Iterator[str]:
    yield f"# HELP flotilla_{name} {words}"
    yield f"# TYPE flotilla_{name} {kind}"
    for labels, value in values:
        told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"flotilla_{name}{{{told}}} {_number(value)}" if told else f"flotilla_{name} {_number(value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.6f}"
