"""Brings a configuration into its file: written beside, read by HAProxy, put in place. One that HAProxy refuses is
never installed; it is tried again when it changes, or after a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from flotilla.errors import ConfigurationRefused, ProxyError, StoreError
from flotilla.ports import GatewayStore, Proxy
from flotilla.programs.backoff import Backoff
from flotilla.programs.gateway_journal import Journal

PATIENCE = 2.0
"""After a write that took a second, the next waits two: thousands of servers make a file that is long to check."""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """What HAProxy says of a configuration, since when, and how often it was asked."""

    since_s: float
    times: int
    words: str


class Attempts:
    """How one thing goes that may have to be tried again: ``key`` names what is tried, ``about`` is for people."""

    def __init__(self, about: str) -> None:
        self.about = about
        self.key: str | None = None
        self.backoff = Backoff(1, 60)
        self.refused: Refused | None = None

    def forget(self) -> None:
        """There is nothing to try any more, or reason to try again at once."""
        self.backoff.reset()
        self.refused = None


class Installer:
    """``installed`` is the text in the file, as far as is known. ``offers`` are attempts to take another gateway file,
    ``files`` those to keep the configuration's file up to date."""

    def __init__(self, store: GatewayStore, proxy: Proxy, journal: Journal, clock: Callable[[], float]) -> None:
        self._store = store
        self._proxy = proxy
        self._journal = journal
        self._clock = clock
        self._lock = asyncio.Lock()
        self._candidate: str | None = None
        self._resting_until_s = 0.0
        self._keeping: asyncio.Task[bool] | None = None
        self.offers = Attempts("the configuration by the new gateway.json")
        self.files = Attempts("the configuration file")
        self.installed: str | None = None

    def look(self) -> None:
        """Reads what is installed."""
        try:
            self.installed = self._store.installed()
        except StoreError as error:
            self._journal.trouble(self.files.about, str(error))

    def forget_offers(self) -> None:
        """There is another offer, or HAProxy runs by the last one."""
        self.offers.forget()
        self._journal.trouble(self.offers.about, None)

    def may_check(self, key: str) -> bool:
        """Whether the last failure of this ``key`` is long enough ago to try again."""
        return key != self.offers.key or self.offers.backoff.allows(self._clock())

    async def check(self, text: str, key: str) -> bool:
        """Whether HAProxy takes this configuration. False as well where it `may_check` not."""
        async with self._lock:
            return await self._attempt(self.offers, text, key, install=False)

    def refuse(self, key: str, words: str) -> None:
        """HAProxy read the offer without complaint, and then did not start with it."""
        self.offers.key = key
        self._refused(self.offers, words)

    async def put(self, text: str) -> bool:
        """Checks and installs; says whether the file is this text now."""
        async with self._lock:
            return text == self.installed or await self._attempt(self.files, text, text, install=True)

    def keep(self, text: str) -> None:
        """`put`, beside everything else that is done, and not without a rest in between."""
        if text == self.installed or self._clock() < self._resting_until_s:
            return
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.create_task(self.put(text))

    async def settle(self) -> None:
        """Waits until nothing is being written."""
        if self._keeping is not None:
            await self._keeping

    async def _attempt(self, attempts: Attempts, text: str, key: str, *, install: bool) -> bool:
        now_s = self._clock()
        if key != attempts.key:
            attempts.key = key
            attempts.backoff.reset()
        if not attempts.backoff.allows(now_s):
            return False
        try:
            await self._carry_out(text, install=install)
        except ConfigurationRefused as error:
            self._refused(attempts, str(error))
            return False
        except (ProxyError, StoreError) as error:
            self._failed(attempts, str(error))
            return False
        if install:
            attempts.forget()
            self._journal.trouble(attempts.about, None)
        self._resting_until_s = self._clock() + PATIENCE * (self._clock() - now_s)
        return True

    def _refused(self, attempts: Attempts, words: str) -> None:
        was = attempts.refused or Refused(since_s=self._clock(), times=0, words="")
        attempts.refused = Refused(since_s=was.since_s, times=was.times + 1, words=words)
        self._journal.counts["refused"] += 1
        self._failed(attempts, f"HAProxy refuses it, the one before goes on: {words}")

    def _failed(self, attempts: Attempts, words: str) -> None:
        self._candidate = None
        attempts.backoff.failed(self._clock())
        self._journal.trouble(attempts.about, words)

    async def _carry_out(self, text: str, *, install: bool) -> None:
        if text != self._candidate:
            self._candidate = None
            path = await asyncio.to_thread(self._store.candidate, text)
            await self._proxy.check(path)
            self._candidate = text
        if install:
            self._candidate = None
            await asyncio.to_thread(self._store.install)
            self.installed = text
            self._journal.counts["files written"] += 1
