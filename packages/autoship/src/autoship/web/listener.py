"""How a listening socket stops taking connections without losing one that was taken.

To close it resets the connections that wait in its queue, though their clients have connected, and may have sent a
request already. So the kernel is told first to drop whoever is only about to connect (SYN), while the queue is emptied.
Who was dropped tries again within a second, and is refused.
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
import sys
from typing import Final

SO_ATTACH_FILTER: Final = 26
"""Of Linux, which alone has it: include/uapi/asm-generic/socket.h."""

FLAGS_AT, SYN = 13, 0x02
"""The byte of a TCP header that holds its flags, and the flag (RFC 9293, section 3.1)."""

EMPTIED_S = 0.05
"""How long the queue has: its last handshakes end, and the loop takes them."""

DROP_NEWCOMERS = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, FLAGS_AT),  # load the flags
        (0x45, 0, 1, SYN),  # is there a SYN among them?
        (0x06, 0, 0, 0),  # yes: drop
        (0x06, 0, 0, 0xFFFFFFFF),  # no: keep all of it
    )
)
"""Classic BPF (https://docs.kernel.org/networking/filter.html)."""


def drop_newcomers(listener: socket.socket) -> None:
    """From now on no connection begins. Where the kernel cannot do that, a few that wait may be reset."""
    if not sys.platform.startswith("linux"):
        return
    program = ctypes.create_string_buffer(DROP_NEWCOMERS, len(DROP_NEWCOMERS))
    instructions = len(DROP_NEWCOMERS) // struct.calcsize("HBBI")
    with contextlib.suppress(OSError):
        listener.setsockopt(
            socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", instructions, ctypes.addressof(program))
        )
