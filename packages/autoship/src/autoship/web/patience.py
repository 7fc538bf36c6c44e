"""How long a client may keep the service waiting. Opens no socket: it is told what the client is doing, and when.

A header has to come whole within the limit. A body, or the reading of an answer, may last as long as it likes while it
goes on: in each span of the limit's length at least `LEAST_BYTES_PER_S` of it. So neither one byte a minute nor
silence holds a connection for ever, and a stream of any length is taken in.
"""

from __future__ import annotations

LEAST_BYTES_PER_S = 500


class Patience:
    """One connection's. Asked now and then, so that it costs a request nothing."""

    __slots__ = ("_bytes", "_doing", "_since")

    def __init__(self) -> None:
        self._doing: object = None
        self._since = 0.0
        self._bytes = 0

    def ended(self, now: float, doing: object, done: int, limit_s: float) -> bool:
        """Whether a client has been at it for too long.

        ``doing`` stands for what is awaited of it, the same object for the same thing, None for nothing; ``done`` are
        the bytes of it so far, always the same number where only its end counts. Times are in seconds.
        """
        if doing is None or doing is not self._doing:
            self._begin(now, doing, done)
            return False
        if now - self._since < limit_s:
            return False
        if done - self._bytes < LEAST_BYTES_PER_S * limit_s or done == self._bytes:
            return True
        self._begin(now, doing, done)
        return False

    def _begin(self, now: float, doing: object, done: int) -> None:
        self._doing, self._since, self._bytes = doing, now, done
