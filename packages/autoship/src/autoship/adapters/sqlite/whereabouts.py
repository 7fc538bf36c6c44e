"""Whether the files of a history are still those of their names. A file that is removed or replaced while it is open
takes what is written to it, and keeps it from everybody who opens the name afterwards."""

from __future__ import annotations

from pathlib import Path

from autoship.errors import HistoryUnusable


class Whereabouts:
    """Of the file at ``path``, which is open, and of its write-ahead log."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(path.name + "-wal")
        self._known = {one: found for one in (path, self._log) if (found := _identity(one)) is not None}

    def check(self) -> None:
        """Raises `HistoryUnusable` where one of them is gone or another one."""
        for path in (self._path, self._log):
            found = _identity(path)
            if path not in self._known and found is not None:
                self._known[path] = found
            elif found != self._known.get(path):
                raise HistoryUnusable(
                    f"{self._path}: {path.name} was removed or replaced while it was open: put it back, or stop, put "
                    "a backup in its place and start again"
                )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
