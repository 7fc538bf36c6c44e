"""HAProxy as `flotilla.ports.Proxy`: the worker's runtime API, the master's socket, and ``haproxy -c`` as a child."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from flotilla.adapters.haproxy.answers import batches, line, split
from flotilla.adapters.haproxy.sockets import ask
from flotilla.adapters.haproxy.statistics import OTHER_STAT, SERVER_STAT, STAT, loads, old_workers, with_old_workers
from flotilla.domain.load import Load, Statistics
from flotilla.errors import ConfigurationRefused, ProxyError
from flotilla.gateway.configuration import structure_of
from flotilla.gateway.running import INFO, SERVERS, Running, parse_info, questions, running
from flotilla.ports import Answer, Worker

ANSWER_S = 5.0
LONG_ANSWER_S = 30.0
"""For what 12,000 servers make long: many commands, a check, a reload."""

OLD_WORKERS = 4
"""Of more workers that are going none is asked what it still has."""

LONGEST_WORDS = 4_000


class Haproxy:
    """``folder`` has the sockets ``haproxy.sock`` and ``master.sock``; ``program`` checks configurations."""

    def __init__(self, folder: str, program: str = "haproxy") -> None:
        self._stats = f"{folder}/haproxy.sock"
        self._master = f"{folder}/master.sock"
        self._program = program

    async def worker(self) -> Worker:
        """See `flotilla.ports.Proxy`."""
        info = parse_info(await ask(self._stats, INFO, deadline_s=ANSWER_S))
        try:
            pid, started = int(info["Pid"]), float(info["Start_time_sec"])
        except (KeyError, ValueError) as error:
            raise ProxyError(f"HAProxy's answer to {INFO} lacks a field: {error}") from error
        structure = structure_of(info.get("description", ""))
        return Worker(pid=pid, started_s=started, structure=structure, version=info.get("Version", ""))

    async def running(self) -> Running:
        """See `flotilla.ports.Proxy`. One that drains is asked how many requests it has left."""
        info = await ask(self._stats, INFO, deadline_s=ANSWER_S)
        servers = await ask(self._stats, SERVERS, deadline_s=LONG_ANSWER_S)
        first = running(info, servers)
        asked = questions(first)
        if not asked:
            return first
        parts = [await ask(self._stats, "; ".join(batch), deadline_s=LONG_ANSWER_S) for batch in batches(asked)]
        return running(info, servers, "\n".join(parts))

    async def run(self, commands: Sequence[str]) -> tuple[Answer, ...]:
        """See `flotilla.ports.Proxy`."""
        answers: list[Answer] = []
        for batch in batches(commands):
            answers += split(await ask(self._stats, line(batch), deadline_s=LONG_ANSWER_S), len(batch))
        return tuple(answers)

    async def check(self, path: str) -> None:
        """See `flotilla.ports.Proxy`."""
        try:
            child = await asyncio.create_subprocess_exec(
                self._program, "-c", "-f", path,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
        except OSError as error:
            raise ProxyError(f"cannot run {self._program}: {error.strerror}") from error
        try:
            async with asyncio.timeout(LONG_ANSWER_S):
                words, _ = await child.communicate()
        except TimeoutError as error:
            raise ProxyError(f"{self._program} -c takes longer than {LONG_ANSWER_S:g} s") from error
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
                await child.wait()
        if child.returncode == 1:
            raise ConfigurationRefused(_tail(words.decode("utf-8", "replace")))
        if child.returncode != 0:
            raise ProxyError(
                f"{self._program} -c ended with {child.returncode}: {_tail(words.decode(errors='replace'))}"
            )

    async def reload(self) -> None:
        """See `flotilla.ports.Proxy`."""
        text = await ask(self._master, "reload", deadline_s=LONG_ANSWER_S)
        first, _, words = text.partition("\n")
        if first.strip() != "Success=1":
            raise ConfigurationRefused(f"it does not start with it: {_tail(words.removeprefix('--') or text)}")

    async def statistics(self, *, servers: bool = True) -> Statistics:
        """See `flotilla.ports.Proxy`."""
        if not servers:
            return Statistics(loads=tuple(loads(await ask(self._stats, OTHER_STAT, deadline_s=ANSWER_S))))
        now = await ask(self._stats, STAT, deadline_s=LONG_ANSWER_S)
        going = old_workers(await ask(self._master, "show proc", deadline_s=ANSWER_S, until=b"\n\n"))
        before: list[Load] = []
        for pid in going[:OLD_WORKERS]:
            with contextlib.suppress(ProxyError):  # it may just have gone
                text = await ask(self._master, f"@!{pid} {SERVER_STAT}", deadline_s=ANSWER_S, until=b"\n\n")
                before += loads(text)
        return Statistics(loads=with_old_workers(loads(now), before), old_workers=len(going))


def _tail(words: str) -> str:
    """What HAProxy complains of, without its notices, and of that the end."""
    lines = words.strip().splitlines()
    text = "\n".join([line for line in lines if not line.startswith("[NOTICE]")] or lines).strip()
    return text if len(text) <= LONGEST_WORDS else "… " + text[-LONGEST_WORDS:]
