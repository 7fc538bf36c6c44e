"""The files that flotilla keeps on machines: those that are handed out, and what the first gateway remembers."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from flotilla.domain.handed import GATEWAY_FILE, HOST_FILE, GatewayFile, Handed, HostFile, decode_handed, encode_handed
from flotilla.errors import HandedFileError, RemoteError
from flotilla.remote import Machine
from flotilla.rollout.layout import (
    AGENT_FOLDER,
    CERTIFICATES_FOLDER,
    GATEWAY_FOLDER,
    GOSSIP_FOLDER,
    HAPROXY_FOLDER,
    SECRETS_FOLDER,
    STATE,
    USER,
)

KEYRING = f"{GOSSIP_FOLDER}/keyring.json"
RELEASES = f"{STATE}/releases.json"

OURS = f"{USER}:{USER}"


class Folder(msgspec.Struct, frozen=True):
    """A folder as it has to be: its mode in octal digits, its owner as UID:GID."""

    path: str
    mode: str
    owner: str = "0:0"


COMMON = (Folder(STATE, "755"), Folder(GOSSIP_FOLDER, "700", OURS))
HOST_FOLDERS = (*COMMON, Folder(AGENT_FOLDER, "755"), Folder(SECRETS_FOLDER, "700"))
GATEWAY_FOLDERS = (
    *COMMON,
    Folder(GATEWAY_FOLDER, "755"),
    Folder(HAPROXY_FOLDER, "755", OURS),
    Folder(CERTIFICATES_FOLDER, "750", f"0:{USER}"),
)


def folder_argv(folder: Folder) -> tuple[str, ...]:
    """Makes a folder as it has to be, with those above it."""
    uid, _, gid = folder.owner.partition(":")
    return ("install", "-d", "-o", uid, "-g", gid, "-m", folder.mode, folder.path)


async def ensure_folders(machine: Machine, folders: Sequence[Folder]) -> list[str]:
    """Makes the folders as they have to be, and says which were not."""
    changed = []
    for folder in folders:
        wanted = f"{folder.mode} {folder.owner}"
        done = await machine.run(("stat", "-c", "%a %u:%g", folder.path))
        if done.status or done.out.decode().strip() != wanted:
            done = await machine.run(folder_argv(folder))
            if done.status:
                raise RemoteError(machine.address, f"{folder.path} cannot be made: {done.err.decode().strip()}")
            changed.append(f"{folder.path} made")
    return changed


async def read(machine: Machine, path: str) -> bytes | None:
    """A file's content, None where it is not there."""
    done = await machine.run(("cat", path))
    if done.status == 0:
        return done.out
    if b"No such file" in done.err:
        return None
    raise RemoteError(machine.address, f"{path} cannot be read: {done.err.decode(errors='replace').strip()}")


async def read_host_file(machine: Machine) -> HostFile | None:
    """What the host was told last."""
    return await _read_handed(machine, HostFile, f"{AGENT_FOLDER}/{HOST_FILE}")


async def read_gateway_file(machine: Machine) -> GatewayFile | None:
    """What the gateway was told last."""
    return await _read_handed(machine, GatewayFile, f"{GATEWAY_FOLDER}/{GATEWAY_FILE}")


async def write_host_file(machine: Machine, file: HostFile) -> None:
    """Tells a host."""
    await machine.put(f"{AGENT_FOLDER}/{HOST_FILE}", encode_handed(file), mode=0o644)


async def write_gateway_file(machine: Machine, file: GatewayFile) -> None:
    """Tells a gateway."""
    await machine.put(f"{GATEWAY_FOLDER}/{GATEWAY_FILE}", encode_handed(file), mode=0o644)


async def _read_handed(machine: Machine, kind: type[Handed], path: str) -> Handed | None:
    data = await read(machine, path)
    try:
        return None if data is None else decode_handed(kind, data)
    except HandedFileError as error:
        raise RemoteError(machine.address, f"{path}: {error}. Remove it, and run flotilla provision") from error
