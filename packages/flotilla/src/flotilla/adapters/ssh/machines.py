"""All machines of a fleet over SSH: one connection each, in a folder of sockets that nobody else can read."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from flotilla.adapters.ssh.machine import SshMachine
from flotilla.domain.fleet import Ssh

LONGEST_FOLDER = 40
"""A socket's path may have 107 characters, and `ssh` adds 17 to it while it makes one."""


class SshMachines:
    """See `flotilla.remote.Machines`."""

    def __init__(self, ssh: Ssh, *, folder: Path, sockets: Path, terminal: bool) -> None:
        self._ssh = ssh
        self._folder = folder
        self._sockets = sockets
        self._terminal = asyncio.Lock() if terminal else None
        self._machines: dict[str, SshMachine] = {}

    def at(self, address: str) -> SshMachine:
        """The machine of this address, the same one each time."""
        if address not in self._machines:
            sockets = self._sockets / str(len(self._machines))
            self._machines[address] = SshMachine(
                address, self._ssh, folder=self._folder, sockets=sockets, terminal=self._terminal
            )
        return self._machines[address]

    async def close(self) -> None:
        """Ends all connections."""
        await asyncio.gather(*(machine.close() for machine in self._machines.values()))


@asynccontextmanager
async def ssh_machines(ssh: Ssh, *, folder: Path, terminal: bool) -> AsyncIterator[SshMachines]:
    """The machines of a fleet, until the end of the block. ``terminal``: a person is there who can be asked."""
    parent = tempfile.gettempdir()
    if len(parent) > LONGEST_FOLDER:
        parent = "/tmp"  # noqa: S108
    with tempfile.TemporaryDirectory(prefix="flotilla-", dir=parent, ignore_cleanup_errors=True) as sockets:
        machines = SshMachines(ssh, folder=folder, sockets=Path(sockets), terminal=terminal)
        try:
            yield machines
        finally:
            await machines.close()
