"""The agent as a whole: its parts, and the order in which they begin.

Nothing is told before each copy has answered once, or had its time: an agent that starts under full load takes no
healthy copy out. Serf starts after that, with the whole report in its first tags.
"""

from __future__ import annotations

import asyncio
import datetime
import time
from pathlib import Path
from typing import NoReturn

import msgspec

from flotilla.adapters.agent_folder import AgentFolder
from flotilla.adapters.log import say
from flotilla.adapters.serf import SerfProcess, SerfSettings
from flotilla.agent.joining import through
from flotilla.agent.report import recalled
from flotilla.domain.handed import HostFile
from flotilla.programs.agent_copies import AskedCopies
from flotilla.programs.agent_file import FollowedFile
from flotilla.programs.agent_gossip import Voice
from flotilla.programs.agent_troubles import Troubles

GATHER_S = 0.02
KEEP_S = 1.0
SERF_S = 3.0
TELL_S = 1.0
RECALLED_S = 120.0


class Agent:
    """The host's agent at ``address``; ``kept`` holds the keys too. `run` it, then `end` it."""

    def __init__(self, address: str, folder: AgentFolder, kept: Path, run: Path) -> None:
        self._address = address
        self._folder, self._kept, self._run = folder, kept, run
        self._news = asyncio.Event()
        self._troubles = Troubles()
        self._file = FollowedFile(folder, self._troubles, self._news.set)
        self._copies = AskedCopies(address, self._news.set)
        self._voice = Voice(address, folder, self._troubles)
        self._serf: SerfProcess | None = None
        self._since = _now()

    async def run(self) -> None:
        """Runs until it is cancelled; raises when a part of it crashes."""
        say("start", address=self._address)
        async with asyncio.TaskGroup() as tasks:
            self._file.begin()
            tasks.create_task(self._tell())
            tasks.create_task(self._file.follow())
            file = await self._file.first()
            self._recall(file)
            self._copies.follow(file, tasks)
            await self._copies.first_look()
            serf = self._serf = self._start(self._file.file or file)
            tasks.create_task(serf.run())
            tasks.create_task(self._keep(serf))
            await serf.answers()
            tasks.create_task(self._publish(tasks, serf))
            tasks.create_task(self._voice.follow_tags(serf.rpc, self._held))

    async def end(self, leave: bool) -> None:
        """Ends Serf: in order, or at once."""
        if self._serf is not None:
            await self._serf.end(leave)

    def _recall(self, file: HostFile) -> None:
        last = self._folder.last_report()
        if last is None:
            return
        self._voice.report = last.report
        if 0 <= time.time() - last.at_s < RECALLED_S:
            self._copies.known |= recalled(file, last.report)

    def _start(self, file: HostFile) -> SerfProcess:
        self._voice.renew(file, self._copies.known)
        settings = SerfSettings(
            name=self._voice.name,
            address=self._address,
            tags=self._voice.tags(file),
            join=through(file, self._address, 0),
            gossip=self._kept,
        )
        return SerfProcess(settings, self._run, _serf_said)

    def _held(self) -> HostFile:
        assert self._file.file is not None
        return self._file.file

    async def _publish(self, tasks: asyncio.TaskGroup, serf: SerfProcess) -> NoReturn:
        told: dict[str, str] = {}
        while True:
            await self._news.wait()
            self._news.clear()
            file = self._held()
            self._copies.follow(file, tasks)
            self._voice.renew(file, self._copies.known)
            tags = self._voice.tags(file)
            if tags != told:
                told = tags
                serf.remember(tags, through(file, self._address, 0))
                await self._voice.publish(serf.rpc, file)
                await asyncio.sleep(GATHER_S)

    async def _keep(self, serf: SerfProcess) -> NoReturn:
        while True:
            try:
                async with asyncio.timeout(SERF_S):
                    await serf.answers()
            except TimeoutError:
                self._troubles.set("serf", "it does not answer; what it said last is in the log")
                continue
            self._troubles.set("serf", None)
            await self._voice.keep(serf.rpc, self._held())
            await asyncio.sleep(KEEP_S)

    async def _tell(self) -> NoReturn:
        while True:
            try:
                self._folder.tell(self._status())
            except OSError as error:
                self._troubles.set("status.json", str(error))
            else:
                self._troubles.set("status.json", None)
            await asyncio.sleep(TELL_S)

    def _status(self) -> dict[str, object]:
        file = self._file.file
        return {
            "name": self._voice.name,
            "since": self._since,
            "now": _now(),
            "fleet": file.fleet if file else None,
            "generation": file.generation if file else None,
            "troubles": self._troubles.now,
            "report": self._voice.report,
            "copies": [
                {
                    "service": place.service,
                    "copy": place.index,
                    "port": place.port,
                    "path": place.path,
                    "ready": copy.ready,
                    "bad": copy.bad,
                    "last": copy.last,
                }
                for place, copy in sorted(self._copies.known.items())
            ],
            "members": [msgspec.structs.asdict(member) for member in self._voice.seen],
        }


def _serf_said(words: str) -> None:
    if "agent.ipc: Accepted client" not in words:
        say("serf", says=words)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
