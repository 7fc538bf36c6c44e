"""Files that are there whole or not at all, after a crash too."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

MODE = 0o640


def write_beside(path: Path, data: bytes) -> Path:
    """Writes ``data`` into a file beside ``path`` for `put_in_place`, down to the disk. Leaves nothing half done where
    it raises ``OSError``."""
    beside = path.with_name(f"{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, MODE)
    try:
        with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    return beside


def put_in_place(path: Path) -> None:
    """Renames what `write_beside` wrote. Raises ``OSError``."""
    path.with_name(f"{path.name}.new").replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write(path: Path, data: bytes) -> None:
    """Both. Raises ``OSError``, and leaves what was there."""
    write_beside(path, data)
    put_in_place(path)
