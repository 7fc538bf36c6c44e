"""Asks each copy of the host's file for its health, each at its own pace: none waits for another."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from flotilla.adapters import log
from flotilla.adapters.probe import probe
from flotilla.agent.health import DEADLINE_S, Copy, after, pause_s
from flotilla.agent.report import Place, places
from flotilla.domain.handed import HostFile

FIRST_LOOK_S = 2.0


class AskedCopies:
    """``known`` is what is known of each copy; ``changed`` is called when one gets ready, or is so no more."""

    def __init__(self, address: str, changed: Callable[[], None]) -> None:
        self._address = address
        self._changed = changed
        self._all = asyncio.Event()
        self._tasks: dict[Place, asyncio.Task[None]] = {}
        self._interval_s: dict[Place, float] = {}
        self.known: dict[Place, Copy] = {}

    def follow(self, file: HostFile, tasks: asyncio.TaskGroup) -> None:
        """Asks the copies of this file, and no others."""
        wanted = {place: each.health_interval_s for each in file.services for place in places(each)}
        self._interval_s = wanted
        for place in self._tasks.keys() - wanted.keys():
            self._tasks.pop(place).cancel()
            self.known.pop(place, None)
        for place in sorted(wanted.keys() - self._tasks.keys()):
            self._tasks[place] = tasks.create_task(self._ask(place))

    async def first_look(self) -> None:
        """Waits until each copy has answered once, 2 s at most."""
        self._check_all()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK_S):
                await self._all.wait()

    def _check_all(self) -> None:
        if all(self.known.get(place, Copy()).last is not None for place in self._tasks):
            self._all.set()

    async def _ask(self, place: Place) -> None:
        while True:
            answer = await probe(self._address, place.port, place.path, DEADLINE_S)
            before = self.known.get(place, Copy())
            now = self.known[place] = after(before, answer)
            self._check_all()
            about = {"service": place.service, "copy": place.index, "port": place.port, "why": answer.words}
            if now.ready != before.ready or before.last is None:
                log.say("ready" if now.ready else "unready", **about)
                self._changed()
            elif now.ready and now.bad == 1:
                log.say("doubt", **about)
            await asyncio.sleep(pause_s(now, self._interval_s[place]))
