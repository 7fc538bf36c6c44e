"""Rotates the gossip's key, from within a container whose Serf is a member. The key comes on standard input.

    flotilla.programs.keys install < key     every member holds one more key
    flotilla.programs.keys use < key         every member encrypts with it
    flotilla.programs.keys remove < key      every member forgets one that none encrypts with
    flotilla.programs.keys list              which keys are held by how many (by fingerprint, never the key itself)

It prints one JSON object. The exit status is 0 where every member that is alive did it, 1 where not, 2 where it could
not be asked.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import binascii
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from flotilla.adapters.serf import Keys, SerfRpc
from flotilla.adapters.serf.settings import CONFIG_FILE, rpc_of
from flotilla.domain.member import Status
from flotilla.errors import GossipError

CONFIG = Path("/run/flotilla") / CONFIG_FILE
KEY_BYTES = (16, 24, 32)


def main(argv: Sequence[str] | None = None, config: Path = CONFIG) -> int:
    """The program; its exit status."""
    parser = argparse.ArgumentParser(prog="flotilla.programs.keys", description="Rotates the gossip's key.")
    parser.add_argument("what", choices=["install", "use", "remove", "list"])
    what = parser.parse_args(argv).what
    try:
        key = None if what == "list" else read_key(sys.stdin.read())
        alive, keys = asyncio.run(ask(SerfRpc(*rpc_of(config)), what, key))
    except GossipError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    held = {fingerprint(each): count for each, count in keys.held.items()}
    said = {
        "what": what,
        "key": None if key is None else fingerprint(key),
        "alive": alive,
        "answered": keys.answered,
        "refusal": keys.refusal,
        "problems": dict(keys.problems),
        "held": held,
    }
    sys.stdout.write(json.dumps(said, indent=2) + "\n")
    return 0 if keys.refusal is None and keys.answered >= alive else 1


async def ask(rpc: SerfRpc, what: str, key: str | None) -> tuple[int, Keys]:
    """How many members are alive, and what they say."""
    try:
        alive = sum(member.status is Status.ALIVE for member in await rpc.members())
        if key is None:
            return alive, await rpc.list_keys()
        asked = {"install": rpc.install_key, "use": rpc.use_key, "remove": rpc.remove_key}[what]
        return alive, await asked(key)
    finally:
        rpc.close()


def read_key(text: str) -> str:
    """The key as Serf wants it. Raises `GossipError`, without a word of the key."""
    key = text.strip()
    try:
        data = base64.b64decode(key, validate=True)
    except (ValueError, binascii.Error) as error:
        raise GossipError("standard input has no key: 32 bytes in base64 are wanted") from error
    if len(data) not in KEY_BYTES:
        raise GossipError(f"the key has {len(data)} bytes: 32 are wanted, in base64, on standard input")
    return key


def fingerprint(key: str) -> str:
    """Twelve hexadecimal digits that tell keys apart, and tell nothing of them."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


if __name__ == "__main__":
    sys.exit(main())
