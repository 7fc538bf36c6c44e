"""How Serf is set: what differs from machine to machine, and the file that Serf's agent reads it from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec

from flotilla.errors import GossipError

RPC_HOST = "127.0.0.1"
RPC_PORT = 7373
CONFIG_FILE = "serf.json"


class SerfSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One machine's Serf. ``address`` is listened on and told to the others, ``join`` are addresses to join through,
    ``gossip`` is the folder with the keys and the snapshot."""

    name: str
    address: str
    tags: Mapping[str, str]
    join: tuple[str, ...] = ()
    gossip: Path = Path("/var/lib/flotilla/gossip")
    rpc_port: int = RPC_PORT
    profile: str = "lan"

    @property
    def keyring(self) -> Path:
        """The keys, a JSON list in base64, the first of which encrypts."""
        return self.gossip / "keyring.json"

    @property
    def snapshot(self) -> Path:
        """Where Serf keeps whom it knew."""
        return self.gossip / "serf.snapshot"


def configuration(settings: SerfSettings, token: str) -> bytes:
    """The file that ``serf agent -config-file`` reads.

    ``terminate`` leaves, ``interrupt`` does not: an upgrade is no departure. Serf tries one failed member each
    ``reconnect_interval``, and forgets members that failed or left after a day. Two members of one name are never
    settled by having one of them shut down: the name is that of the address.
    """
    address = f"[{settings.address}]" if ":" in settings.address else settings.address
    wanted = {
        "node_name": settings.name,
        "bind": address,
        "advertise": address,
        "tags": dict(settings.tags),
        "keyring_file": str(settings.keyring),
        "snapshot_path": str(settings.snapshot),
        "rejoin_after_leave": True,
        "leave_on_terminate": True,
        "skip_leave_on_interrupt": True,
        "rpc_addr": f"{RPC_HOST}:{settings.rpc_port}",
        "rpc_auth": token,
        "retry_join": [f"[{each}]" if ":" in each else each for each in settings.join if each != settings.address],
        "retry_interval": "1s",
        "reconnect_interval": "1s",
        "reconnect_timeout": "24h",
        "tombstone_timeout": "24h",
        "broadcast_timeout": "1s",
        "disable_name_resolution": True,
        "disable_coordinates": True,
        "enable_compression": True,
        "profile": settings.profile,
        "log_level": "info",
    }
    return json.dumps(wanted, indent=2).encode() + b"\n"


def rpc_of(config: Path) -> tuple[str, int, str]:
    """Where the RPC of a Serf that was started from this file answers, and its token. Raises `GossipError`."""
    try:
        said = json.loads(config.read_bytes())
        host, port = said["rpc_addr"].rsplit(":", 1)
        return host, int(port), said["rpc_auth"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GossipError(f"{config} does not tell where Serf answers; is Serf started by flotilla? {error}") from error
