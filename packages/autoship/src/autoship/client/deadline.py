"""One deadline for all that a call does on the network, whatever it is made of. A library's timeouts are for each read
and each write: against a server that sends a byte now and then they never end.

httpcore hands the timeouts of a request to its network backend unlooked at. These backends take a `Deadline` there,
and give every read and write what is left until it.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpcore2

WRITTEN_AT_ONCE = 2**16


class Deadline:
    """``at`` a time of ``now``, in seconds; and what was seen of the connection on the way to it."""

    def __init__(self, now: Callable[[], float], seconds: float) -> None:
        self._now = now
        self._seconds = seconds
        self.fresh = False
        self.ended = False
        self.renew()

    def renew(self) -> None:
        """Begins anew, with as many seconds."""
        self.at = self._now() + self._seconds

    def begin(self) -> None:
        """Forgets what was seen of the connection of an earlier attempt."""
        self.fresh = self.ended = False

    @property
    def left(self) -> float:
        """Seconds; not positive when it is over."""
        return self.at - self._now()

    def timeouts(self) -> dict[str, Any]:
        """As the ``timeout`` extension of a request. The pool has no backend: it takes plain seconds."""
        return {"connect": self, "read": self, "write": self, "pool": max(0.0, self.left)}


class Backend(httpcore2.NetworkBackend):
    """Connections with deadlines.

    Of a host with several addresses each has its share of what is left: the system's own way gives all of it to each.
    """

    def __init__(self, inner: httpcore2.NetworkBackend | None = None) -> None:
        self._inner = httpcore2.SyncBackend() if inner is None else inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        addresses = _addresses(host, port)
        for untried in range(len(addresses), 0, -1):
            share = _left(timeout, httpcore2.ConnectTimeout) / untried
            try:
                stream = self._inner.connect_tcp(addresses[-untried], port, share, local_address, socket_options or ())
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if untried == 1:
                    raise
            else:
                break
        _opened(timeout)
        return Stream(stream)


class Stream(httpcore2.NetworkStream):
    """A connection with deadlines."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._inner.read(max_bytes, _left(timeout, httpcore2.ReadTimeout))
        _read(timeout, data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for part in _parts(buffer):
            self._inner.write(part, _left(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return Stream(self._inner.start_tls(ssl_context, server_hostname, _left(timeout, httpcore2.ConnectTimeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class AsyncBackend(httpcore2.AsyncNetworkBackend):
    """Connections with deadlines."""

    def __init__(self) -> None:
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        left = _left(timeout, httpcore2.ConnectTimeout)
        stream = await self._inner.connect_tcp(host, port, left, local_address, socket_options or ())
        _opened(timeout)
        return AsyncStream(stream)


class AsyncStream(httpcore2.AsyncNetworkStream):
    """A connection with deadlines."""

    def __init__(self, inner: httpcore2.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = await self._inner.read(max_bytes, _left(timeout, httpcore2.ReadTimeout))
        _read(timeout, data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for part in _parts(buffer):
            await self._inner.write(part, _left(timeout, httpcore2.WriteTimeout))

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        left = _left(timeout, httpcore2.ConnectTimeout)
        return AsyncStream(await self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore2.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _left(deadline: object, over: type[httpcore2.TimeoutException]) -> float:
    """What is left, as a timeout. A socket takes 0 as "do not wait", which is not what is meant."""
    assert isinstance(deadline, Deadline)
    left = deadline.left
    if left <= 0:
        raise over("the deadline has passed")
    return left


def _opened(deadline: object) -> None:
    assert isinstance(deadline, Deadline)
    deadline.fresh = True


def _read(deadline: object, data: bytes) -> None:
    assert isinstance(deadline, Deadline)
    deadline.ended = not data


def _parts(buffer: bytes) -> Iterator[bytes]:
    return (buffer[start : start + WRITTEN_AT_ONCE] for start in range(0, len(buffer), WRITTEN_AT_ONCE))
