"""A lock that one process holds on a history, beside the file. The kernel lets go of it when the process ends, however
it ends. Others may still read the file, to copy it for instance."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from autoship.errors import HistoryInUse, HistoryUnusable


class FileLock:
    """Held from its making until `release`; raises `HistoryInUse` where another process holds it."""

    def __init__(self, path: Path) -> None:
        beside = path.with_name(path.name + ".lock")
        try:
            self._file = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise HistoryUnusable(f"{path}: its lock {beside} cannot be opened ({error.strerror})") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(self._file, 32, 0).decode(errors="replace").strip()
            os.close(self._file)
            raise HistoryInUse(
                f"{path}: another process has it open (process {owner or 'unknown'}): stop it first"
            ) from error
        with contextlib.suppress(OSError):  # on a full disk nobody is told whose it is
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Lets go. The file stays: to remove it could take it from under a process that just opened it."""
        os.close(self._file)
