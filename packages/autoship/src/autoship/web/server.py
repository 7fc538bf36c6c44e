"""The HTTP server: uvicorn's, with what it lacks. Clients have limits, and stopping loses no request that was taken."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus

import msgspec
import uvicorn
from starlette.types import ASGIApp

from autoship.web.body import LATE
from autoship.web.connection import Connection, Shared
from autoship.web.drain import Drain
from autoship.web.listener import EMPTIED_S, drop_newcomers
from autoship.web.patience import Patience
from autoship.web.problems import MEDIA_TYPE, Problem, problem_of_status
from autoship.web.traffic import Refusal, Traffic

BACKLOG = 2048
KEEP_ALIVE_S = 75
"""Longer than proxies keep a connection that nobody uses, so that it is theirs to close."""

TICKS_BETWEEN_LOOKS = 5
"""uvicorn ticks ten times a second."""

CROSSING_S = 0.5
"""While stopping, a connection that nobody uses stays so long: a request may be on its way to it."""

RESERVED = 0.25
MOST_RESERVED_S = 5.0
"""The part of the drain that is kept for what comes after the last answer: the history is brought up to date."""

REFUSALS = {
    HTTPStatus.BAD_REQUEST: Refusal.MALFORMED,
    HTTPStatus.REQUEST_TIMEOUT: Refusal.HEADER_TOO_SLOW,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: Refusal.HEADER_TOO_LARGE,
}

logger = logging.getLogger(__name__)


class Limits(msgspec.Struct, frozen=True):
    """What clients are held to, and how long stopping may take; times in seconds."""

    request_timeout_s: float = 30.0
    connections: int = 1_000
    drain_s: float = 20.0

    @property
    def answers_s(self) -> float:
        """How long answers under way are waited for while stopping."""
        return self.drain_s - min(MOST_RESERVED_S, RESERVED * self.drain_s)


class State(Shared):
    """And what they are held to."""

    def __init__(self, limits: Limits, traffic: Traffic) -> None:
        super().__init__()
        self.limits = limits
        self.traffic = traffic
        self.empty = asyncio.Event()


class Protocol(Connection):
    """One connection, bounded in the time that its client takes, too. That costs a request one addition."""

    server_state: State

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.patience = Patience()
        self.received = 0
        self.resumed = object()
        self.server_state.traffic.connections += 1
        self.server_state.empty.clear()
        if len(self.connections) > self.server_state.limits.connections:
            self._turn_away()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._left()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.received += len(data)

    def resume_writing(self) -> None:
        self.resumed = object()
        super().resume_writing()

    def look(self, now: float) -> None:
        """Ends what the client has been at for too long."""
        if self.transport.is_closing() and not self.transport.get_write_buffer_size():
            return
        doing, done = self._awaited()
        if not self.patience.ended(now, doing, done, self.server_state.limits.request_timeout_s):
            return
        if doing is self.resumed:
            self.server_state.traffic.refused[Refusal.ANSWER_NOT_READ] += 1
            self.transport.abort()
        elif doing is self.cycle and not self.cycle.response_started:
            self.scope[LATE] = True  # type: ignore[literal-required]
            self.cycle.message_event.set()
        elif doing is self.scope:
            detail = "The header of the request did not arrive in time."
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, detail)
        else:
            self.transport.close()

    def shutdown(self) -> None:
        """Ends the connection after the answer under way; without one, once none can be on its way any more."""
        if self._idle:
            self.loop.call_later(CROSSING_S, self._close_if_idle)
        else:
            self.cycle.keep_alive = False

    def _awaited(self) -> tuple[object, int]:
        """What the client has to do next, and how much of it is done; None where it is the service's turn."""
        unread = self.transport.get_write_buffer_size()
        cycle = self.cycle
        if unread:
            return self.resumed, -unread
        if cycle is None or cycle.scope is not self.scope:
            return self.scope or self, 0
        if cycle.more_body and not self.flow.read_paused:
            return cycle, self.received
        if cycle.response_complete and self.timeout_keep_alive_task is None and not self.pipeline:
            return self, 0
        return None, 0

    @property
    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _close_if_idle(self) -> None:
        if self._idle and not self.transport.is_closing():
            self.transport.close()

    def _turn_away(self) -> None:
        """Answers before anything is asked, and closes once something is, or soon."""
        detail = f"{self.server_state.limits.connections:,} connections are open already. Try again."
        self.server_state.traffic.refused[Refusal.TOO_MANY] += 1
        self.transport.write(_answer(problem_of_status(HTTPStatus.SERVICE_UNAVAILABLE, detail)))
        self.connections.discard(self)
        self._left()
        self.transport.set_protocol(_TurnedAway(self.transport, self.loop))

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        self.server_state.traffic.refused[REFUSALS[status]] += 1
        super()._refuse(status, detail)

    def _left(self) -> None:
        self.server_state.traffic.connections -= 1
        if not self.connections:
            self.server_state.empty.set()


class _TurnedAway(asyncio.Protocol):
    """A connection that has its answer. Closed before its request has come, it would be reset, and lose that answer."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        loop.call_later(CROSSING_S, transport.close)

    def data_received(self, data: bytes) -> None:
        self._transport.close()


class Server(uvicorn.Server):
    """Leaves signals to its caller: uvicorn would raise them again, and end with their status."""

    def __init__(
        self, config: uvicorn.Config, limits: Limits, drain: Drain, traffic: Traffic, ready: Callable[[str], None]
    ) -> None:
        super().__init__(config)
        self.server_state = self._state = State(limits, traffic)
        self._limits = limits
        self._drain = drain
        self._ready = ready

    def stop(self) -> None:
        """Begins to stop: says so to whoever asks, and takes no more connections."""
        self._drain.begun = True
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            self._ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_BETWEEN_LOOKS == 0:
            self._look()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answers what is under way, for as long as it may take; what is not answered then is told so."""
        self._drain.begun = True
        for listener in sockets or []:
            drop_newcomers(listener)
        await asyncio.sleep(EMPTIED_S)
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in tuple(self.server_state.connections):
            connection.shutdown()
        if await self._emptied(self._limits.answers_s):
            return
        self._drain.over = True
        tasks = tuple(self.server_state.tasks)
        logger.warning("not answered in the time that stopping may take: %d", len(tasks))
        for task in tasks:
            task.cancel()
        if not await self._emptied(CROSSING_S):
            for connection in tuple(self.server_state.connections):
                connection.transport.abort()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def _look(self) -> None:
        now = time.monotonic()
        for connection in tuple(self.server_state.connections):
            assert isinstance(connection, Protocol)
            connection.look(now)

    async def _emptied(self, within_s: float) -> bool:
        if not self.server_state.connections:
            return True
        self._state.empty.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._state.empty.wait(), within_s)
        return not self.server_state.connections


def server_of(
    app: ASGIApp,
    *,
    limits: Limits | None = None,
    drain: Drain | None = None,
    traffic: Traffic | None = None,
    ready: Callable[[str], None] = lambda address: None,
) -> Server:
    """The HTTP server for ``app``, with nothing in it that is not used. Says where it listens to ``ready``."""
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    return Server(config, limits or Limits(), drain or Drain(), traffic or Traffic(), ready)


def _answer(problem: Problem) -> bytes:
    body = msgspec.json.encode(problem)
    status = HTTPStatus(problem.status)
    return b"HTTP/1.1 %d %s\r\ncontent-type: %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (
        status,
        status.phrase.encode(),
        MEDIA_TYPE,
        len(body),
        body,
    )
