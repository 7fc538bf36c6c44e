"""Which host file the agent goes by: the last one that was good. A broken or missing one is told of, and changes
nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn

from flotilla.adapters import log
from flotilla.adapters.agent_folder import AgentFolder
from flotilla.agent.report import read_host_file
from flotilla.domain.handed import HostFile
from flotilla.errors import HandedFileError
from flotilla.programs.agent_troubles import Troubles

LOOK_S = 0.1
ABOUT = "host.json"
COPY = "the copy of host.json"


class FollowedFile:
    """``file`` is the one that holds; ``changed`` is called when it is another."""

    def __init__(self, folder: AgentFolder, troubles: Troubles, changed: Callable[[], None]) -> None:
        self._folder = folder
        self._troubles = troubles
        self._changed = changed
        self._first = asyncio.Event()
        self.file: HostFile | None = None

    def begin(self) -> None:
        """Reads what there is: where host.json is broken or missing, the last good one."""
        self._folder.changed()
        self._read()
        if self.file is None and (good := self._folder.last_good()) is not None:
            log.say("file", generation=good.generation, why="the last good one goes on")
            self._use(good)

    async def first(self) -> HostFile:
        """The file that holds, once there is one."""
        await self._first.wait()
        assert self.file is not None
        return self.file

    async def follow(self) -> NoReturn:
        """Looks ten times a second whether there is another."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._folder.changed():
                self._read()

    def _read(self) -> None:
        try:
            file = read_host_file(self._folder.handed())
        except HandedFileError as error:
            going_on = f"generation {self.file.generation} goes on" if self.file else "waiting for a good one"
            self._troubles.set(ABOUT, f"{error}; {going_on}")
            return
        self._troubles.set(ABOUT, None)
        if file == self.file:
            return
        log.say("file", generation=file.generation, fleet=file.fleet, drain=file.drain or None)
        try:
            self._folder.keep_file(file)
        except OSError as error:
            self._troubles.set(COPY, str(error))
        else:
            self._troubles.set(COPY, None)
        self._use(file)

    def _use(self, file: HostFile) -> None:
        self.file = file
        self._first.set()
        self._changed()
