"""`SerfProcess`: Serf's agent as a child of this program, for as long as the program lives.

It writes Serf's configuration, starts ``serf agent``, starts it again when it ends (after 0.1 s, doubling to 5 s),
kills it when it hangs for half a minute, and ends it: in order, so that the others see ``left``, or at once. What Serf
logs goes on, line by line. A snapshot that Serf cannot start with is put aside.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

import msgspec

from flotilla.adapters.serf.rpc import SerfRpc
from flotilla.adapters.serf.settings import CONFIG_FILE, RPC_HOST, SerfSettings, configuration
from flotilla.errors import GossipError

LEAVE_S = 3.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _LONG_ENOUGH_S = 0.1, 5.0, 10.0
_HOPELESS = 3
_SOON_S, _LOOK_S, _MISSED = 0.05, 5.0, 4
_STRAYS_S = 10.0

Log = Callable[[str], None]


class SerfProcess:
    """Serf's agent on this machine. ``folder`` is where its configuration goes, ``log`` gets each line of its log."""

    def __init__(self, settings: SerfSettings, folder: Path, log: Log, binary: str = "serf") -> None:
        self._settings = settings
        self._config = folder / CONFIG_FILE
        self._log = log
        self._binary = binary
        self._token = secrets.token_urlsafe(32)
        self._child: asyncio.subprocess.Process | None = None
        self._ending = False
        self._answers = asyncio.Event()
        self.rpc = SerfRpc(RPC_HOST, settings.rpc_port, self._token)

    def remember(self, tags: Mapping[str, str], join: tuple[str, ...] | None = None) -> None:
        """The tags and the addresses that Serf begins with, the next time that it starts."""
        join = self._settings.join if join is None else join
        settings = msgspec.structs.replace(self._settings, tags=dict(tags), join=join)
        if settings != self._settings:
            self._settings = settings
            self._write()

    async def answers(self) -> None:
        """Waits until Serf's RPC answers."""
        await self._answers.wait()

    async def run(self) -> NoReturn:
        """Starts Serf, and starts it again whenever it ends, until this is cancelled: `end` it then."""
        pause_s, early = _FIRST_PAUSE_S, 0
        self._write()
        reaping = asyncio.create_task(_reap_strays())
        try:
            while True:
                began = asyncio.get_running_loop().time()
                answered = await self._once()
                lived_s = asyncio.get_running_loop().time() - began
                if lived_s >= _LONG_ENOUGH_S:
                    pause_s = _FIRST_PAUSE_S
                early = 0 if answered else early + 1
                if early == _HOPELESS:
                    self._put_snapshot_aside()
                if not self._ending:
                    self._log(f"[ERR] flotilla: serf ended after {lived_s:.1f} s; it starts again in {pause_s:g} s")
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        finally:
            reaping.cancel()

    async def end(self, leave: bool) -> None:
        """Ends Serf: with ``leave`` the others see ``left``, for which it has 3 s; else they see ``failed`` later."""
        self._ending = True
        child = self._child
        if child is None or child.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(signal.SIGTERM if leave else signal.SIGINT)
        try:
            async with asyncio.timeout(LEAVE_S if leave else 1.0):
                await child.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()

    async def _once(self) -> bool:
        if self._ending:
            await asyncio.Event().wait()
        try:
            self._child = await asyncio.create_subprocess_exec(
                self._binary,
                "agent",
                f"-config-file={self._config}",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except OSError as error:
            raise GossipError(f"{self._binary} cannot be started: {error}") from error
        child = self._child
        looking = asyncio.create_task(self._look_after(child))
        try:
            await self._pass_on(child)
            await child.wait()
            answered = self._answers.is_set()
        except BaseException:
            if not self._ending and child.returncode is None:
                child.kill()
            raise
        finally:
            looking.cancel()
            self._answers.clear()
            self.rpc.close()
        return answered

    async def _look_after(self, child: asyncio.subprocess.Process) -> None:
        """Until the RPC answers; then until it has not answered for long, and the child hangs: it is killed."""
        missed = 0
        while missed < _MISSED or not self._answers.is_set():
            if await self._rpc_answers():
                self._answers.set()
                missed = 0
            else:
                missed += 1
            await asyncio.sleep(_LOOK_S if self._answers.is_set() else _SOON_S)
        self._log(f"[ERR] flotilla: serf hangs: its RPC missed {missed} looks; it is killed")
        with contextlib.suppress(ProcessLookupError):
            child.kill()

    async def _rpc_answers(self) -> bool:
        try:
            await self.rpc.stats()
        except GossipError:
            return False
        return True

    async def _pass_on(self, child: asyncio.subprocess.Process) -> None:
        assert child.stdout is not None
        while True:
            try:
                line = await child.stdout.readline()
            except ValueError:  # a line over the reader's limit
                continue
            if not line:
                return
            if words := line.decode(errors="replace").strip():
                self._log(words)

    def _put_snapshot_aside(self) -> None:
        snapshot = self._settings.snapshot
        with contextlib.suppress(OSError):
            snapshot.replace(snapshot.with_suffix(".broken"))
            self._log(f"[ERR] flotilla: serf does not get up: its snapshot is put aside as {snapshot.stem}.broken")

    def _write(self) -> None:
        data = configuration(self._settings, self._token)
        beside = self._config.with_suffix(".new")
        try:
            with contextlib.suppress(FileNotFoundError):
                beside.unlink()
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            beside.replace(self._config)
        except OSError as error:
            raise GossipError(f"{self._config} cannot be written: {error}") from error


async def _reap_strays() -> NoReturn:
    """As process 1 of a container: orphans that ended are waited for. Children of our own are taken within moments, so
    what is still there at the second look is nobody's."""
    seen = 0
    while True:
        await asyncio.sleep(_STRAYS_S)
        if os.getpid() == 1:
            seen = _reap(seen)


def _reap(seen: int) -> int:
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is None:
            return 0
        if found.si_pid == seen:
            os.waitpid(seen, os.WNOHANG)
    except ChildProcessError:
        return 0
    return found.si_pid
