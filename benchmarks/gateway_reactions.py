"""How fast the gateway reacts in a lab under 400 requests/s: a host joins, is killed, cut off, drains; packets are
lost, answers are slow. Each is a function over a `Site`, which it leaves as it found it.

A host's death is the end of its last answer: the command that kills it takes a while itself. Whether it still gets
requests after that only HAProxy knows, since each of them ends in an answer of another host (`gateway_watch`).
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Sequence

import msgspec
from flotilla.lab import Machine
from gateway_site import FIRST, HOST_FILE, Observed, Site
from gateway_watch import Watch
from serving_table import Section, Table, Target, short

BEFORE_S, SHOWN_S = 2.0, 6.0
POLL_S = 0.02


class Pace(msgspec.Struct, frozen=True):
    """How long is waited and looked at."""

    before_s: float
    after_s: float
    loss_s: float
    rest_s: float


FULL, QUICK = Pace(4.0, 8.0, 60.0, 60.0), Pace(2.5, 6.0, 15.0, 20.0)


class Reaction(msgspec.Struct, frozen=True):
    """One fault: what was reached; for the picture, when it began and the requests of each host in steps of 100 ms,
    from `BEFORE_S` before that to `SHOWN_S` after it."""

    name: str
    word: str
    targets: Sequence[Target]
    requests: int
    lines: dict[str, Sequence[int]]
    log: str
    late_s: float
    """The longest that the load generator did not get a processor: a stall of this much says nothing."""


def joins(site: Site, pace: Pace) -> Reaction:
    """The copies of a host are started, whose agent is there already and may have them serve."""
    host = site.lab.hosts[-1]
    copies = site.copies(host)
    with site.observed() as seen:
        site.verb("drain", host.address)
        site.lab.run(host, ("docker", "stop", *copies), timeout_s=90)
        asked = time.monotonic()
        with site.under_way("undrain", host.address):
            site.wait_written(host, HOST_FILE, asked)
            seen.running.go_on(pace.before_s)
            health = _Health(host, len(copies))
            site.lab.run(host, ("docker", "start", *copies))
            site.wait_serving(seen.running, host)
        seen.running.go_on(pace.after_s)
    healthy = health.first()
    first = seen.running.result.first_after(healthy, host.address, site.host_of)
    took = first if first is not None else float("inf")
    return _reaction("a host joins", "healthy", healthy, site, seen, [
        Target("a host joins: s from healthy to its first request", took, "s", at_most=1.5),
        *_none_lost("a host joins", seen),
    ])  # fmt: skip


def returns(site: Site, pace: Pace) -> Reaction:
    """A host that was killed is started again: Docker, the copies, the agent."""
    host = site.lab.hosts[-1]
    count = len(site.copies(host))
    with site.observed() as seen:
        site.lab.kill(host)
        seen.running.go_on(pace.after_s)
        health = _Health(host, count)
        site.lab.start(host)
        site.wait_serving(seen.running, host)
        seen.running.go_on(pace.after_s)
    healthy = health.first()
    first = seen.running.result.first_after(healthy, host.address, site.host_of)
    return _reaction("a killed host comes back", "healthy", healthy, site, seen, [
        Target("comes back: s from healthy to its first request", first if first is not None else float("inf"), "s"),
        *_none_lost("comes back", seen),
    ])  # fmt: skip


def killed(site: Site, pace: Pace) -> Reaction:
    """A host is killed with -9, as in a power cut."""
    host = site.lab.hosts[0]
    with site.observed() as seen:
        seen.running.go_on(pace.before_s)
        asked = seen.running.mark("killed")
        site.lab.kill(host)
        seen.running.go_on(pace.after_s)
        site.lab.start(host)
        site.wait_serving(seen.running, host)
    return _dead("killed with -9", host, asked, 0.5, pace, site, seen)


def cut_off(site: Site, pace: Pace) -> Reaction:
    """A host loses its network: nothing says no, all just ends."""
    host = site.lab.hosts[1]
    with site.observed() as seen:
        seen.running.go_on(pace.before_s)
        asked = seen.running.mark("cut off")
        site.lab.cut(host)
        seen.running.go_on(pace.after_s)
        site.lab.mend(host)
        site.wait_serving(seen.running, host)
    return _dead("cut off", host, asked, 1.0, pace, site, seen)


def drains(site: Site, pace: Pace) -> Reaction:
    """A host drains by ``flotilla drain``; counted from the moment when it was told."""
    host = site.lab.hosts[-1]
    with site.observed() as seen:
        seen.running.go_on(pace.before_s)
        asked = time.monotonic()
        site.verb("drain", host.address)
        seen.running.go_on(pace.after_s)
        told = max(asked, site.written(host, HOST_FILE))
        seen.running.marks["drain"] = told
        until = time.monotonic()
        site.verb("undrain", host.address)
        site.wait_serving(seen.running, host)
    sent = [at for at in seen.running.result.sent(host.address, site.host_of) if at < until]
    last = max(max(sent, default=told) - told, 0.0)
    return _reaction("a host drains", "drain", told, site, seen, [
        Target("drains: s until its last request", last, "s", at_most=0.3),
        *_none_lost("drains", seen),
    ])  # fmt: skip


def loses_packets(site: Site, pace: Pace) -> Reaction:
    """Five packets of a hundred are lost, to and from every host."""
    with site.observed() as seen:
        seen.running.go_on(pace.before_s)
        begin = seen.running.mark("loss")
        for host in site.lab.hosts:
            site.lab.loss(host, 5)
        seen.running.go_on(pace.loss_s)
        for host in site.lab.hosts:
            site.lab.loss(host, 0)
        end = time.monotonic()
        seen.running.go_on(pace.before_s)
    return _reaction("5 % of packets lost", "loss", begin, site, seen, [
        _none_down("5 % loss", begin, end, seen),
        *_none_lost("5 % loss", seen, stall=False),
    ])  # fmt: skip


def answers_slowly(site: Site, pace: Pace) -> Reaction:
    """Every answer takes two seconds."""
    with site.observed(connections=64) as seen:
        seen.running.go_on(pace.before_s)
        begin = seen.running.mark("slow")
        for host in site.lab.hosts:
            site.control(host, slow_s=2.0)
        seen.running.go_on(pace.after_s)
        for host in site.lab.hosts:
            site.control(host, slow_s=0.0)
        seen.running.go_on(pace.before_s)
    return _reaction("answers take 2 s", "slow", begin, site, seen, [
        _none_down("answers of 2 s", begin, time.monotonic(), seen),
        *_none_lost("answers of 2 s", seen, stall=False),
    ])  # fmt: skip


ALL: dict[str, Callable[[Site, Pace], Reaction]] = {
    "joins": joins,
    "killed": killed,
    "cut": cut_off,
    "drains": drains,
    "loss": loses_packets,
    "slow": answers_slowly,
    "returns": returns,
}


def section(reactions: Sequence[Reaction], gateways: int, hosts: int, rate: float) -> Section:
    """All of them, as a table; a word where a target is missed."""
    rows = [
        (f"{one.name}: {target.name.partition(': ')[2]}", f"{short(target.value)} {target.unit}", target.verdict)
        for one in reactions
        for target in one.targets
    ]
    late_s = max(one.late_s for one in reactions)
    about = (
        f"A lab of {hosts} hosts with 4 copies each and {gateways} gateway; {rate:.0f} requests/s, GET and POST, half "
        f"of them over kept connections; {sum(one.requests for one in reactions)} requests in all. The "
        f"load generator itself was kept waiting for its processor by {late_s:.2f} s at most."
    )
    targets = [target for one in reactions for target in one.targets]
    return Section("Reactions", about, Table(("", "reached", ""), rows), targets, reactions)


def _dead(name: str, host: Machine, asked: float, limit_s: float, pace: Pace, site: Site, seen: Observed) -> Reaction:
    result = seen.running.result
    until = asked + pace.after_s
    # What was in flight when a host was cut off may be answered once it is back.
    ends = [one.end for one in result.answers if site.host_of(one.copy) == host.address and one.end < until]
    died = max(max(ends), asked)
    seen.running.marks[name] = died
    window = [sample for sample in seen.watch.samples if sample.at < until]
    tries = Watch(window).chosen(host.address, died)
    last = max((at - died for at, _ in tries), default=0.0)
    late = sum(count for at, count in tries if at > died + limit_s)
    return _reaction(name, name, died, site, seen, [
        Target(f"{name}: s until no request goes there", last, "s", at_most=limit_s),
        Target(f"{name}: tries there after {limit_s:g} s", late, "requests"),
        *_none_lost(name, seen, until=until),
    ])  # fmt: skip


def _none_lost(name: str, seen: Observed, stall: bool = True, until: float | None = None) -> list[Target]:
    """Of all requests none is lost; the stall is of those that were due before ``until``."""
    result = seen.running.result
    lost = Target(f"{name}: requests lost", len(result.lost), "lost", at_most=0)
    stall_s = result.stall_between(result.begin, until or result.end)
    longest = Target(f"{name}: longest stall", stall_s, "s", at_most=1.0 if stall else None)
    return [lost, longest]


def _none_down(name: str, begin: float, end: float, seen: Observed) -> Target:
    during = Watch([sample for sample in seen.watch.samples if sample.at < end])
    return Target(f"{name}: live servers held for dead", len(during.went_down(begin)), "servers", at_most=0)


def _reaction(name: str, word: str, moment: float, site: Site, seen: Observed, targets: Sequence[Target]) -> Reaction:
    result = seen.running.result
    seen.running.marks[word] = moment
    lines: dict[str, list[int]] = {}
    steps = int((BEFORE_S + SHOWN_S) * 10)
    for one in result.answers:
        step = int((one.sent - moment + BEFORE_S) * 10)
        if 0 <= step < steps and one.sent > moment - BEFORE_S:
            host = site.host_of(one.copy) if one.copy else "lost"
            lines.setdefault(host, [0] * steps)[step] += 1
    return Reaction(name, word, targets, len(result.answers), dict(sorted(lines.items())), result.text(), result.late_s)


class _Health:
    """Asks the copies of a host for their health, again and again, until each has said 200."""

    def __init__(self, host: Machine, copies: int) -> None:
        self._times: dict[int, float] = {}
        self._threads = [
            threading.Thread(target=self._ask, args=(host.address, FIRST + index), daemon=True)
            for index in range(copies)
        ]
        for thread in self._threads:
            thread.start()

    def first(self) -> float:
        """When the first of them said so."""
        for thread in self._threads:
            thread.join(90)
        if not self._times:
            raise SystemExit("no copy became healthy")
        return min(self._times.values())

    def _ask(self, address: str, port: int) -> None:
        end = time.monotonic() + 90
        while time.monotonic() < end:
            connection = http.client.HTTPConnection(address, port, timeout=1)
            try:
                connection.request("GET", "/healthz")
                if connection.getresponse().status == 200:
                    self._times[port] = time.monotonic()
                    return
            except OSError:
                pass
            finally:
                connection.close()
            time.sleep(POLL_S)
