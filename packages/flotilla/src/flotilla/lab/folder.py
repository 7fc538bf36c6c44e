"""The folder of a lab: the fleet file, the SSH key, the hosts' keys, and a list of these, by which they go again.

Writes nothing over what is there, and removes nothing that it did not write: a fleet file that was changed since stays.
"""

from __future__ import annotations

import errno
import hashlib
import subprocess
from contextlib import suppress
from pathlib import Path

import msgspec

from flotilla.errors import LabError

FLEET = "fleet.yaml"
KEY = "id_ed25519"
PUBLIC = "id_ed25519.pub"
KNOWN_HOSTS = "known_hosts"
LIST = ".flotilla-lab.json"
FILES = (KEY, PUBLIC, KNOWN_HOSTS, LIST)


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What was written: the lab's name, the digest of its fleet file, and whether the folder was made for it."""

    lab: str
    fleet: str
    made: bool


def refuse_used(directory: Path) -> None:
    """Raises `LabError` where something is there that would have to be overwritten."""
    if directory.exists() and not directory.is_dir():
        raise LabError(f"--dir {directory}: is a file; name a folder that is empty or not there")
    there = [name for name in (FLEET, *FILES) if (directory / name).exists()]
    if there:
        raise LabError(
            f"--dir {directory}: holds {', '.join(there)} already: move that away, or name another folder"
            " (what a lab left there goes with `flotilla lab down`)"
        )


def write(directory: Path, lab: str, fleet: str) -> str:
    """Makes the folder with all but the hosts' keys in it; the public key comes back. All of it or nothing."""
    made = not directory.exists()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        written = Written(lab=lab, fleet=_digest(fleet.encode()), made=made)
        (directory / LIST).write_bytes(msgspec.json.encode(written))
        (directory / FLEET).write_text(fleet)
        _make_key(directory / KEY, lab)
        return (directory / PUBLIC).read_text().strip()
    except (OSError, LabError) as error:
        with suppress(OSError):
            for name in (FLEET, *FILES):
                (directory / name).unlink(missing_ok=True)
            if made:
                directory.rmdir()
        raise error if isinstance(error, LabError) else _unwritable(directory, error) from error


def write_known_hosts(directory: Path, lines: list[str]) -> None:
    """Writes the hosts' keys, each line as ``known_hosts`` wants it."""
    try:
        (directory / KNOWN_HOSTS).write_text("".join(f"{line}\n" for line in lines))
    except OSError as error:
        raise _unwritable(directory, error) from error


def is_labs(directory: Path) -> bool:
    """Whether a lab has written something there."""
    return _written(directory) is not None


def remove(directory: Path) -> list[str]:
    """Removes what was written, and the folder if it was made for it and nothing else is in it. Says what stays of
    such a folder, and whether the fleet file does. Does nothing where no lab has written anything."""
    written = _written(directory)
    if written is None:
        return []
    fleet = directory / FLEET
    try:
        if fleet.exists() and _digest(fleet.read_bytes()) == written.fleet:
            fleet.unlink()
        for name in FILES:
            (directory / name).unlink(missing_ok=True)
        left = sorted(path.name for path in directory.iterdir())
        if written.made and not left:
            directory.rmdir()
    except OSError as error:
        raise LabError(f"--dir {directory}: cannot be removed: {error.strerror}") from error
    return left if written.made else [name for name in left if name == FLEET]


def _written(directory: Path) -> Written | None:
    try:
        return msgspec.json.decode((directory / LIST).read_bytes(), type=Written)
    except (OSError, msgspec.DecodeError):
        return None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _make_key(path: Path, lab: str) -> None:
    argv = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"flotilla lab {lab}", "-f", str(path))
    try:
        subprocess.run(argv, capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise LabError("no ssh-keygen: install OpenSSH (on Debian: `sudo apt-get install openssh-client`)") from error
    except subprocess.CalledProcessError as error:
        raise LabError(f"ssh-keygen failed: {error.stderr.strip() or error.stdout.strip()}") from error


def _unwritable(directory: Path, error: OSError) -> LabError:
    if error.errno == errno.ENOSPC:
        return LabError(f"--dir {directory}: the disk is full")
    return LabError(f"--dir {directory}: cannot be written: {error.strerror}")
