"""Has HAProxy run what it should: by commands, or by a reload, whichever `flotilla.gateway.change` says.

Level-triggered: what HAProxy runs is asked whenever it may have changed, and now and then.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from flotilla.errors import ConfigurationRefused, ProxyError
from flotilla.gateway.change import ByCommands, ByReload, Nothing, carry_over, change
from flotilla.gateway.configuration import Configuration
from flotilla.gateway.news import News
from flotilla.gateway.running import Running
from flotilla.ports import Proxy, Worker
from flotilla.programs.backoff import Backoff
from flotilla.programs.gateway_installer import Installer
from flotilla.programs.gateway_journal import Journal

PROXY = "HAProxy"
COMMANDS = "HAProxy's runtime API"
RELOAD = "HAProxy's reload"

LOOK_S = 5.0
"""So often HAProxy and its file are read where nothing seems to have changed."""

WAITING_LOOK_S = 1.0
"""And so often while servers drain that are to be removed."""

REPEATS = 20
"""Commands that were given so often in a row are not what helps."""

RELOAD_GAP_S = 1.0
NEW_WORKER_S = 5.0
NEW_WORKER_AGAIN_S = 0.02
MOST_NEWS = 20


class Follower:
    """``worker`` is the one that was seen last (None: HAProxy is not there), ``converged`` whether it runs what it
    should. ``more`` is called where another round should not wait."""

    def __init__(
        self,
        proxy: Proxy,
        installer: Installer,
        journal: Journal,
        clock: Callable[[], float],
        more: Callable[[], None],
    ) -> None:
        self._proxy = proxy
        self._installer = installer
        self._journal = journal
        self._clock = clock
        self._more = more
        self.worker: Worker | None = None
        self.converged = False
        self._news: tuple[News, ...] = ()
        self._looked_s = -LOOK_S
        self._look_again_s = LOOK_S
        self._last_commands: tuple[str, ...] = ()
        self._repeated = 0
        self._reloads = Backoff(RELOAD_GAP_S, 60)
        self._reloaded_s = -RELOAD_GAP_S

    def expect(self, news: tuple[News, ...]) -> None:
        """Something else is wanted from now on; ``news`` say what, for when it is done."""
        self.converged = False
        self._news = (*self._news, *news)[-MOST_NEWS:]

    async def serves(self) -> bool:
        """Whether HAProxy is there and has servers."""
        try:
            return bool((await self._proxy.running()).servers)
        except ProxyError:
            return True

    async def bring(self, wanted: Configuration) -> None:
        """One step, if one is needed. Raises `ProxyError` where HAProxy is not there, and `ConfigurationRefused` where
        it does not start with the configuration, though it had read it without complaint."""
        try:
            await self._bring(wanted)
        except ConfigurationRefused:
            raise
        except ProxyError:
            self.worker, self.converged = None, False
            raise

    async def _bring(self, wanted: Configuration) -> None:
        worker = await self._proxy.worker()
        now_s = self._clock()
        if worker != self.worker:
            if self.worker is not None:
                self._journal.did(PROXY, f"a new worker of HAProxy serves (pid {worker.pid})")
            self.worker, self.converged = worker, False
        if self.converged and 0 <= now_s - self._looked_s < self._look_again_s:
            return
        running = await self._proxy.running()
        self._looked_s = now_s
        self._installer.look()
        match change(running, wanted):
            case Nothing(waiting=waiting):
                self._is_so(waiting)
            case ByCommands(commands=commands):
                if self._repeats(commands):
                    await self._reload(running, wanted, f"{REPEATS} times the same commands did not help")
                else:
                    await self._command(commands)
            case ByReload(why=why):
                await self._reload(running, wanted, why)

    def _is_so(self, waiting: int) -> None:
        """HAProxy runs what it should, but for servers that are kept until their last request has ended."""
        self.converged = True
        self._look_again_s = WAITING_LOOK_S if waiting else LOOK_S
        self._last_commands = ()
        for one in self._news:
            self._journal.did("servers", one.what, one.why)
        self._news = ()
        self._reloads.reset()
        self._journal.trouble(COMMANDS, None)
        self._journal.trouble(RELOAD, None)

    def _repeats(self, commands: tuple[str, ...]) -> bool:
        """Whether these commands have been given so often that they will not do it."""
        self._repeated = self._repeated + 1 if commands == self._last_commands else 0
        self._last_commands = commands
        if self._repeated == 0:
            self._more()  # what comes after them need not wait
        return self._repeated >= REPEATS

    async def _command(self, commands: tuple[str, ...]) -> None:
        begun_s = self._clock()
        answers = await self._proxy.run(commands)
        took_ms = (self._clock() - begun_s) * 1000
        failed = [(command, answer.text) for command, answer in zip(commands, answers, strict=True) if answer.failed]
        self._journal.counts["commands"] += len(commands)
        self._journal.counts["commands failed"] += len(failed)
        self._journal.counts["changes by commands"] += 1
        how = f"by {len(commands)} command{'s' * (len(commands) != 1)} in {took_ms:.1f} ms"
        for one in self._news:
            self._journal.did("servers", one.what, f"{one.why}; {how}" if one.why else how)
        self._news = ()
        if failed and self._repeated >= REPEATS // 2:
            command, words = failed[0]
            self._journal.trouble(COMMANDS, f"commands fail time and again, the first: {command!r}: {words}")

    async def _reload(self, before: Running, wanted: Configuration, why: str) -> None:
        now_s = self._clock()
        if not self._reloads.allows(now_s) or 0 <= now_s - self._reloaded_s < RELOAD_GAP_S:
            return
        if not await self._installer.put(wanted.text):
            return
        self._reloads.failed(now_s)  # until HAProxy is seen to run it
        self._reloaded_s = now_s
        try:
            await self._proxy.reload()
        except ProxyError as error:
            self._journal.counts["reloads failed"] += 1
            self._journal.trouble(RELOAD, str(error))
            if isinstance(error, ConfigurationRefused):
                raise
            return
        with contextlib.suppress(TimeoutError):
            await self._hold_down(before, wanted)
        took_ms = (self._clock() - now_s) * 1000
        self._journal.counts["changes by reload"] += 1
        told = "; ".join(f"{one.what} ({one.why})" if one.why else one.what for one in self._news)
        self._journal.did("reload", f"HAProxy reloaded in {took_ms:.0f} ms", f"{why}{'; ' * bool(told)}{told}")
        self._news = ()
        self._journal.trouble(RELOAD, None)

    async def _hold_down(self, before: Running, wanted: Configuration) -> None:
        """A new worker takes all servers to be up: those that were down are told to it before much is lost."""
        old = self.worker
        async with asyncio.timeout(NEW_WORKER_S):
            while True:
                with contextlib.suppress(ProxyError):
                    self.worker = await self._proxy.worker()
                    if old is None or self.worker.pid != old.pid:
                        break
                await asyncio.sleep(NEW_WORKER_AGAIN_S)
        self.converged = False
        commands = carry_over(before, wanted)
        if commands:
            await self._proxy.run(commands)
