"""Puts the host's report into the gossip, and keeps the host in the gossip.

A change goes three ways: over a query, which is fast; in the tags, which are the truth; and, in fleets of up to a
hundred hosts, by an exchange with each gateway over TCP, which waits for nobody's turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

from flotilla.adapters import log
from flotilla.adapters.agent_folder import AgentFolder, Recalled
from flotilla.agent.health import Copy
from flotilla.agent.joining import alone, through, unknown
from flotilla.agent.report import Place, next_report
from flotilla.domain.handed import HostFile
from flotilla.domain.member import Member, Role, Status, member_name
from flotilla.domain.report import HostReport
from flotilla.domain.tags import FLEET, ROLE, common_tags, encode_tags
from flotilla.errors import GossipError
from flotilla.ports import Gossip
from flotilla.programs.agent_troubles import Troubles

QUERY = "flotilla-report"
TAKEN_S = 0.005
UNKNOWN_EVERY = 10
SAVE_EVERY = 30
FEW_HOSTS = 100
ASKING, TAGS, SAVING, ALONE = "the query", "the tags", "report.json", "the gossip"


class Voice:
    """``report`` is the last one, ``seen`` what Serf says of the gateways and of this host."""

    def __init__(self, address: str, folder: AgentFolder, troubles: Troubles) -> None:
        self._address = address
        self._folder = folder
        self._troubles = troubles
        self._wanted = asyncio.Event()
        self._beside: set[asyncio.Task[None]] = set()
        self._joining: asyncio.Task[None] | None = None
        self._looks = 0
        self.name = member_name(Role.HOST, address)
        self.report: HostReport | None = None
        self.seen: tuple[Member, ...] = ()

    def renew(self, file: HostFile, copies: dict[Place, Copy]) -> None:
        """Makes the report anew, and keeps it for the next life if it says something new."""
        report = next_report(file, copies, self.report, time.time())
        if report != self.report:
            self.report = report
            self.save()

    def save(self) -> None:
        """Keeps the report for the next life."""
        assert self.report is not None
        try:
            self._folder.keep_report(Recalled(at_s=time.time(), report=self.report))
        except OSError as error:
            self._troubles.set(SAVING, str(error))
        else:
            self._troubles.set(SAVING, None)

    def tags(self, file: HostFile) -> dict[str, str]:
        """What the tags have to be."""
        assert self.report is not None
        return common_tags(Role.HOST, file.fleet) | encode_tags(self.report)

    async def publish(self, gossip: Gossip, file: HostFile) -> None:
        """Tells the report over the query at once, and has `follow_tags` do the rest."""
        tags = self.tags(file)
        self._wanted.set()
        told = {key: value for key, value in sorted(tags.items()) if key not in (ROLE, FLEET)}
        log.say("report", says=" ".join(f"{key}={value}" for key, value in told.items()))
        try:
            await gossip.query(QUERY, json.dumps({"name": self.name, "tags": tags}, ensure_ascii=False).encode())
        except GossipError as error:
            self._troubles.set(ASKING, str(error))
        else:
            self._troubles.set(ASKING, None)

    async def follow_tags(self, gossip: Gossip, file: Callable[[], HostFile]) -> NoReturn:
        """Sets the tags whenever they have to be others: always to the latest, however long Serf takes for each."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            tags = self.tags(file())
            try:
                own = await gossip.members([self.name])
                strange = [key for member in own for key in member.tags if key not in tags]
                await self._set(gossip, tags, strange)
            except GossipError as error:
                self._troubles.set(TAGS, str(error))
            else:
                self._troubles.set(TAGS, None)
                self._exchange(gossip, file())

    async def _set(self, gossip: Gossip, tags: dict[str, str], strange: Sequence[str]) -> None:
        """Until Serf has the tags. Its own answer comes only when it has told somebody, up to a second later: it is
        waited for beside the rest."""
        setting = asyncio.create_task(gossip.set_tags(tags, strange))
        self._beside.add(setting)
        setting.add_done_callback(self._ended)
        while not setting.done():
            if any(dict(member.tags) == tags for member in await gossip.members([self.name])):
                return
            await asyncio.sleep(TAKEN_S)
        await setting

    def _ended(self, setting: asyncio.Task[None]) -> None:
        self._beside.discard(setting)
        if not setting.cancelled() and (error := setting.exception()) is not None:
            self._troubles.set(TAGS, str(error))

    async def keep(self, gossip: Gossip, file: HostFile) -> None:
        """One look: are the tags what they have to be, and is anybody there? Mends what is not."""
        if self._looks % SAVE_EVERY == 0:
            self.save()
        self._looks += 1
        gateways = [member_name(Role.GATEWAY, address) for address in file.gateways]
        try:
            self.seen = tuple(await gossip.members([self.name, *gateways]))
            own = next((member for member in self.seen if member.name == self.name), None)
            if own is not None and dict(own.tags) == self.tags(file):
                self._troubles.set(TAGS, None)
                self._troubles.set(ASKING, None)
            elif own is not None:
                self._wanted.set()
            await self._join(gossip, file)
        except GossipError as error:
            self._troubles.set(ALONE, str(error))

    async def _join(self, gossip: Gossip, file: HostFile) -> None:
        addresses: tuple[str, ...] = ()
        if alone(self.seen, self.name) and alone(await gossip.members(), self.name):
            addresses = through(file, self._address, self._looks)
            self._troubles.set(ALONE, "no other member is alive" if addresses else None)
        else:
            self._troubles.set(ALONE, None)
            if self._looks % UNKNOWN_EVERY == 0:
                addresses = unknown(file, self.seen)
        if addresses:
            self._begin(gossip, addresses)

    def _exchange(self, gossip: Gossip, file: HostFile) -> None:
        """Gives the gateways all that Serf knows, without waiting for gossip's turn."""
        here = [member.address for member in self.seen if member.status is Status.ALIVE and member.name != self.name]
        if here and len(file.hosts) <= FEW_HOSTS:
            self._begin(gossip, here)

    def _begin(self, gossip: Gossip, addresses: Sequence[str]) -> None:
        """Joins beside everything else: an address that does not answer takes its time."""

        async def join() -> None:
            with contextlib.suppress(GossipError):  # nobody answers; the next look tries others
                await gossip.join(addresses)

        if self._joining is None or self._joining.done():
            self._joining = asyncio.create_task(join())
