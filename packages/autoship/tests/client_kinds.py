"""Both clients, told apart by nothing but their class: a test that is written once runs on each."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from autoship.client import AsyncClient, AsyncPace, Client, Pace


class Waits:
    """A pace that waits for nothing: a sleep is noted, and moves its clock. ``tick`` is added at every look."""

    def __init__(self, tick: float = 0.0, random: Callable[[], float] = lambda: 1.0) -> None:
        self.slept: list[float] = []
        self._time = 0.0
        self._tick = tick
        self.random = random

    def now(self) -> float:
        self._time += self._tick
        return self._time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._time += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)


class Awaited:
    """An `AsyncClient` whose calls are awaited one by one, so that it is used as a `Client` is."""

    def __init__(self, client: AsyncClient, runner: asyncio.Runner) -> None:
        self._client = client
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._client, name)
        return self._called(value) if callable(value) else value

    def _called(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            made = method(*args, **kwargs)
            if inspect.isawaitable(made):
                return self._runner.run(_wait(made))
            if isinstance(made, AsyncIterator):
                return self._each(made)
            return Awaited(made, self._runner) if isinstance(made, AsyncClient) else made

        return call

    def _each(self, many: AsyncIterator[Any]) -> Iterator[Any]:
        try:
            while True:
                try:
                    yield self._runner.run(_wait(anext(many)))
                except StopAsyncIteration:
                    return
        finally:
            self._runner.run(_wait(many.aclose()))  # type: ignore[attr-defined]


async def _wait(made: Any) -> Any:
    return await made


def make(kind: str, runner: asyncio.Runner, address: str, waits: Waits | None = None, **options: Any) -> Any:
    """A client of the kind ``sync`` or ``async``, to be closed with `done`."""
    if kind == "sync":
        pace = None if waits is None else Pace(waits.now, waits.sleep, waits.random)
        return Client(address, pace=pace, **options)
    pace_ = None if waits is None else AsyncPace(waits.now, waits.sleep_async, waits.random)
    return Awaited(AsyncClient(address, pace=pace_, **options), runner)


def done(client: Any) -> None:
    """Closes a client of either kind."""
    client.close() if isinstance(client, Client) else client.aclose()
