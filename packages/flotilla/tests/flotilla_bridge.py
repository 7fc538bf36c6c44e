"""A bridge of Docker with members of the gossip on it: bare Serfs whose RPC the tests can ask, and whole agents."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import ipaddress
import itertools
import json
import os
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import flotilla_copies
from flotilla.adapters.serf import SerfRpc, SerfSettings
from flotilla.adapters.serf.settings import configuration
from flotilla.domain.handed import HOST_FILE, HostFile, encode_handed
from flotilla.domain.member import Role, member_name
from flotilla.errors import GossipError

KEY = base64.b64encode(bytes(range(32))).decode()
LABEL = "flotilla.test=serf"
TOKEN = "token-of-the-tests"
_NUMBERS = itertools.count()

START = """
mkdir -p /tmp/g
[ -f /tmp/g/keyring.json ] || printf %s "$KEYS" > /tmp/g/keyring.json
printf %s "$CONFIG" > /tmp/serf.json
exec serf agent -config-file=/tmp/serf.json
"""


def docker(*argv: str, check: bool = True, text: str | None = None, both: bool = False) -> str:
    """Runs `docker`; what it printed, on both outputs where that is wanted."""
    done = subprocess.run(["docker", *argv], capture_output=True, text=True, check=False, input=text)
    if check and done.returncode:
        raise AssertionError(f"docker {' '.join(argv)}: {done.stderr}")
    return done.stdout + (done.stderr if both or argv[0] == "logs" else "")


async def until(ask: Callable[[], Awaitable[object]], within_s: float = 20.0) -> Any:
    """What `ask` answers once it is true; refusals of the gossip count as not yet."""
    said: object = None
    try:
        async with asyncio.timeout(within_s):
            while True:
                try:
                    if said := await ask():
                        return said
                except GossipError as error:
                    said = error
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {within_s:g} s; last: {said}") from None


@dataclasses.dataclass(frozen=True)
class Host:
    """One host: its address, the folder that its agent is handed files in, and the agent's container."""

    address: str
    folder: Path
    container: str

    @property
    def name(self) -> str:
        """Its name in the gossip."""
        return member_name(Role.HOST, self.address)

    def mode(self, port: int, mode: str) -> None:
        """From now on the copy on this port does as `flotilla_copies` says."""
        docker("exec", self.container.replace("-agent-", "-host-"), "sh", "-c", f"echo {mode} > /tmp/{port}")

    def python(self, code: str) -> str:
        """Runs Python in the agent's container."""
        return docker("exec", self.container, "python3", "-c", code)

    def status(self) -> Any:
        """What the agent tells people; None where it has told nothing yet."""
        said = docker("exec", self.container, "python3", "-m", "flotilla.programs.agent", "--status", check=False)
        return json.loads(said) if said else None

    def log(self) -> str:
        """What the agent has logged."""
        return docker("logs", self.container)


class Bridge:
    """A network of its own and what runs on it; all of it goes with `close`."""

    def __init__(self, image: str) -> None:
        self.image = image
        self.name = f"serf-test-{os.getpid()}-{next(_NUMBERS)}"
        self._free = iter(_network(self.name).hosts())
        next(self._free)  # the bridge itself
        self._containers: list[str] = []
        self._volumes: list[str] = []

    def address(self) -> str:
        """An address that nobody has."""
        return str(next(self._free))

    def serf(
        self,
        name: str,
        address: str,
        tags: Mapping[str, str],
        join: Sequence[str] = (),
        key: str = KEY,
        **other: object,
    ) -> SerfRpc:
        """A bare Serf, set as flotilla sets it, but for its RPC, which listens on all addresses."""
        settings = SerfSettings(name=name, address=address, tags=tags, join=tuple(join), gossip=Path("/tmp/g"))
        config = json.loads(configuration(settings, TOKEN)) | {"rpc_addr": "0.0.0.0:7373"} | other
        environment = ["-e", f"CONFIG={json.dumps(config)}", "-e", f"KEYS={json.dumps([key])}"]
        self.run(name, address, *environment, "--entrypoint", "sh", self.image, "-c", START)
        return SerfRpc(address, 7373, TOKEN)

    def agent(self, folder: Path, file: HostFile | None = None, address: str = "", key: str = KEY) -> Host:
        """A host with its agent, run as on a real one, and with copies on its ports. ``folder`` gets its file."""
        address = address or self.address()
        host = Host(address, folder, self.container(f"agent-{address}"))
        volume = f"{self.name}-{address}"
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        if file is not None:
            hand_out(folder, file)
        docker("volume", "create", "--label", LABEL, volume)
        self._volumes.append(volume)
        write = "cat > /g/keyring.json && chown -R 7946:7946 /g && chmod 700 /g && chmod 600 /g/keyring.json"
        prepare = ["run", "--rm", "-i", "--label", LABEL, "--user", "0", "-v", f"{volume}:/g", "--entrypoint", "sh"]
        docker(*prepare, self.image, "-c", write, text=json.dumps([key]))
        copies = Path(flotilla_copies.__file__).read_text()
        self.run(f"host-{address}", address, "--entrypoint", "python3", self.image, "-c", copies)
        flags = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--memory", "128m"]
        flags += ["--tmpfs", "/run/flotilla:uid=7946,gid=7946,mode=0700", "--restart", "always"]
        mounts = ["-v", f"{folder}:/etc/flotilla:ro", "-v", f"{volume}:/var/lib/flotilla/gossip"]
        place = ["--network", f"container:{self.container(f'host-{address}')}", "--name", host.container]
        self._containers.append(host.container)
        docker("run", "-d", *place, "--label", LABEL, *flags, *mounts, self.image, "--address", address)
        return host

    def run(self, name: str, address: str, *argv: str) -> None:
        """A container of the bridge at an address."""
        container = self.container(name)
        place = ["--network", self.name, "--ip", address, "--name", container, "--label", LABEL]
        self._containers.append(container)
        docker("run", "-d", *place, *argv)

    def container(self, name: str) -> str:
        """The container's whole name."""
        return f"{self.name}-{name}"

    def clear(self, keep: int = 0) -> None:
        """Removes all containers but the first ones."""
        gone, self._containers = self._containers[keep:], self._containers[:keep]
        removing = [
            subprocess.Popen(["docker", "rm", "-f", "-v", each], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for each in reversed(gone)
        ]
        for each in removing:
            each.wait()

    def close(self) -> None:
        """Removes what was made."""
        self.clear()
        for volume in self._volumes:
            docker("volume", "rm", "-f", volume, check=False)
        docker("network", "rm", self.name, check=False)


def _network(name: str) -> ipaddress.IPv4Network:
    """Makes a network in the first subnet that nothing on this machine has."""
    for number in range(os.getpid(), os.getpid() + 50):
        subnet = f"10.97.{number % 256}.0/24"
        if docker("network", "create", "--label", LABEL, "--subnet", subnet, name, check=False):
            return ipaddress.IPv4Network(subnet)
    raise AssertionError("no subnet is free for a network of the tests")


@contextlib.contextmanager
def bridge(image: str) -> Iterator[Bridge]:
    """A bridge for as long as the block."""
    made = Bridge(image)
    try:
        yield made
    finally:
        made.close()


def hand_out(folder: Path, file: HostFile | bytes) -> None:
    """Installs the host's file, as `deploy` does: beside it, then renamed."""
    beside = folder / "new"
    beside.write_bytes(file if isinstance(file, bytes) else encode_handed(file))
    beside.chmod(0o644)
    beside.rename(folder / HOST_FILE)
