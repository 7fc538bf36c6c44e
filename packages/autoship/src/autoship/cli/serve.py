"""``autoship serve``: the service over HTTP, in one process, until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import sys
import threading
import time

import click
import uvloop

from autoship.cli.exits import CANNOT_LISTEN, told
from autoship.cli.memory import give_back_memory
from autoship.cli.options import setting_options
from autoship.configuration import SETTINGS, Configuration, read_configuration
from autoship.errors import ConfigurationError
from autoship.service import Autoship, Settings
from autoship.web import application
from autoship.web.drain import Drain
from autoship.web.logs import announce, configure
from autoship.web.server import BACKLOG, Limits, Server, server_of
from autoship.web.traffic import Traffic
from autoship.wiring import running

__all__ = ["serve", "server_of"]

FILES_BESIDES = 64
"""Files that are open besides the connections: the history's, the log, the loop's."""

LAST = 0.05
"""The part of the drain that is left to the end of the process itself."""

COLLECTED_AFTER = 50_000
"""Objects more than before, until cycles among them are looked for. A request makes none; to look for them after every
700 costs a prediction a twentieth of its time, and more with every model in memory."""

SAVED_BEFORE = 0.15
"""The part before whose beginning the last snapshots are begun."""

logger = logging.getLogger("autoship")


@click.command()
@setting_options(*(setting.name for setting in SETTINGS))
def serve(**flags: str | None) -> None:
    """Answer over HTTP.

    Says in one line where, once it is ready. SIGTERM or SIGINT: answers what is under way, keeps what is in memory
    alone, and ends with 0; a second one ends it at once.
    """
    with told():
        configuration = read_configuration(flags, os.environ)
        _allow_files(configuration.max_connections + FILES_BESIDES)
        configure(configuration.log, configuration.log_level)
        gc.set_threshold(COLLECTED_AFTER)
        give_back_memory()
        with _listening(configuration) as listener, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(configuration, listener))


def _allow_files(needed: int) -> None:
    """Raises the soft limit of open files as far as is needed; `ConfigurationError` where the hard one forbids it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and needed > hard:
        problem = f"AUTOSHIP_MAX_CONNECTIONS wants {needed:,} open files, and this process may have {hard:,}"
        raise ConfigurationError([f"{problem}: lower it, or raise the limit (ulimit -n, LimitNOFILE=)"])
    if soft != resource.RLIM_INFINITY and needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _listening(configuration: Configuration) -> socket.socket:
    family = socket.AF_INET6 if ":" in configuration.host else socket.AF_INET
    try:
        return socket.create_server((configuration.host, configuration.port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]
        click.echo(f"autoship: cannot listen on {configuration.host} port {configuration.port}: {reason}", err=True)
        sys.exit(CANNOT_LISTEN)


async def _serve(configuration: Configuration, listener: socket.socket) -> None:
    drain, traffic = Drain(), Traffic()
    settings = Settings(max_error=configuration.max_error, audit=configuration.audit)
    limits = Limits(configuration.request_timeout_s, configuration.max_connections, configuration.drain_s)
    async with running(configuration.history, settings, memory_mb=configuration.memory_mb) as service:
        app = application(
            service, token=configuration.token, drain=drain, traffic=traffic, access_log=configuration.access_log
        )
        server = server_of(
            app,
            limits=limits,
            drain=drain,
            traffic=traffic,
            ready=lambda at: announce(configuration.log, f"autoship listens on {at}"),
        )
        _stop_on_signals(server, service, configuration.drain_s)
        await server.serve(sockets=[listener])
    logger.info("stopped")


def _stop_on_signals(server: Server, service: Autoship, drain_s: float) -> None:
    """The first signal begins the end, and bounds it; the second is the kernel's, which ends the process at once."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)

    def stop(name: str) -> None:
        logger.info("stopping: %s came; what is under way is answered", name)
        for one in signals:
            loop.remove_signal_handler(one)
            signal.signal(one, signal.SIG_DFL)
        deadline = threading.Timer(drain_s * (1 - LAST), _give_up)
        deadline.daemon = True
        deadline.start()
        service.close_by(time.monotonic() + drain_s * (1 - SAVED_BEFORE))
        server.stop()

    for one in signals:
        loop.add_signal_handler(one, stop, one.name)


def _give_up() -> None:
    """Ends the process. What was acknowledged is on the disk."""
    logger.error("the time that stopping may take is up: what was only in memory is lost")
    logging.shutdown()
    os._exit(0)
