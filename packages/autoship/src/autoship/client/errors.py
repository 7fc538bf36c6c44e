"""Every error that a call of the client raises.

AutoshipError
└── CallFailed                     the call did not do what was asked
    ├── NotSendable                what was given cannot be sent; nothing was sent
    ├── NoAnswer                   nothing came back that can be used
    │   ├── CannotConnect          there is no connection to be had: nothing was sent
    │   ├── ConnectionLost         closed before the whole answer was there
    │   ├── DeadlineExceeded       not answered in time
    │   └── AnswerUnreadable       what answered is not autoship, or not a version that this client knows
    └── Refused                    the service, or what stands before it, said no: an RFC 9457 problem
        ├── InvalidInput           400   what was sent cannot be used: ``field`` names what, ``detail`` the mend
        │   ├── TooLarge           413   more than is taken in at once
        │   └── Encoded            415   compressed on its way, by a proxy for instance
        ├── Unauthorized           401   the token is missing or wrong
        ├── Forbidden              403   not from here
        ├── NotFound               404   nothing is known of this customer or order
        ├── Unavailable            408, 429, 502, 503, 504   not now: ``retry_after`` may say when
        │   ├── TooSlow            408   what was sent took too long to arrive
        │   ├── Stopping           503   the service is about to end, or to begin anew
        │   ├── HistoryUnavailable 503   the service cannot reach its history
        │   └── HistoryUnusable    503   the service's history has to be mended by somebody
        └── ServiceFault           500 and others of this kind   the fault is the service's, which logged it

`CallFailed.transient` says whether the same call may succeed later with nothing changed. No other error is raised but
`ValueError` and `TypeError`, for arguments that no service could make sense of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from autoship.errors import AutoshipError

if TYPE_CHECKING:
    from autoship.client.answers import Intake


class CallFailed(AutoshipError):
    """The call did not do what was asked.

    ``attempts`` counts how often it was sent, ``request_id`` is the one that the service's log has of it. ``taken_in``
    tells, of a failed `ship`, what had been taken in of the records before; to ship all of them again is safe.
    """

    transient: ClassVar[bool] = False
    attempts: int = 0
    request_id: str | None = None
    taken_in: Intake | None = None


class NotSendable(CallFailed):
    """What was given cannot be written as JSON or put into an address. Nothing was sent.

    ``field`` names what, where it is known.
    """

    def __init__(self, field: str | None, problem: str) -> None:
        super().__init__(f"{field} {problem}" if field else problem)
        self.field = field


class NoAnswer(CallFailed):
    """Nothing came back that can be used. Whether the service did what was asked is not known."""


class CannotConnect(NoAnswer):
    """There is no connection to be had: refused, no such host, no trust in its certificate. Nothing was sent."""

    transient = True


class ConnectionLost(NoAnswer):
    """The connection was closed before the whole answer was there."""

    transient = True


class DeadlineExceeded(NoAnswer):
    """Not answered in time. The service may still do what was asked."""

    transient = True


class AnswerUnreadable(NoAnswer):
    """What answered is not autoship, or not in a form that this client knows."""


class Refused(CallFailed):
    """The service, or what stands before it, said no.

    The fields are those of a problem (RFC 9457, section 3.1): ``type``, ``title``, ``status``, ``detail``. ``field``
    is a dotted path into what was sent. ``retry_after`` is in seconds, None where nothing was said of it.
    """

    def __init__(
        self,
        status: int,
        type: str,
        title: str,
        detail: str,
        *,
        field: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{status} {title}: {detail}" if detail else f"{status} {title}")
        self.status = status
        self.type = type
        self.title = title
        self.detail = detail
        self.field = field
        self.retry_after = retry_after


class InvalidInput(Refused):
    """What was sent cannot be used: ``field`` names what is wrong, ``detail`` says what would be right."""


class TooLarge(InvalidInput):
    """More than is taken in at once."""


class Encoded(InvalidInput):
    """What was sent arrived compressed: something on the way did that."""


class Unauthorized(Refused):
    """The token is missing or wrong."""


class Forbidden(Refused):
    """Not from here: what the service allows to its own pages alone."""


class NotFound(Refused):
    """Nothing is known of this customer or order."""


class Unavailable(Refused):
    """Not now. ``retry_after`` may say when."""

    transient = True


class TooSlow(Unavailable):
    """What was sent took too long to arrive."""


class Stopping(Unavailable):
    """The service is about to end, or to begin anew."""


class HistoryUnavailable(Unavailable):
    """The service cannot reach its history, and has nothing in memory to answer from."""


class HistoryUnusable(Unavailable):
    """The service's history has to be mended by somebody: to try again at once is of no use."""

    transient = False


class ServiceFault(Refused):
    """The fault is the service's, which logged it under ``request_id``."""
