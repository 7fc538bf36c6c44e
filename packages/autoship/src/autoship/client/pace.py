"""The time and the chance by which a client waits: the machine's own, or those of a test."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable

import msgspec

_random = secrets.SystemRandom().random


class Pace(msgspec.Struct, frozen=True):
    """``now`` gives seconds that never go back, ``sleep`` waits for seconds, ``random`` gives numbers from 0 to 1."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    random: Callable[[], float] = _random


class AsyncPace(msgspec.Struct, frozen=True):
    """The same for an event loop."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    random: Callable[[], float] = _random
