"""The host's agent: asks each copy for its health, tells the gateways over Serf, and keeps Serf in the gossip.

    flotilla.programs.agent --address 10.0.0.21     runs until a signal
    flotilla.programs.agent --status                prints what it last told people, as JSON

SIGTERM and SIGINT leave the gossip in order: the gateways take the host out. SIGQUIT ends without leaving, as do a
crash and a kill: the gateways go by the last report and by their own checks, so an agent can be replaced by a later
one under load. A crash of any part ends the program with 1 and without leaving; whoever runs it starts it again.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flotilla.adapters import log
from flotilla.adapters.agent_folder import STATUS_FILE, AgentFolder
from flotilla.errors import FlotillaError
from flotilla.programs.agent_host import Agent

HANDED = Path("/etc/flotilla")
KEPT = Path("/var/lib/flotilla/gossip")
RUN = Path("/run/flotilla")
STALE_S = 5.0


def main(argv: Sequence[str] | None = None) -> int:
    """The program; its exit status."""
    parser = argparse.ArgumentParser(prog="flotilla.programs.agent", description="The host's agent of flotilla.")
    parser.add_argument("--address", help="this host's address, as the gateways reach it: an IPv4 or IPv6 literal")
    parser.add_argument("--status", action="store_true", help="print what the running agent knows, as JSON")
    given = parser.parse_args(argv)
    if given.status:
        return status(RUN / STATUS_FILE)
    if given.address is None:
        parser.error("--address is missing")
    try:
        address = str(ipaddress.ip_address(given.address))
    except ValueError:
        parser.error(f"--address {given.address!r} is no IPv4 or IPv6 literal")
    return asyncio.run(serve(Agent(address, AgentFolder(HANDED, KEPT, RUN), KEPT, RUN)))


async def serve(agent: Agent) -> int:
    """Runs the agent until a signal or a crash; the exit status."""
    stop: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def ask(name: str, leave: bool) -> None:
        if not stop.done():
            log.say("end", why=name, leave=leave)
            stop.set_result(leave)

    for number, leave in ((signal.SIGTERM, True), (signal.SIGINT, True), (signal.SIGQUIT, False)):
        asyncio.get_running_loop().add_signal_handler(number, ask, number.name, leave)
    running = asyncio.create_task(agent.run())
    either: set[asyncio.Future[Any]] = {running, stop}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        for problem in _leaves(running.exception()):
            log.say("crash", what=type(problem).__name__, words=problem)
            if not isinstance(problem, FlotillaError):
                sys.excepthook(type(problem), problem, problem.__traceback__)
        await agent.end(leave=False)
        return 1
    await agent.end(leave=stop.result())
    running.cancel()
    await asyncio.wait({running})
    return 0


def status(path: Path) -> int:
    """Prints the status; 1 where there is none, or the agent writes it no more."""
    try:
        sys.stdout.write(path.read_text())
        age_s = time.time() - path.stat().st_mtime
    except OSError as error:
        sys.stderr.write(f"the agent has told nothing yet: {path}: {error.strerror}\n")
        return 1
    if age_s > STALE_S:
        sys.stderr.write(f"this is {age_s:.0f} s old: the agent hangs or has ended\n")
        return 1
    return 0


def _leaves(problem: BaseException | None) -> list[BaseException]:
    if isinstance(problem, BaseExceptionGroup):
        return [leaf for each in problem.exceptions for leaf in _leaves(each)]
    return [] if problem is None else [problem]


if __name__ == "__main__":
    sys.exit(main())
