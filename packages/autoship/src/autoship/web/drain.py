"""That the service is being stopped: said once by whoever stops it, seen by whoever answers."""

from __future__ import annotations

STOPPING = "the service is being stopped: what was kept stays, and to send all of it again is safe"


class Drain:
    """``begun``: no more connections are taken, what is under way is answered. ``over``: the time for that is up."""

    __slots__ = ("begun", "over")

    def __init__(self) -> None:
        self.begun = False
        self.over = False
