"""The agent's files: what it is handed, what it keeps for its next life, and what it tells people.

/etc/flotilla/host.json                  read; installed by `deploy`
/var/lib/flotilla/gossip/host.json       the last good one, for a start while the one above is broken
/var/lib/flotilla/gossip/report.json     the last report, for a start
/run/flotilla/status.json                the report, and each copy's last answer
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from flotilla.adapters import atomic
from flotilla.domain.handed import HOST_FILE, HostFile, decode_handed, encode_handed
from flotilla.domain.report import HostReport
from flotilla.errors import HandedFileError

STATUS_FILE = "status.json"
REPORT_FILE = "report.json"


class Recalled(msgspec.Struct, frozen=True, kw_only=True):
    """A report, and when it was the last: seconds since the epoch."""

    at_s: float
    report: HostReport


class AgentFolder:
    """Where the agent reads and writes."""

    def __init__(self, handed: Path, kept: Path, run: Path) -> None:
        self._host_file = handed / HOST_FILE
        self._kept = kept
        self._status = run / STATUS_FILE
        self._seen: tuple[int, int, int] | None = None

    def changed(self) -> bool:
        """Whether the host's file is another than at the last look."""
        try:
            stat = self._host_file.stat()
        except OSError:
            now = None
        else:
            now = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        changed, self._seen = now != self._seen, now
        return changed

    def handed(self) -> bytes:
        """The host's file. Raises `HandedFileError`."""
        try:
            return self._host_file.read_bytes()
        except OSError as error:
            raise HandedFileError(f"cannot be read: {error.strerror}") from error

    def last_good(self) -> HostFile | None:
        """The last file that was good, if it was kept."""
        with contextlib.suppress(OSError, HandedFileError):
            return decode_handed(HostFile, (self._kept / HOST_FILE).read_bytes())
        return None

    def keep_file(self, file: HostFile) -> None:
        """Keeps a good file. Raises ``OSError``."""
        atomic.write(self._kept / HOST_FILE, encode_handed(file))

    def last_report(self) -> Recalled | None:
        """The last report, if it was kept."""
        with contextlib.suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode((self._kept / REPORT_FILE).read_bytes(), type=Recalled)
        return None

    def keep_report(self, recalled: Recalled) -> None:
        """Keeps a report. Raises ``OSError``."""
        atomic.write(self._kept / REPORT_FILE, msgspec.json.encode(recalled))

    def tell(self, status: object) -> None:
        """Writes the status for people. Raises ``OSError``."""
        beside = self._status.with_suffix(".new")
        beside.write_bytes(msgspec.json.format(msgspec.json.encode(status), indent=2) + b"\n")
        beside.replace(self._status)
