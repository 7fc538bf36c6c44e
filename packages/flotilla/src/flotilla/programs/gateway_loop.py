"""The gateway's loop: members → rotation → configuration → change → HAProxy, four times a second and at every hint.

It may be killed between any two steps: each round starts from what Serf tells, what HAProxy runs and what is in the
files, and never from what a round before meant to do. The order is the guarantee:

- another gateway file: have HAProxy check its configuration, keep a copy, and only then serve by it;
- servers come and go: commands of the runtime API first, the file after (a full disk must not stop the first);
- all else: check, install, reload, then hold down what was down.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from flotilla.domain.handed import GatewayFile
from flotilla.errors import FlotillaError, GossipError, HandedFileError, ProxyError
from flotilla.gateway.change import ByCommands, ByReload, Nothing, carry_over, change
from flotilla.gateway.configuration import Configuration, Machine, configuration
from flotilla.gateway.known import Known
from flotilla.gateway.news import News, news
from flotilla.gateway.rotation import Server, rotation
from flotilla.gateway.running import Running
from flotilla.ports import GatewayStore, Gossip, Proxy, Worker
from flotilla.programs.backoff import Backoff
from flotilla.programs.gateway_file import ABOUT as FILE
from flotilla.programs.gateway_file import ServedFile
from flotilla.programs.gateway_installer import Installer
from flotilla.programs.gateway_journal import Journal
from flotilla.programs.gateway_members import PATIENCE_S, Membership

PROXY = "HAProxy"
COMMANDS = "HAProxy's runtime API"
RELOAD = "HAProxy's reload"
ROTATION = "the rotation"
ROUND = "a round"

PERIOD_S = 0.25
GAP_S = 0.02
LOOK_S = 5.0
"""So often HAProxy and its file are read where nothing seems to have changed."""

WAITING_LOOK_S = 1.0
"""And so often while servers drain that are to be removed."""

REPEATS = 20
JOIN_S = 3.0
RELOAD_GAP_S = 1.0
NEW_WORKER_S = 5.0


class GatewayLoop:
    """``clock`` tells unix seconds. `step` is one round; `run` goes on for ever."""

    def __init__(
        self,
        *,
        gossip: Gossip,
        proxy: Proxy,
        store: GatewayStore,
        machine: Machine,
        address: str,
        journal: Journal,
        clock: Callable[[], float],
    ) -> None:
        self._gossip = gossip
        self._proxy = proxy
        self._machine = machine
        self._clock = clock
        self.journal = journal
        self.address = address
        self.file = ServedFile(store, journal)
        self.members = Membership(gossip, store, journal, clock, address)
        self.installer = Installer(store, proxy, journal, clock)
        self.worker: Worker | None = None
        self.converged = False
        self.wanted: Configuration | None = None
        self.servers: tuple[Server, ...] = ()
        self.rounds_s = 0.0
        self.longest_round_s = 0.0
        self.ended_s = clock()
        self._rotated: tuple[Known, GatewayFile] | None = None
        self._configured: tuple[tuple[Server, ...], GatewayFile] | None = None
        self._news: tuple[News, ...] = ()
        self._looked_s = -LOOK_S
        self._look_again_s = LOOK_S
        self._last_commands: tuple[str, ...] = ()
        self._repeated = 0
        self._reloads = Backoff(RELOAD_GAP_S, 60)
        self._reloaded_s = -RELOAD_GAP_S
        self._hint = asyncio.Event()
        self.first_file: asyncio.Future[GatewayFile] = asyncio.get_running_loop().create_future()
        self.installer.look()

    # One round

    async def step(self) -> None:
        """From what is now to what should be, as far as one round goes."""
        begun_s = self._clock()
        if self.file.look():
            self.installer.offers.forget()
            self.journal.trouble(self.installer.offers.about, None)
        file = self.file.serving or self.file.offer
        if file is not None:
            if not self.first_file.done():
                self.first_file.set_result(file)
            await self.members.ask(file)
            if self.file.offer is not None:
                await self._try(self.file.offer)
            if self.file.serving is not None:
                await self._follow(self.file.serving)
            self.file.save(self._clock())
            self.members.remember()
        self.ended_s = self._clock()
        took_s = self.ended_s - begun_s
        self.journal.counts["rounds"] += 1
        self.rounds_s += took_s
        self.longest_round_s = max(took_s, self.longest_round_s)

    async def _try(self, offer: GatewayFile) -> None:
        """Serves by another gateway file from now on, if HAProxy takes what it makes."""
        if not self.installer.may_check(self.file.offer_hash):
            return
        try:
            by_it = configuration(offer, rotation(self.members.known, offer), self._machine)
        except HandedFileError as error:
            self.journal.trouble(FILE, f"it is not taken: {error}")
            return
        if await self.installer.check(by_it.text, self.file.offer_hash):
            self.file.take()

    async def _follow(self, file: GatewayFile) -> None:
        """Has HAProxy and its file be what this file and the members want."""
        wanted = self._want(file)
        if await self._knows_too_little():
            return
        try:
            await self._bring(wanted)
        except ProxyError as error:
            self.worker, self.converged = None, False
            self.journal.trouble(PROXY, str(error), patience_s=PATIENCE_S)
        else:
            self.journal.trouble(PROXY, None)
        self.installer.keep(wanted.text)

    def _want(self, file: GatewayFile) -> Configuration:
        """The configuration, made anew only where what it is made of has changed."""
        known = self.members.known
        if self._rotated is None or self._rotated[0] is not known or self._rotated[1] is not file:
            servers = rotation(known, file)
            if self._rotated is None:
                self.journal.did("servers", f"serving with {len(servers)} servers in rotation")
            elif servers != self.servers:
                self._news = (*self._news, *news(known, self.servers, servers))[-20:]
            self.servers = servers
            self._rotated = (known, file)
        made_of = (self.servers, file)
        if self.wanted is None or self._configured is None or self._configured != made_of:
            self.wanted = configuration(file, self.servers, self._machine)
            self._configured = made_of
            self.converged = False
        return self.wanted

    async def _knows_too_little(self) -> bool:
        """A gateway without any memory, that Serf has told of no host, must not empty what HAProxy serves."""
        if self.members.trusted or self.installer.installed is None:
            self.journal.trouble(ROTATION, None)
            return False
        with contextlib.suppress(ProxyError):
            if not (await self._proxy.running()).servers:
                self.journal.trouble(ROTATION, None)
                return False
        words = "no host is known yet: HAProxy goes on with the servers that it has"
        self.journal.trouble(ROTATION, words, patience_s=PATIENCE_S)
        return True

    async def _bring(self, wanted: Configuration) -> None:
        """One step of HAProxy's, if it needs one. Raises `ProxyError`."""
        worker = await self._proxy.worker()
        now_s = self._clock()
        if worker != self.worker:
            if self.worker is not None:
                self.journal.did(PROXY, f"a new worker of HAProxy serves (pid {worker.pid})")
            self.worker, self.converged = worker, False
        if self.converged and 0 <= now_s - self._looked_s < self._look_again_s:
            return
        running = await self._proxy.running()
        self._looked_s = now_s
        self.installer.look()
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
            self.journal.did("servers", one.what, one.why)
        self._news = ()
        self._reloads.reset()
        self.journal.trouble(COMMANDS, None)
        self.journal.trouble(RELOAD, None)

    def _repeats(self, commands: tuple[str, ...]) -> bool:
        """Whether these commands have been given so often that they will not do it."""
        self._repeated = self._repeated + 1 if commands == self._last_commands else 0
        self._last_commands = commands
        if self._repeated == 0:
            self._hint.set()  # what comes after them need not wait
        return self._repeated >= REPEATS

    async def _command(self, commands: tuple[str, ...]) -> None:
        begun_s = self._clock()
        answers = await self._proxy.run(commands)
        took_ms = (self._clock() - begun_s) * 1000
        failed = [(command, answer.text) for command, answer in zip(commands, answers, strict=True) if answer.failed]
        self.journal.counts["commands"] += len(commands)
        self.journal.counts["commands failed"] += len(failed)
        self.journal.counts["changes by commands"] += 1
        how = f"by {len(commands)} command{'s' * (len(commands) != 1)} in {took_ms:.1f} ms"
        for one in self._news:
            self.journal.did("servers", one.what, f"{one.why}; {how}" if one.why else how)
        self._news = ()
        if failed and self._repeated >= REPEATS // 2:
            command, words = failed[0]
            self.journal.trouble(COMMANDS, f"commands fail time and again, the first: {command!r}: {words}")

    async def _reload(self, before: Running, wanted: Configuration, why: str) -> None:
        now_s = self._clock()
        if not self._reloads.allows(now_s) or 0 <= now_s - self._reloaded_s < RELOAD_GAP_S:
            return
        if not await self.installer.put(wanted.text):
            return
        self._reloads.failed(now_s)  # until HAProxy is seen to run it
        self._reloaded_s = now_s
        try:
            await self._proxy.reload()
        except ProxyError as error:
            self.journal.counts["reloads failed"] += 1
            self.journal.trouble(RELOAD, str(error))
            return
        await self._hold_down(before, wanted)
        took_ms = (self._clock() - now_s) * 1000
        self.journal.counts["changes by reload"] += 1
        told = "; ".join(f"{one.what} ({one.why})" if one.why else one.what for one in self._news)
        self.journal.did("reload", f"HAProxy reloaded in {took_ms:.0f} ms", f"{why}{'; ' * bool(told)}{told}")
        self._news = ()
        self.journal.trouble(RELOAD, None)

    async def _hold_down(self, before: Running, wanted: Configuration) -> None:
        """A new worker takes all servers to be up: those that were down are told to it before much is lost."""
        until_s = self._clock() + NEW_WORKER_S
        old = self.worker
        while old is not None and (worker := await self._proxy.worker()).pid == old.pid:
            if self._clock() >= until_s:
                raise ProxyError(f"HAProxy says that it reloaded, but its old worker {old.pid} still answers")
            await asyncio.sleep(GAP_S)
        else:
            if old is not None:
                self.worker, self.converged = worker, False
        commands = carry_over(before, wanted)
        if commands:
            await self._proxy.run(commands)

    # For ever

    async def run(self) -> None:
        """Rounds without end, beside listening to hints and joining who is missing."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._rounds())
            tasks.create_task(self._listen())
            tasks.create_task(self._join())

    async def _rounds(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hint.wait(), PERIOD_S)
            self._hint.clear()
            try:
                await self.step()
            except FlotillaError as error:
                self.journal.trouble(ROUND, str(error))
            else:
                self.journal.trouble(ROUND, None)
            await asyncio.sleep(GAP_S)

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(GossipError):
                async for hint in self._gossip.hints():
                    self.journal.counts["hints"] += 1
                    if self.file.serving is not None:
                        self.members.hear(hint, self.file.serving)
                    self._hint.set()
            await asyncio.sleep(PERIOD_S)

    async def _join(self) -> None:
        while True:
            if self.file.serving is not None:
                await self.members.join(self.file.serving)
            await asyncio.sleep(JOIN_S)
