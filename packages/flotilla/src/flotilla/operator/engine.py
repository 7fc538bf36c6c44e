"""A machine's Docker Engine: there, running, and how many files it lets a container open."""

from __future__ import annotations

import re

from flotilla.errors import RemoteError
from flotilla.operator.commands import failed, succeed, until
from flotilla.operator.world import World
from flotilla.remote import Machine

VERSION = ("docker", "version", "--format", "{{.Server.Version}}")
INSTALL = """
command -v apt-get >/dev/null || { echo 'no apt-get: install Docker as the distribution wants it' >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
client=$(apt-cache show docker-cli >/dev/null 2>&1 && echo docker-cli || true)
exec apt-get install -y -qq --no-install-recommends docker.io $client iptables
"""
START = """
if [ -d /run/systemd/system ]; then exec systemctl enable --now docker; fi
exec service docker start
"""
LIMITS = """
for process in /proc/[0-9]*; do
    [ "$(cat "$process/comm" 2>/dev/null)" != dockerd ] || grep '^Max open files' "$process/limits"
done
"""

MOST_FILES = 1_048_576
FILES = 65_536
"""Where nobody says how many."""

INSTALL_S = 900.0
START_S = 60.0


async def ensure(world: World, address: str) -> list[str]:
    """Has an engine run, and says what was done for it."""
    machine, changed = world.at(address), []
    done = await machine.run(VERSION)
    if done.status and b"not found" in done.err:
        world.say(address, "Docker is installed")
        await succeed(machine, ("sh", "-c", INSTALL), deadline_s=INSTALL_S)
        changed.append("Docker installed")
        done = await machine.run(VERSION)
    if done.status:
        await succeed(machine, ("sh", "-c", START), deadline_s=START_S)
        changed.append("Docker started")

        async def look() -> bool | None:
            return True if (await machine.run(VERSION)).status == 0 else None

        if await until(world, START_S, look) is None:
            raise failed(address, VERSION, await machine.run(VERSION))
    return changed


async def open_files(machine: Machine) -> int:
    """How many files a container there may open at most."""
    done = await machine.run(("sh", "-c", LIMITS))
    if done.status > 1:
        raise RemoteError(machine.address, "nobody says how many files may be open")
    return read_limits(done.out.decode())


def read_limits(out: str) -> int:
    """The smallest hard limit among lines of ``/proc/PID/limits``."""
    hard = [int(found) for found in re.findall(r"^Max open files +\S+ +(\d+)", out, re.MULTILINE)]
    return min([*hard, MOST_FILES]) if hard else FILES
