"""What is answered in one turn of the event loop leaves at its end: each answer in one packet, one after another.

The server's own writing takes a system call for an answer's head and one for its body, and wakes the client for each of
them, in between the work on other clients' requests. Together, and at once for all, they cost a third of that.
"""

from __future__ import annotations

import asyncio
from typing import Any

HEAD = b"HTTP/1.1 "
PROVISIONAL = b"HTTP/1.1 1"
"""An answer such as 100 Continue is what the client waits for before it sends more."""

MOST_HELD = 64 * 2**10
"""Bytes of one answer; more would only take memory."""


class Turn:
    """The connections that have something to send at the end of this turn of the loop."""

    def __init__(self) -> None:
        self._waiting: list[Cork] = []

    def add(self, cork: Cork) -> None:
        """Has it flushed, once what is to be done in this turn is done."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._end)
        self._waiting.append(cork)

    def _end(self) -> None:
        waiting, self._waiting = self._waiting, []
        for cork in waiting:
            cork.flush()


class Cork:
    """Stands before a connection's transport, and is one, but for when it writes."""

    __slots__ = ("_held", "_transport", "_turn", "_write", "is_closing")

    def __init__(self, transport: asyncio.Transport, turn: Turn) -> None:
        self._transport = transport
        self._turn = turn
        self._write = transport.write
        self._held = b""
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Sends, at the end of this turn where an answer begins."""
        if self._held:
            self._held += data
            if len(self._held) > MOST_HELD:
                self.flush()
        elif data.startswith(HEAD) and not data.startswith(PROVISIONAL):
            self._held = data
            self._turn.add(self)
        else:
            self._write(data)

    def get_write_buffer_size(self) -> int:
        """How many bytes the client has not taken yet."""
        return self._transport.get_write_buffer_size() + len(self._held)

    def flush(self) -> None:
        """Sends what is held."""
        held, self._held = self._held, b""
        if held and not self.is_closing():
            self._write(held)

    def close(self) -> None:
        """Closes, after what was written."""
        self.flush()
        self._transport.close()
