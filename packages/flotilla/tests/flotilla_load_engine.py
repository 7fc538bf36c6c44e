"""Makes the load: reads a `Load` as a line of JSON, tells `Counts` every 100 ms, and at the end `Finished`.

HTTP/1.1 as far as a load generator needs it, on bare asyncio protocols, so that 1,000 requests/s take a small part of
a core. It ends at the second line on its standard input, or at the end of that.
"""

from __future__ import annotations

import asyncio
import gc
import os
import re
import sys
import threading
import time
from collections import Counter, deque
from typing import cast

import msgspec
from flotilla_load import Again, Answer, Counts, Finished, Load, Order, Outcome

RACE_S = 0.1
"""A kept connection that ends without a byte this soon after a request was written was being closed already."""
AWAY_S = 1.0
"""For how long a gateway that failed is asked only after the others."""
SWEEP_S = 0.02
TELL_S = 0.1
LATE_S = 0.02
SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
COPY = re.compile(rb'"copy"\s*:\s*"([^"]*)"')
CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r]*chunked", re.IGNORECASE)
LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
CLOSE = re.compile(rb"\r\nconnection:\s*close", re.IGNORECASE)


class Exchange:
    """One request on its way, over as many tries as it takes."""

    __slots__ = (
        "ask", "awake", "begun", "due", "elsewhere", "gateway", "kept", "number", "opening", "opens", "races", "sent",
        "tried",
    )  # fmt: skip

    def __init__(self, number: int, due: float, begun: float, ask: int, kept: bool) -> None:
        self.number, self.due, self.begun, self.sent, self.ask, self.kept = number, due, begun, begun, ask, kept
        self.races = self.elsewhere = 0
        self.gateway = 0
        self.awake = self.opens = 0.0
        self.tried: set[int] = set()
        self.opening: asyncio.Task[None] | Connection | None = None


