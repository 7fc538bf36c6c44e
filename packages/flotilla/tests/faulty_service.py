"""An HTTP service that does wrong what it is told to: a real program for the containers of tests, stdlib only.

What it is told stands in the variable ``FAULTS``, a JSON object of the fields of `Faults`, and can be changed while it
runs by ``POST /control`` with such an object (``GET`` shows it); ``GET /counts`` says what it has done so far. Both
work whatever the faults are. Any other path is answered with the copy's name (``COPY``, or the host's name) and the
request's body; ``/healthz`` is its health.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, fields

WHOLE_DRAIN_S = 30.0
DELAY_STEP_S = 0.1


@dataclass
class Faults:
    """``…_one_in: n`` does it to every n-th request, 1 to each, 0 to none."""

    hang_one_in: int = 0
    """Never answers, and keeps the connection open."""
    error_one_in: int = 0
    """Answers 500."""
    close_one_in: int = 0
    """Closes the connection without an answer."""
    half_one_in: int = 0
    """Sends the head and half of the body, then closes."""
    slow_s: float = 0.0
    """Takes so long for each answer."""
    sick: bool = False
    """The health path answers 503; everything else works."""
    hang_health: bool = False
    slow_health_s: float = 0.0
    ready_after_s: float = 0.0
    """Answers 503 to everything for so long after its start."""
    listen_after_s: float = 0.0
    """Does not even listen for so long."""
    exit_at_once: int = -1
    """Ends before it listens, with this status."""
    sigterm: str = "drain"
    """``drain``: ends when nothing is in flight; ``abrupt``: at once; ``ignore``: never."""
    leak_mb_s: float = 0.0
    """Takes so much more memory each second, until it is killed."""
    port: int = 8000
    idle_s: float = 0.0
    """Closes a kept connection that was idle for so long; 0 for never."""


def merged(faults: Faults, change: object) -> Faults:
    """The faults with some of them changed; ValueError where there is no such field or its value is of another type."""
    if not isinstance(change, dict):
        raise ValueError("not a JSON object")
    known = {field.name: type(getattr(faults, field.name)) for field in fields(Faults)}
    for name, value in change.items():
        if name not in known:
            raise ValueError(f"{name}: no such fault; there are {', '.join(known)}")
        if not isinstance(value, (int, float) if known[name] is float else known[name]):
            raise ValueError(f"{name}: {value!r} is no {known[name].__name__}")
    return Faults(**{**asdict(faults), **change})


class Service:
    """The faults, and how often each of them was done."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.version = os.environ.get("VERSION", "unknown")
        self.copy = os.environ.get("COPY") or socket.gethostname()
        self.begin = time.monotonic()
        self.counts: Counter[str] = Counter()
        self.in_flight = 0
        self.idle = asyncio.Event()
        self.idle.set()
        self.stopping = False
        self.leaked: list[bytes] = []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        try:
            while await self._exchange(reader, writer):
                continue
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ValueError):
            self.counts["broken connections"] += 1
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether another may follow."""
        async with asyncio.timeout(self.faults.idle_s or None):
            head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
        if not head:
            return False
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.in_flight += 1
        self.idle.clear()
        try:
            keep = await self._answer(writer, method, path.partition("?")[0], body)
        finally:
            self.in_flight -= 1
            if not self.in_flight:
                self.idle.set()
        return keep and not self.stopping and headers.get("connection", "").lower() != "close"

    async def _answer(self, writer: asyncio.StreamWriter, method: str, path: str, body: bytes) -> bool:
        if path == "/control":
            if method == "POST":
                try:
                    self.faults = merged(self.faults, json.loads(body))
                except ValueError as error:
                    return self._send(writer, 400, {"error": str(error)})
            return self._send(writer, 200, asdict(self.faults))
        if path == "/counts":
            return self._send(writer, 200, self.counts)
        if path == "/healthz":
            return await self._health(writer)
        return await self._serve(writer, body)

    async def _health(self, writer: asyncio.StreamWriter) -> bool:
        self.counts["health"] += 1
        if self.faults.hang_health:
            await asyncio.Event().wait()
        await asyncio.sleep(self.faults.slow_health_s)
        well = not (self.faults.sick or self.stopping or self._starting())
        return self._send(writer, 200 if well else 503, {"ready": well})

    async def _serve(self, writer: asyncio.StreamWriter, body: bytes) -> bool:
        self.counts["requests"] += 1
        number, faults = self.counts["requests"], self.faults
        if self._starting():
            return self._send(writer, 503, {"error": "starting"})
        if faults.slow_s:
            await asyncio.sleep(faults.slow_s)
        answer = {"service": "faulty", "version": self.version, "copy": self.copy, "body": body.decode("latin-1")}
        if _is_due(faults.hang_one_in, number):
            self.counts["hung"] += 1
            await asyncio.Event().wait()
        if _is_due(faults.close_one_in, number):
            self.counts["closed"] += 1
            return False
        if _is_due(faults.error_one_in, number):
            self.counts["errors"] += 1
            return self._send(writer, 500, answer)
        if _is_due(faults.half_one_in, number):
            self.counts["halves"] += 1
            self._send(writer, 200, answer, half=True)
            return False
        self.counts["answered"] += 1
        return self._send(writer, 200, answer)

    def _send(self, writer: asyncio.StreamWriter, status: int, content: object, half: bool = False) -> bool:
        body = json.dumps(content).encode()
        writer.write(
            f"HTTP/1.1 {status} {'OK' if status == 200 else 'Not'}\r\nContent-Type: application/json\r\n"
            f"X-Copy: {self.copy}\r\nContent-Length: {len(body)}\r\n"
            f"{'Connection: close' if self.stopping else 'Connection: keep-alive'}\r\n\r\n".encode()
            + (body[: len(body) // 2] if half else body)
        )
        return True

    def _starting(self) -> bool:
        return time.monotonic() - self.begin < self.faults.ready_after_s

    async def leak(self) -> None:
        """Takes memory for as long as it is told to."""
        while True:
            self.leaked.append(b"x" * int(self.faults.leak_mb_s * DELAY_STEP_S * 1e6))
            await asyncio.sleep(DELAY_STEP_S)


def _is_due(one_in: int, number: int) -> bool:
    return one_in > 0 and number % one_in == 0


async def main() -> None:
    try:
        faults = merged(Faults(), json.loads(os.environ.get("FAULTS") or "{}"))
    except ValueError as error:
        sys.exit(f"FAULTS: {error}")
    if faults.exit_at_once >= 0:
        sys.exit(faults.exit_at_once)
    service = Service(faults)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, lambda: None if service.faults.sigterm == "ignore" else stop.set())
    await asyncio.sleep(faults.listen_after_s)
    server = await asyncio.start_server(service.connected, "0.0.0.0", faults.port, backlog=512)
    print(f"faulty {service.version} listens on {server.sockets[0].getsockname()[1]}", flush=True)
    leaking = asyncio.create_task(service.leak())
    await stop.wait()
    if service.faults.sigterm == "drain":
        service.stopping = True
        server.close()
        try:
            async with asyncio.timeout(WHOLE_DRAIN_S):
                await service.idle.wait()
        except TimeoutError:
            print(f"{service.in_flight} requests are still in flight", flush=True)
    leaking.cancel()
    os._exit(0 if service.faults.sigterm == "drain" and not service.in_flight else 143)


if __name__ == "__main__":
    asyncio.run(main())
