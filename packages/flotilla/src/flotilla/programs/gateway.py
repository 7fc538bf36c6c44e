"""The gateway program: Serf's agent as its child, the loop that has HAProxy follow the fleet, and its pages.

HAProxy itself runs in a container of its own and lives on when this program dies, and the other way round.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from flotilla.adapters import log
from flotilla.adapters.gateway_folder import GatewayFolder
from flotilla.adapters.haproxy import Haproxy
from flotilla.adapters.serf import SerfProcess, SerfSettings
from flotilla.domain.member import Role, member_name
from flotilla.domain.tags import common_tags
from flotilla.errors import FlotillaError, GossipError
from flotilla.gateway.configuration import Machine
from flotilla.programs.gateway_http import PageServer
from flotilla.programs.gateway_journal import Journal
from flotilla.programs.gateway_loop import GatewayLoop
from flotilla.programs.gateway_pages import GatewayPages

SERF = "Serf"
SERF_AGAIN_S = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs until a signal: SIGTERM and SIGINT leave the gossip in order, SIGQUIT does not. The exit status."""
    given = _parser().parse_args(arguments)
    try:
        asyncio.run(_run(given))
    except FlotillaError as error:
        log.say("crash", words=error)
        return 1
    return 0


def machine() -> Machine:
    """What this machine allows. HAProxy's container has no less."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return Machine(
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        memory=pages * size,
        cpus=len(os.sched_getaffinity(0)),
        ipv6=Path("/proc/net/if_inet6").exists(),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flotilla-gateway", description=__doc__.splitlines()[0])
    parser.add_argument("--address", required=True, type=_address, help="this gateway's, as the fleet file names it")
    parser.add_argument("--handed", type=Path, default=Path("/etc/flotilla"), help="has gateway.json")
    parser.add_argument("--own", type=Path, default=Path("/var/lib/flotilla/haproxy"), help="haproxy.cfg and memory")
    parser.add_argument("--sockets", type=Path, default=Path("/run/flotilla-haproxy"), help="HAProxy's and the pages'")
    parser.add_argument("--run", type=Path, default=Path("/run/flotilla"), help="for Serf's configuration")
    parser.add_argument("--gossip", type=Path, default=Path("/var/lib/flotilla/gossip"), help="keys and snapshot")
    parser.add_argument("--check", default="haproxy-check", help="the program that checks configurations")
    return parser


def _address(text: str) -> str:
    return str(ipaddress.ip_address(text))


def _log_of_serf(line: str) -> None:
    """Serf's warnings and errors, but for those of joining: who is missing the gateway tells itself."""
    if ("[WARN]" in line or "[ERR]" in line) and "oin" not in line:
        log.say("serf", line=line)


async def _run(given: argparse.Namespace) -> None:
    journal = Journal(time.time, lambda done: log.say(done.kind, what=done.what, why=done.why or None))
    settings = SerfSettings(
        name=member_name(Role.GATEWAY, given.address), address=given.address, tags={}, gossip=given.gossip
    )
    serf = SerfProcess(settings, given.run, _log_of_serf)
    proxy = Haproxy(str(given.sockets), given.check)
    loop = GatewayLoop(
        gossip=serf.rpc,
        proxy=proxy,
        store=GatewayFolder(given.handed, given.own),
        machine=machine(),
        address=given.address,
        journal=journal,
        clock=time.time,
    )
    pages = GatewayPages(loop, proxy, os.environ.get("FLOTILLA_VERSION", "of no release"), time.time)
    server = await PageServer(pages.pages(), lambda words: log.say("pages", what=words)).start(
        given.sockets / "gateway.sock"
    )
    works = asyncio.gather(loop.run(), pages.sample(), _serf(serf, loop, journal))
    asked = _signals()
    await asyncio.wait((works, asked), return_when=asyncio.FIRST_COMPLETED)
    server.close()
    if not asked.done():
        await serf.end(leave=False)
        works.result()
    leave = asked.result() != signal.SIGQUIT
    journal.did("the program", f"the gateway ends, {'and leaves the gossip' if leave else 'without leaving'}")
    await serf.end(leave=leave)
    works.cancel()
    await asyncio.wait((works,))
    await loop.installer.settle()


def _signals() -> asyncio.Future[int]:
    """What the program was told to end with."""
    loop = asyncio.get_running_loop()
    asked: asyncio.Future[int] = loop.create_future()

    def ask(number: int) -> None:
        if not asked.done():
            asked.set_result(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        loop.add_signal_handler(number, ask, number)
    return asked


async def _serf(serf: SerfProcess, loop: GatewayLoop, journal: Journal) -> NoReturn:
    """Serf, as soon as a gateway file says of which fleet, and again for as long as it cannot be started."""
    file = await loop.first_file
    serf.remember(common_tags(Role.GATEWAY, file.fleet), (*file.hosts, *file.gateways))
    while True:
        try:
            await serf.run()
        except GossipError as error:
            journal.trouble(SERF, str(error))
            await asyncio.sleep(SERF_AGAIN_S)


if __name__ == "__main__":
    sys.exit(main())