class Connection(asyncio.Protocol):
    """A connection to one gateway, and the answer that comes over it."""

    def __init__(self, engine: Engine, gateway: int) -> None:
        self.engine, self.gateway = engine, gateway
        self.exchange: Exchange | None = None
        self.used = 0
        self.closed = False
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def send(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.used += 1
        exchange.opening = self
        exchange.sent = time.monotonic()
        self.transport.write(self.engine.bytes_of(exchange))

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        if self.exchange is None:
            self.transport.abort()
            return
        self._parse(at_end=False)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        self.engine.forget(self)
        if self.exchange is not None and not (error is None and self.buffer and self._parse(at_end=True)):
            exchange, self.exchange = self.exchange, None
            soon = time.monotonic() - exchange.sent < RACE_S
            race = self.used > 1 and soon and not self.buffer
            got = f"after {len(self.buffer)} bytes" if self.buffer else "without an answer"
            self.engine.dropped(exchange, race, f"{'reset' if error else 'closed'} {got}")

    def _parse(self, at_end: bool) -> bool:
        """Ends the exchange if the whole answer is there."""
        buffer = self.buffer
        while True:
            split = buffer.find(b"\r\n\r\n")
            if split < 0:
                return False
            try:
                status = int(buffer[9:12])
            except ValueError:
                self._finish(0, b"", b"", keep=False, broken="not an answer of HTTP")
                return True
            if status >= 200:
                break
            self.buffer = buffer = buffer[split + 4 :]
        head, body = buffer[:split], buffer[split + 4 :]
        assert self.exchange is not None
        bodiless = self.engine.load.asks[self.exchange.ask].method == "HEAD" or status in (204, 304)
        whole, keep = _body(head, body, at_end, bodiless)
        if whole is None:
            return False
        self._finish(status, head, whole, keep=keep and not CLOSE.search(head))
        return True

    def _finish(self, status: int, head: bytes, body: bytes, *, keep: bool, broken: str = "") -> None:
        exchange = cast(Exchange, self.exchange)
        self.exchange, self.buffer = None, b""
        self.engine.answered(exchange, status, head, body, broken)
        if self.closed:
            return
        if keep and exchange.kept:
            self.engine.rest(self)
        else:
            self.transport.abort() if broken else self.transport.close()


def _body(head: bytes, body: bytes, at_end: bool, bodiless: bool) -> tuple[bytes | None, bool]:
    """The whole body, or None while some of it is missing; and whether the connection can be used again."""
    if bodiless:
        return b"", True
    if CHUNKED.search(head):
        return _unchunked(body), True
    length = LENGTH.search(head)
    if length is None:
        return (body, False) if at_end else (None, False)
    size = int(length[1])
    return (body[:size], True) if len(body) >= size else (None, True)


def _unchunked(data: bytes) -> bytes | None:
    """The body of all chunks, or None while the last one is missing."""
    parts, at = [], 0
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        size = int(data[at:end].split(b";")[0], 16)
        if size == 0:
            return b"".join(parts) if data.find(b"\r\n", end + 2) >= 0 else None
        if len(data) < end + 4 + size:
            return None
        parts.append(data[end + 2 : end + 2 + size])
        at = end + 4 + size


class Engine:
    """Begins each request at its time, and writes down what became of it."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.gateways = [(host.strip("[]"), int(port)) for host, _, port in (g.rpartition(":") for g in load.gateways)]
        self.answers: list[Answer] = []
        self.late: list[tuple[float, float]] = []
        self.idle_closed = self.lost = self._turn = self._began = 0
        self._flying: dict[int, Exchange] = {}
        self._opening: dict[int, Exchange] = {}
        self._awake = 0.0
        self._idle: list[deque[Connection]] = [deque() for _ in self.gateways]
        self._open: list[set[Connection]] = [set() for _ in self.gateways]
        self._away_until = [0.0] * len(self.gateways)
        self._copies: Counter[str] = Counter()
        self._copy = re.compile(rb"\r\n" + re.escape(load.copy_header.encode()) + rb":\s*([^\r]*)", re.IGNORECASE)
        self._stop = asyncio.Event()
        self._empty = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def run(self) -> Finished:
        """Until somebody calls `stop`, or the load's seconds are over, and all answers are there."""
        threading.Thread(target=self._watch, daemon=True).start()
        self.begin = time.monotonic()
        spent = time.process_time()
        self._next()
        sweeping = asyncio.create_task(self._sweep())
        telling = asyncio.create_task(self._tell())
        await self._stop.wait()
        end = time.monotonic()
        while self._flying:
            self._empty.clear()
            await self._empty.wait()
        sweeping.cancel()
        telling.cancel()
        spent = time.process_time() - spent
        for connection in set().union(*self._open):
            connection.transport.abort()
        self.answers.sort(key=lambda one: one.due)
        return Finished(self.begin, end, self.answers, self.idle_closed, spent, self.late)

    def bytes_of(self, exchange: Exchange) -> bytes:
        """The request as it goes over the wire."""
        ask, number = self.load.asks[exchange.ask], str(exchange.number)
        body = ask.body.replace("{n}", number).encode()
        lines = [
            f"{ask.method} {ask.path.replace('{n}', number)} HTTP/1.1",
            f"Host: {ask.host or self.load.gateways[exchange.gateway]}",
            f"X-Load: {number}",
            *(f"{name}: {value}" for name, value in ask.headers.items()),
        ]
        if body or ask.method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {len(body)}")
        if not exchange.kept:
            lines.append("Connection: close")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def rest(self, connection: Connection) -> None:
        """Keeps a connection for a later request."""
        if len(self._open[connection.gateway]) > self.load.connections or self._stop.is_set():
            self._open[connection.gateway].discard(connection)
            connection.transport.close()
        else:
            self._idle[connection.gateway].append(connection)

    def forget(self, connection: Connection) -> None:
        """A connection ended."""
        self._open[connection.gateway].discard(connection)
        if connection in self._idle[connection.gateway]:
            self._idle[connection.gateway].remove(connection)
            self.idle_closed += 1

    def answered(self, exchange: Exchange, status: int, head: bytes, body: bytes, broken: str) -> None:
        """The whole answer is there."""
        found = self._copy.search(head) or COPY.search(body)
        copy = found[1].decode("latin-1") if found else ""
        ask = self.load.asks[exchange.ask]
        if broken:
            self._end(exchange, Outcome.WRONG, 0, copy, broken)
        elif not 200 <= status < 300:
            self._end(exchange, Outcome.STATUS, status, copy, body[:100].decode("latin-1"))
        elif ask.holds and ask.holds.replace("{n}", str(exchange.number)).encode() not in body:
            self._end(exchange, Outcome.WRONG, status, copy, body[:100].decode("latin-1"))
        else:
            self._end(exchange, Outcome.OK, status, copy, "")

    def dropped(self, exchange: Exchange, race: bool, why: str) -> None:
        """The connection ended before the answer did: another try, where a real client would make one."""
        safe = self.load.asks[exchange.ask].method in SAFE
        if race:
            exchange.races += 1
            if safe:
                self._open_for(exchange)
                return
            why += ", just as a kept connection was used"
        if self.load.again is Again.ALL or (self.load.again is Again.SAFE and safe):
            self._away_until[exchange.gateway] = time.monotonic() + AWAY_S
            if self._elsewhere(exchange):
                return
        self._end(exchange, Outcome.DROPPED, 0, "", why)

    def _refused(self, exchange: Exchange, why: str) -> None:
        self._away_until[exchange.gateway] = time.monotonic() + AWAY_S
        if self.load.again is Again.NEVER or not self._elsewhere(exchange):
            self._end(exchange, Outcome.REFUSED, 0, "", why)

    def _elsewhere(self, exchange: Exchange) -> bool:
        rest = [index for index in range(len(self.gateways)) if index not in exchange.tried]
        if not rest:
            return False
        exchange.elsewhere += 1
        exchange.gateway = rest[0]
        self._begin(exchange)
        return True

    def _end(self, exchange: Exchange, outcome: Outcome, status: int, copy: str, why: str) -> None:
        if self._flying.pop(exchange.number, None) is None:
            return
        self.lost += outcome is not Outcome.OK
        self._copies[copy] += 1
        self.answers.append(
            Answer(
                exchange.due, exchange.begun, exchange.sent, time.monotonic(), outcome, status, exchange.ask,
                exchange.gateway, exchange.kept, exchange.races, exchange.elsewhere, copy, why,
            )
        )  # fmt: skip
        if not self._flying:
            self._empty.set()

    def _next(self) -> None:
        """Begins all that is due, and sets the clock for what comes then."""
        now = time.monotonic()
        while not self._stop.is_set():
            due = self.begin + self._began / self.load.rate
            if self.load.seconds is not None and due - self.begin >= self.load.seconds:
                self._stop.set()
                return
            if due > now:
                self._loop.call_at(due, self._next)
                return
            if now - due > LATE_S:
                self.late.append((now, now - due))
            number, self._began = self._began, self._began + 1
            # The kept share and the kind of request are mixed evenly: every kind comes over both sorts of connection.
            kinds = len(self.load.asks)
            kept = int((number // kinds + 1) * self.load.kept) > int(number // kinds * self.load.kept)
            exchange = Exchange(number, due, now, number % kinds, kept)
            exchange.gateway = self._choose(now)
            exchange.awake = self._awake
            self._flying[number] = exchange
            self._begin(exchange)

    def _choose(self, now: float) -> int:
        count = len(self.gateways)
        if self.load.order is Order.IN_TURN:
            self._turn += 1
        order = [(self._turn + offset) % count for offset in range(count)]
        if self.load.again is Again.NEVER and self.load.order is Order.IN_TURN:
            return order[0]
        return next((index for index in order if self._away_until[index] <= now), order[0])

    def _begin(self, exchange: Exchange) -> None:
        exchange.tried.add(exchange.gateway)
        idle = self._idle[exchange.gateway]
        if exchange.kept and idle and len(self._open[exchange.gateway]) >= self.load.connections:
            connection = idle.popleft()
            if connection.transport.is_closing():
                self.idle_closed += 1
            else:
                connection.send(exchange)
                return
        self._open_for(exchange)

    def _open_for(self, exchange: Exchange) -> None:
        exchange.sent, exchange.opens = time.monotonic(), self._awake
        self._opening[exchange.number] = exchange
        exchange.opening = self._loop.create_task(self._connect(exchange))

    async def _connect(self, exchange: Exchange) -> None:
        host, port = self.gateways[exchange.gateway]
        try:
            _, connection = await self._loop.create_connection(lambda: Connection(self, exchange.gateway), host, port)
        except OSError as error:
            self._opening.pop(exchange.number, None)
            self._refused(exchange, str(error))
            return
        self._opening.pop(exchange.number, None)
        if exchange.number not in self._flying:
            connection.transport.abort()
            return
        if exchange.kept:
            self._open[exchange.gateway].add(connection)
        connection.send(exchange)

    async def _sweep(self) -> None:
        """Ends what waits for too long: the oldest come first. Time in which this process did not get a processor is
        not the gateway's, and is not counted."""
        last = time.monotonic()
        while True:
            await asyncio.sleep(SWEEP_S)
            now = time.monotonic()
            self._awake, last = self._awake + min(now - last, 2 * SWEEP_S), now
            while self._opening:
                exchange = next(iter(self._opening.values()))
                if self._awake - exchange.opens < self.load.connect_s:
                    break
                del self._opening[exchange.number]
                self._cancel(exchange)
                self._refused(exchange, f"no connection within {self.load.connect_s} s")
            while self._flying:
                exchange = next(iter(self._flying.values()))
                if self._awake - exchange.awake < self.load.timeout_s:
                    break
                self._end(exchange, Outcome.TIMED_OUT, 0, "", f"no answer within {self.load.timeout_s} s")
                self._cancel(exchange)

    def _cancel(self, exchange: Exchange) -> None:
        """Gives up the try that is under way."""
        self._opening.pop(exchange.number, None)
        under_way = exchange.opening
        if isinstance(under_way, Connection):
            under_way.exchange = None
            under_way.transport.abort()
        elif under_way is not None:
            under_way.cancel()

    async def _tell(self) -> None:
        while True:
            self.tell()
            await asyncio.sleep(TELL_S)

    def tell(self) -> None:
        """One line of counts."""
        counts = Counts(time.monotonic(), len(self.answers), self.lost, dict(self._copies))
        self._copies.clear()
        _say(msgspec.json.encode(counts))

    def _watch(self) -> None:
        os.read(0, 1)
        self._loop.call_soon_threadsafe(self._stop.set)


def _say(line: bytes) -> None:
    data = memoryview(line + b"\n")
    while data:
        data = data[os.write(1, data) :]


async def main() -> None:
    line = bytearray()
    while not line.endswith(b"\n"):
        line += os.read(0, 1) or sys.exit("no load was given")
    gc.freeze()
    gc.disable()
    engine = Engine(msgspec.json.decode(line, type=Load))
    finished = await engine.run()
    engine.tell()
    _say(msgspec.json.encode(finished))


if __name__ == "__main__":
    asyncio.run(main())
