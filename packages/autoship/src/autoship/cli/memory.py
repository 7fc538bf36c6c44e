"""How the C library manages this process's memory, so that what a model took is given back when the model goes.

glibc keeps what each thread freed for that thread, and learns from large blocks to keep larger ones. Models are read
by several threads, and come and go: both would keep several times what the models take.
"""

from __future__ import annotations

import contextlib
import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""See mallopt(3)."""

KEPT = 1 << 20
LARGE = 256 << 10
"""Bytes: blocks of this size and more are the kernel's to give and take."""


def give_back_memory() -> None:
    """To be called before there are other threads. Does nothing where the C library is another one."""
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in ((M_ARENA_MAX, 1), (M_MMAP_THRESHOLD, LARGE), (M_TRIM_THRESHOLD, KEPT)):
            mallopt(option, value)
