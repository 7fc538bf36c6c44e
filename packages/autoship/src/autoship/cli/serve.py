"""``autoship serve``: the service over HTTP, in one process, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator

import click
import uvicorn
import uvloop
from starlette.types import ASGIApp

from autoship.cli.exits import CANNOT_LISTEN, told
from autoship.cli.options import setting_options
from autoship.configuration import Configuration, read_configuration
from autoship.web import application
from autoship.wiring import running

BACKLOG = 2048
DRAIN_S = 20
KEEP_ALIVE_S = 75
"""Longer than proxies keep a connection that nobody uses, so that it is theirs to close."""


@click.command()
@setting_options("host", "port", "history", "cache", "memory_mb")
def serve(**flags: str | None) -> None:
    """Answer over HTTP.

    Says in one line where, once it is ready. SIGTERM or SIGINT: answers what is under way, keeps what is in memory
    alone, and ends with 0.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with told():
        configuration = read_configuration(flags, os.environ)
        with _listening(configuration) as listener, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(configuration, listener))


def _listening(configuration: Configuration) -> socket.socket:
    family = socket.AF_INET6 if ":" in configuration.host else socket.AF_INET
    try:
        return socket.create_server((configuration.host, configuration.port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]
        click.echo(f"autoship: cannot listen on {configuration.host} port {configuration.port}: {reason}", err=True)
        sys.exit(CANNOT_LISTEN)


async def _serve(configuration: Configuration, listener: socket.socket) -> None:
    async with running(configuration.history, memory_mb=configuration.memory_mb) as service:
        server = server_of(application(service))
        for stop in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(stop, server.handle_exit, stop, None)
        await server.serve(sockets=[listener])


def server_of(app: ASGIApp) -> uvicorn.Server:
    """The HTTP server, with nothing in it that is not used."""
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
    )
    return _Server(config)


class _Server(uvicorn.Server):
    """Says where it listens. Leaves signals to the loop: uvicorn would raise them again, and end with their status."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            click.echo(f"autoship listens on http://{f'[{host}]' if ':' in host else host}:{port}")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
