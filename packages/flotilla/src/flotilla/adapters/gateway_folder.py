"""The files of a gateway's machine as `flotilla.ports.GatewayStore`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from flotilla.adapters import atomic
from flotilla.domain.handed import GATEWAY_FILE
from flotilla.errors import StoreError

CONFIGURATION = "haproxy.cfg"
MEMORY = "members.json"

T = TypeVar("T")


class GatewayFolder:
    """``handed`` is the folder that ``deploy`` writes gateway.json into, ``own`` the gateway's own."""

    def __init__(self, handed: Path, own: Path) -> None:
        self._offered = handed / GATEWAY_FILE
        self._accepted = own / GATEWAY_FILE
        self._configuration = own / CONFIGURATION
        self._memory = own / MEMORY

    def offered(self) -> bytes | None:
        """See `flotilla.ports.GatewayStore`."""
        return _read(self._offered)

    def accepted(self) -> bytes | None:
        """See `flotilla.ports.GatewayStore`."""
        return _read(self._accepted)

    def accept(self, data: bytes) -> None:
        """See `flotilla.ports.GatewayStore`."""
        _wrapped(self._accepted, lambda: atomic.write(self._accepted, data))

    def installed(self) -> str | None:
        """See `flotilla.ports.GatewayStore`."""
        data = _read(self._configuration)
        return None if data is None else data.decode("utf-8", "replace")

    def candidate(self, text: str) -> str:
        """See `flotilla.ports.GatewayStore`."""
        path = self._configuration
        return str(_wrapped(path, lambda: atomic.write_beside(path, text.encode())))

    def install(self) -> None:
        """See `flotilla.ports.GatewayStore`."""
        _wrapped(self._configuration, lambda: atomic.put_in_place(self._configuration))

    def memory(self) -> bytes | None:
        """See `flotilla.ports.GatewayStore`."""
        return _read(self._memory)

    def remember(self, data: bytes) -> None:
        """See `flotilla.ports.GatewayStore`."""
        _wrapped(self._memory, lambda: atomic.write(self._memory, data))


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error


def _wrapped(path: Path, write: Callable[[], T]) -> T:
    try:
        return write()
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error
