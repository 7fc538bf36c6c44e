"""When a call is sent again, and after how long. Pure: it is told what happened and what is left of the deadline, and
neither sends nor waits."""

from __future__ import annotations

from collections.abc import Callable

from autoship.client.errors import CallFailed, CannotConnect, ConnectionLost, DeadlineExceeded, Refused

FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 5.0


class Attempts:
    """The attempts at one call, at most ``most``, all with one ``request_id``. ``random`` gives numbers from 0 to 1."""

    def __init__(self, most: int, request_id: str, random: Callable[[], float]) -> None:
        self.request_id = request_id
        self._most = most
        self._random = random
        self._failed = 0
        self._bound = FIRST_WAIT_S
        self.again = False
        """Whether an attempt that failed may have been carried out."""

    def after(self, error: CallFailed, *, left: float, fresh: bool) -> float:
        """The seconds to wait before the next attempt; raises ``error`` where there is none.

        ``left`` are the seconds until the deadline; ``fresh`` says whether the failed attempt made a connection of its
        own. A connection that was kept and is lost was most likely closed by the server while nobody used it, which
        says nothing of the server's state: the attempt does not count, and is made again at once. A wait that would
        not end in time is not begun: ``error`` says more than a deadline that has passed.
        """
        self.count(error)
        if not error.transient or isinstance(error, DeadlineExceeded):
            raise error
        wait = 0.0
        if fresh or not isinstance(error, ConnectionLost):
            wait = self._wait(error)
            self._most -= 1
        if self._most <= 0 or wait >= left:
            raise error
        return wait

    def count(self, error: CallFailed) -> None:
        """Counts a failed attempt, and tells its error which call it is of."""
        self._failed += 1
        self.again = self.again or not isinstance(error, CannotConnect)
        error.attempts = self._failed
        error.request_id = self.request_id

    def _wait(self, error: CallFailed) -> float:
        """Full jitter: anything from 0 to a bound that doubles (Brooker, "Exponential Backoff And Jitter", AWS
        Architecture Blog, 2015). What the service asks for comes before that, so that not all come back at once.
        """
        bound, self._bound = self._bound, min(LONGEST_WAIT_S, 2 * self._bound)
        asked = error.retry_after if isinstance(error, Refused) else None
        return (asked or 0.0) + self._random() * bound
