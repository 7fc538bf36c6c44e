"""The gateway's loop: members → rotation → configuration → change → HAProxy, four times a second and at every hint.

It may be killed between any two steps: each round starts from what Serf tells, what HAProxy runs and what is in the
files, and never from what a round before meant to do. The order is the guarantee:

- another gateway file: have HAProxy check its configuration, keep a copy, and only then serve by it;
- servers come and go: commands of the runtime API first, the file after (a full disk must not stop the first);
- all else: check, install, reload, then hold down what was down. Where HAProxy reads a configuration and still does not
  start with it, the file before is served by again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from flotilla.domain.handed import GatewayFile
from flotilla.errors import ConfigurationRefused, FlotillaError, GossipError, HandedFileError, ProxyError
from flotilla.gateway.configuration import Configuration, Machine, configuration
from flotilla.gateway.known import Known
from flotilla.gateway.news import news
from flotilla.gateway.rotation import Server, rotation
from flotilla.ports import GatewayStore, Gossip, Proxy
from flotilla.programs.gateway_file import ABOUT as FILE
from flotilla.programs.gateway_file import ServedFile
from flotilla.programs.gateway_follower import PROXY, Follower
from flotilla.programs.gateway_installer import Installer
from flotilla.programs.gateway_journal import Journal
from flotilla.programs.gateway_members import PATIENCE_S, Membership

ROTATION = "the rotation"
ROUND = "a round"

PERIOD_S = 0.25
GAP_S = 0.02
JOIN_S = 3.0


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
        self._machine = machine
        self._clock = clock
        self.journal = journal
        self.address = address
        self.file = ServedFile(store, journal)
        self.members = Membership(gossip, store, journal, clock, address)
        self.installer = Installer(store, proxy, journal, clock)
        self._hint = asyncio.Event()
        self.haproxy = Follower(proxy, self.installer, journal, clock, self._hint.set)
        self.wanted: Configuration | None = None
        self.servers: tuple[Server, ...] = ()
        self.rounds_s = 0.0
        self.longest_round_s = 0.0
        self.ended_s = clock()
        self._rotated: tuple[Known, GatewayFile] | None = None
        self._configured: tuple[tuple[Server, ...], GatewayFile] | None = None
        self.first_file: asyncio.Future[GatewayFile] = asyncio.get_running_loop().create_future()
        self.installer.look()

    # One round

    async def step(self) -> None:
        """From what is now to what should be, as far as one round goes."""
        begun_s = self._clock()
        if self.file.look():
            self.installer.forget_offers()
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
            await self.haproxy.bring(wanted)
        except ConfigurationRefused as error:
            if self.file.take_back():
                self.installer.refuse(self.file.offer_hash, str(error))
                return
        except ProxyError as error:
            self.journal.trouble(PROXY, str(error), patience_s=PATIENCE_S)
        else:
            self.journal.trouble(PROXY, None)
            if self.haproxy.converged:
                self._proven()
        self.installer.keep(wanted.text)

    def _proven(self) -> None:
        """HAProxy runs by what is served."""
        self.file.prove()
        if self.file.offer is None:
            self.installer.forget_offers()

    def _want(self, file: GatewayFile) -> Configuration:
        """The configuration, made anew only where what it is made of has changed."""
        known = self.members.known
        if self._rotated is None or self._rotated[0] is not known or self._rotated[1] is not file:
            servers = rotation(known, file)
            if self._rotated is None:
                self.journal.did("servers", f"serving with {len(servers)} servers in rotation")
            elif servers != self.servers:
                self.haproxy.expect(news(known, self.servers, servers))
            self.servers = servers
            self._rotated = (known, file)
        made_of = (self.servers, file)
        if self.wanted is None or self._configured is None or self._configured != made_of:
            self.wanted = configuration(file, self.servers, self._machine)
            self._configured = made_of
            self.haproxy.expect(())
        return self.wanted

    async def _knows_too_little(self) -> bool:
        """A gateway without any memory, that Serf has told of no host, must not empty what HAProxy serves."""
        if self.members.trusted or self.installer.installed is None:
            self.journal.trouble(ROTATION, None)
            return False
        if not await self.haproxy.serves():
            self.journal.trouble(ROTATION, None)
            return False
        words = "no host is known yet: HAProxy goes on with the servers that it has"
        self.journal.trouble(ROTATION, words, patience_s=PATIENCE_S)
        return True

    # For ever

    async def run(self) -> None:
        """Rounds without end, beside listening to hints and joining who is missing."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._rounds())
            tasks.create_task(self._listen())
            tasks.create_task(self._join())

    async def _rounds(self) -> None:
        while True:
            self._hint.clear()
            try:
                await self.step()
            except FlotillaError as error:
                self.journal.trouble(ROUND, str(error))
            else:
                self.journal.trouble(ROUND, None)
            await asyncio.sleep(GAP_S)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hint.wait(), PERIOD_S - GAP_S)

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
