"""Serf's keys: made once, and the same on all machines. The gateways' are the truth, the first gateway's before all."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Mapping, Sequence

from flotilla.errors import RemoteError
from flotilla.operator import files
from flotilla.remote import Machine

KEY_BYTES = 32


def new_key() -> str:
    """A key as Serf wants it."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def encode(keys: Sequence[str]) -> bytes:
    """A keyring file; the first key is the one that is used."""
    return json.dumps(list(keys)).encode()


def decode(address: str, data: bytes) -> tuple[str, ...]:
    """Reads a keyring file, and never shows it. Raises `RemoteError` where it is something else."""
    try:
        keys = json.loads(data)
        if (
            isinstance(keys, list)
            and keys
            and all(len(base64.b64decode(key, validate=True)) == KEY_BYTES for key in keys)
        ):
            return tuple(keys)
    except (ValueError, TypeError, binascii.Error):
        pass
    raise RemoteError(address, f"{files.KEYRING} is no keyring: remove it, and run flotilla provision")


def fleets_keys(found: Mapping[str, tuple[str, ...] | None]) -> tuple[str, ...] | None:
    """The fleet's keys by what each machine has, in the order in which they are believed: the first that has any."""
    return next((keys for keys in found.values() if keys), None)


def speaks(own: Sequence[str] | None, fleets: Sequence[str]) -> bool:
    """Whether a machine of these keys and the fleet understand each other: each knows what the other speaks with."""
    return bool(own) and own is not None and own[0] in fleets and fleets[0] in own


async def read(machine: Machine) -> tuple[str, ...] | None:
    """A machine's keys, None where it has none yet."""
    data = await files.read(machine, files.KEYRING)
    return None if data is None else decode(machine.address, data)


async def write(machine: Machine, keys: Sequence[str]) -> None:
    """Gives a machine its keys, over the input of a command."""
    await machine.put(files.KEYRING, encode(keys), mode=0o600, owner=files.OURS)
