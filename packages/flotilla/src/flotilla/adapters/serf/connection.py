"""One connection to Serf's RPC: objects in msgpack, a header and, for some commands, a body; answers carry the ``Seq``
of the request (serf, ``cmd/serf/command/agent/ipc.go``).

Texts come as bytes, whatever kind of msgpack string Serf uses for them, and are read in one place: `text`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgpack

from flotilla.errors import GossipError

LARGEST_ANSWER = 64 * 1024 * 1024
_CHUNK = 256 * 1024
_TELL_MORE = ("install-key", "use-key", "remove-key", "list-keys")


def text(value: object) -> str:
    """A text of Serf's; bytes that are not UTF-8 are replaced, so that they never look like something else."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    raise GossipError(f"Serf's RPC answered {value!r:.60} where a text belongs")


class Refused(GossipError):
    """Serf refuses, and says more in ``body``."""

    def __init__(self, words: str, body: Mapping[bytes, Any]) -> None:
        super().__init__(words)
        self.body = body


class Connection:
    """One connection, past the handshake. Calls go one after another; a failure leaves it of no use: `close` it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._objects = msgpack.Unpacker(raw=True, max_buffer_size=LARGEST_ANSWER)
        self._seq = 0

    @classmethod
    async def open(cls, host: str, port: int, token: str | None) -> Connection:
        """Connects, agrees on the version and shows the token."""
        try:
            reader, writer = await asyncio.open_connection(host, port)
        except OSError as error:
            raise GossipError(f"Serf's RPC on {host}:{port} cannot be reached: {error}") from error
        connection = cls(reader, writer)
        try:
            await connection.call("handshake", {"Version": 1})
            if token is not None:
                await connection.call("auth", {"AuthKey": token})
        except BaseException:
            connection.close()
            raise
        return connection

    async def call(
        self, command: str, body: Mapping[str, object] | None = None, answers: bool = False
    ) -> Mapping[bytes, Any]:
        """Asks, and waits for Serf's word; with ``answers`` for the body that follows it too. Raises `GossipError`
        where Serf refuses, and `Refused` where it says more of it."""
        seq = await self._send(command, body)
        while True:
            header = await self._object()
            if header.keys() != {b"Seq", b"Error"} or header[b"Seq"] != seq:
                continue  # what came for an earlier request: a query's acknowledgements, say
            if header[b"Error"]:
                words = f"Serf refuses {command!r}: {text(header[b'Error'])}"
                raise Refused(words, await self._object()) if command in _TELL_MORE else GossipError(words)
            return await self._object() if answers else {}

    async def record(self) -> Mapping[bytes, Any]:
        """The next record of a stream that a call has begun."""
        while b"Seq" in (record := await self._object()):
            pass
        return record

    def close(self) -> None:
        """Ends the connection."""
        self._writer.transport.abort()

    async def _send(self, command: str, body: Mapping[str, object] | None) -> int:
        self._seq += 1
        data = msgpack.packb({"Command": command, "Seq": self._seq})
        try:
            self._writer.write(data + (b"" if body is None else msgpack.packb(body)))
            await self._writer.drain()
        except OSError as error:
            raise GossipError(f"Serf's RPC went away: {error}") from error
        return self._seq

    async def _object(self) -> Mapping[bytes, Any]:
        try:
            while True:
                for found in self._objects:
                    if isinstance(found, dict):
                        return found
                    raise GossipError(f"Serf's RPC answered {found!r:.60} where a map belongs")
                data = await self._reader.read(_CHUNK)
                if not data:
                    raise GossipError("Serf's RPC closed the connection")
                self._objects.feed(data)
        except OSError as error:
            raise GossipError(f"Serf's RPC went away: {error}") from error
        except (msgpack.UnpackException, ValueError, TypeError) as error:
            raise GossipError(f"Serf's RPC answered what is no msgpack: {type(error).__name__} {error}") from error
