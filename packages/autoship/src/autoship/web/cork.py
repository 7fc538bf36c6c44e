"""The head of an answer waits for what follows it, so that both leave in one packet: two would cost the server a system
call, and the client a read, more than the whole prediction takes."""

from __future__ import annotations

import asyncio

HEAD = b"HTTP/1.1 "
PROVISIONAL = b"HTTP/1.1 1"
"""An answer such as 100 Continue is what the client waits for before it sends more."""


class Cork:
    """Stands before a transport, for the answers of one connection."""

    __slots__ = ("_head", "_transport", "_write", "is_closing")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._write = transport.write
        self._head = b""
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Sends, unless it is a head, together with the head before it."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(HEAD) and not data.startswith(PROVISIONAL):
            self._head = data
            return
        self._write(data)

    def flush(self) -> None:
        """The answer has ended: its head, where nothing followed it, is sent."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        """Closes, after what was written."""
        self.flush()
        self._transport.close()
