"""Load on gateways that counts every request, and what became of it: the values, and how tests run it.

The times of the requests are fixed in advance (an open loop), so that a stall is seen by all that were due in it. The
load is made by a process of its own (`flotilla_load_engine`), so that the caller may block. All times are seconds of
``time.monotonic()``, which on Linux all processes share.

    with under_load(Load(gateways=("127.0.0.1:8080",))) as running:
        kill(host)
        running.mark("killed")
        running.wait_until(lambda counts: counts.answered > 2_000)
    result = running.result
    assert not result.lost, result.text()
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum, StrEnum
from pathlib import Path

import msgspec

ENGINE = Path(__file__).with_name("flotilla_load_engine.py")
STEP_S = 0.1
"""Width of the steps of a timeline."""


class Outcome(IntEnum):
    """What became of a request. All but OK are lost."""

    OK = 0
    """An answer with a status of 2xx, whole, and with what it should have in it."""
    STATUS = 1
    """An answer with another status."""
    WRONG = 2
    """An answer of 2xx that is not the one to this request."""
    DROPPED = 3
    """The connection ended before the whole answer was there."""
    TIMED_OUT = 4
    REFUSED = 5
    """No connection could be made."""


class Order(StrEnum):
    """How a client chooses among gateways: each in its turn, or the first until that fails."""

    IN_TURN = "in turn"
    FIRST = "first"


class Again(StrEnum):
    """What a client asks another gateway when the first one fails: nothing; what could not be connected; also
    what was dropped and has a method that may be repeated; all that was dropped."""

    NEVER = "never"
    CONNECT = "connect"
    SAFE = "safe"
    ALL = "all"


class Ask(msgspec.Struct, frozen=True):
    """One request of the mix. ``host`` is its Host header (the gateway's address where empty); ``holds`` has to be
    in the body of the answer. ``{n}`` in ``path``, ``body`` and ``holds`` is the number of the request."""

    method: str = "GET"
    path: str = "/"
    body: str = ""
    host: str = ""
    headers: Mapping[str, str] = {}
    holds: str = ""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask, how often, and how. ``kept`` is the share of requests over kept connections (of which there are
    ``connections`` to each gateway, more where all are busy); each of the others has a connection of its own."""

    gateways: tuple[str, ...]
    rate: float = 400.0
    asks: tuple[Ask, ...] = (Ask(), Ask("POST", "/", "a body of forty letters, more or less, {n}"))
    kept: float = 0.5
    connections: int = 16
    timeout_s: float = 10.0
    connect_s: float = 3.0
    order: Order = Order.IN_TURN
    again: Again = Again.NEVER
    copy_header: str = "x-copy"
    """The header of the answer that names the copy; without it, ``"copy"`` of its JSON does."""
    seconds: float | None = None
    """Ends by itself after so long."""


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """One request: when it was due, was begun by the generator, was sent (the last try), and ended.

    ``races`` counts tries on a kept connection that the server closed just as the request was sent: a client repeats
    those if the method allows it (RFC 9110, 9.2.2). ``elsewhere`` counts tries at another gateway.
    """

    due: float
    begun: float
    sent: float
    end: float
    outcome: Outcome
    status: int
    ask: int
    gateway: int
    kept: bool
    races: int
    elsewhere: int
    copy: str
    why: str

    @property
    def stall_s(self) -> float:
        """How long the client waited, from the time the request was due."""
        return self.end - self.due


class Counts(msgspec.Struct, frozen=True):
    """What has happened so far; ``copies`` are the answers of each copy since the last such message, 100 ms ago."""

    at: float
    answered: int
    lost: int
    copies: Mapping[str, int]


class Finished(msgspec.Struct, frozen=True):
    """What the engine tells at its end. ``late`` are the times at which the generator itself was late by more than
    20 ms, and by how much: its machine was busy, and stalls at those times mean nothing."""

    begin: float
    end: float
    answers: Sequence[Answer]
    idle_closed: int
    cpu_s: float
    late: Sequence[tuple[float, float]]


def host_of(copy: str) -> str:
    """The host of a copy that is named ``address:port``; of another name, the name itself."""
    return copy.rpartition(":")[0] or copy


class Result:
    """Every request, and the marks that the caller set."""

    def __init__(self, load: Load, finished: Finished, marks: Mapping[str, float]) -> None:
        self.load = load
        self.begin, self.end = finished.begin, finished.end
        self.answers = finished.answers
        self.idle_closed = finished.idle_closed
        self.cpu = finished.cpu_s / max(finished.end - finished.begin, 1e-9)
        self.late = finished.late
        self.marks = marks

    @property
    def lost(self) -> list[Answer]:
        """The requests that got no answer of 2xx."""
        return [one for one in self.answers if one.outcome is not Outcome.OK]

    @property
    def outcomes(self) -> Counter[Outcome]:
        return Counter(one.outcome for one in self.answers)

    @property
    def races(self) -> int:
        """Requests that met a kept connection just as it was closed; those that were repeated are not lost."""
        return sum(one.races > 0 for one in self.answers)

    @property
    def stall_s(self) -> float:
        """The longest that any request waited for its answer."""
        return max((one.stall_s for one in self.answers), default=0.0)

    @property
    def late_s(self) -> float:
        """The longest that the generator itself was late: a part of `stall_s` that the gateway has no part in."""
        return max((by for _, by in self.late), default=0.0)

    def stall_between(self, begin: float, end: float) -> float:
        """The longest wait of the requests that were due in this time."""
        return max((one.stall_s for one in self.between(begin, end)), default=0.0)

    def quantile_s(self, share: float) -> float:
        """The latency that this share of the requests stayed under."""
        times = sorted(one.stall_s for one in self.answers)
        return times[min(int(share * len(times)), len(times) - 1)] if times else 0.0

    def between(self, begin: float, end: float) -> list[Answer]:
        """The requests that were due in this time."""
        return [one for one in self.answers if begin <= one.due < end]

    def sent(self, host: str, hosts: Callable[[str], str] = host_of) -> list[float]:
        """When the requests that this host answered were sent, in order."""
        return sorted(one.sent for one in self.answers if one.copy and hosts(one.copy) == host)

    def first_after(self, mark: float, host: str, hosts: Callable[[str], str] = host_of) -> float | None:
        """How long after ``mark`` the first request was sent that this host answered."""
        return next((at - mark for at in self.sent(host, hosts) if at >= mark), None)

    def last_after(self, mark: float, host: str, hosts: Callable[[str], str] = host_of) -> float:
        """How long after ``mark`` the last request was sent that this host answered; 0 where none was."""
        return max((at - mark for at in self.sent(host, hosts) if at >= mark), default=0.0)

    def timeline(self, hosts: Callable[[str], str] = host_of) -> dict[str, list[int]]:
        """For each host the requests sent to it in each step of `STEP_S` from `begin` on; lost ones under ``lost``."""
        steps = int((self.end - self.begin) / STEP_S) + 1
        lines: dict[str, list[int]] = {}
        for one in self.answers:
            name = hosts(one.copy) if one.outcome is Outcome.OK else "lost"
            line = lines.setdefault(name, [0] * steps)
            line[min(max(int((one.sent - self.begin) / STEP_S), 0), steps - 1)] += 1
        return dict(sorted(lines.items()))

    def text(self) -> str:
        """For people: counts, latencies, and the first that were lost."""
        counted = ", ".join(f"{count} {outcome.name.lower()}" for outcome, count in sorted(self.outcomes.items()))
        times = " ".join(f"{name} {self.quantile_s(share) * 1e3:.1f}" for name, share in (("p50", 0.5), ("p99", 0.99)))
        took_s = self.end - self.begin
        lines = [
            f"{len(self.answers)} requests in {took_s:.1f} s: {counted or 'none'}; {len(self.lost)} lost",
            f"latency in ms: {times} max {self.stall_s * 1e3:.1f}; the generator was late by {self.late_s * 1e3:.1f} "
            f"at most and used {self.cpu:.0%} of a core",
            f"kept connections: {self.idle_closed} closed idle, {self.races} closed just as they were used",
        ]
        if self.answers:
            longest = max(self.answers, key=lambda one: one.stall_s)
            lines.append(f"the longest wait began at {longest.due - self.begin:.3f} s")
        lines += [f"{name} at {at - self.begin:.3f} s" for name, at in self.marks.items()]
        lines += [
            f"lost at {one.sent - self.begin:.3f} s: {self.load.asks[one.ask].method} {one.outcome.name.lower()} "
            f"{one.status or ''} after {one.stall_s:.3f} s, {'kept' if one.kept else 'new'} connection"
            f"{f', {one.copy}' if one.copy else ''}: {one.why}"
            for one in self.lost[:10]
        ]
        return "\n".join(lines)


class Running:
    """A load under way. `result` is there after its end."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.marks: dict[str, float] = {}
        self.counts = Counts(0.0, 0, 0, {})
        self._news = threading.Condition()
        self._finished: Finished | None = None
        self._ended = False
        self._process = subprocess.Popen(
            [sys.executable, str(ENGINE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=-1
        )
        self._write(msgspec.json.encode(load) + b"\n")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait_until(lambda counts: counts.at > 0)

    @property
    def ended(self) -> bool:
        """Whether the load is over."""
        return self._ended

    @property
    def result(self) -> Result:
        """What came of it; ends the load."""
        if self._finished is None:
            self.stop()
        assert self._finished is not None, "the load generator ended without a result: its errors are above"
        return Result(self.load, self._finished, self.marks)

    def mark(self, name: str) -> float:
        """Remembers this moment under a name, and says when it was."""
        self.marks[name] = time.monotonic()
        return self.marks[name]

    def wait_until(self, condition: Callable[[Counts], bool], timeout_s: float = 60.0) -> Counts:
        """Waits until the counts (new ones every 100 ms) fulfil the condition; TimeoutError if they don't in time."""
        with self._news:
            met = self._news.wait_for(lambda: condition(self.counts) or self._ended, timeout_s)
        if not condition(self.counts):
            raise TimeoutError(f"{'not in time' if not met else 'the load ended before that'}: {self.counts}")
        return self.counts

    def go_on(self, seconds: float) -> None:
        """Waits for so much more load."""
        until = time.monotonic() + seconds
        self.wait_until(lambda counts: counts.at >= until, seconds + 30)

    def finish(self) -> None:
        """Waits for the end that ``load.seconds`` sets."""
        assert self.load.seconds is not None, "a load without `seconds` has no end of its own"
        self._reader.join(self.load.seconds + self.load.timeout_s * 2 + 30)
        self.kill()

    def stop(self) -> None:
        """Ends the load; waits for the answers that are under way."""
        if self._process.returncode is None:
            self._write(b"stop\n")
            self._reader.join(self.load.timeout_s * 2 + 30)
            self.kill()

    def kill(self) -> None:
        """Ends the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                continue

    def _write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except BrokenPipeError:
            return

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                if line.startswith(b'{"at"'):
                    self.counts = msgspec.json.decode(line, type=Counts)
                else:
                    self._finished = msgspec.json.decode(line, type=Finished)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


@contextmanager
def under_load(load: Load) -> Iterator[Running]:
    """Runs the block under this load, then ends it and waits for its last answers."""
    running = Running(load)
    try:
        yield running
        running.stop()
    finally:
        running.kill()
