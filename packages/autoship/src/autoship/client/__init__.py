"""The client: autoship's HTTP API for other people's applications, typed, with deadlines and with errors as classes.

It knows the service by its API alone, and imports nothing of it.
"""

from __future__ import annotations

try:
    import httpcore2 as _httpcore2  # noqa: F401
except ModuleNotFoundError as error:
    raise ImportError(
        "autoship.client needs httpcore2, which is not installed: pip install 'autoship[client]'", name="httpcore2"
    ) from error

from autoship.client.answers import (
    Alternative,
    Because,
    Choice,
    Customer,
    Health,
    HistoryState,
    Intake,
    LearnedFrom,
    Listed,
    Outcome,
    Prediction,
    Recent,
    Rejected,
    Settings,
)
from autoship.client.async_client import AsyncClient
from autoship.client.calls import Filters
from autoship.client.client import Client
from autoship.client.errors import (
    AnswerUnreadable,
    CallFailed,
    CannotConnect,
    ConnectionLost,
    DeadlineExceeded,
    Encoded,
    Forbidden,
    HistoryUnavailable,
    HistoryUnusable,
    InvalidInput,
    NoAnswer,
    NotFound,
    NotSendable,
    Refused,
    ServiceFault,
    Stopping,
    TooLarge,
    TooSlow,
    Unauthorized,
    Unavailable,
)
from autoship.client.given import Order, Record
from autoship.client.pace import AsyncPace, Pace

__all__ = [
    "Alternative",
    "AnswerUnreadable",
    "AsyncClient",
    "AsyncPace",
    "Because",
    "CallFailed",
    "CannotConnect",
    "Choice",
    "Client",
    "ConnectionLost",
    "Customer",
    "DeadlineExceeded",
    "Encoded",
    "Filters",
    "Forbidden",
    "Health",
    "HistoryState",
    "HistoryUnavailable",
    "HistoryUnusable",
    "Intake",
    "InvalidInput",
    "LearnedFrom",
    "Listed",
    "NoAnswer",
    "NotFound",
    "NotSendable",
    "Order",
    "Outcome",
    "Pace",
    "Prediction",
    "Recent",
    "Record",
    "Refused",
    "Rejected",
    "ServiceFault",
    "Settings",
    "Stopping",
    "TooLarge",
    "TooSlow",
    "Unauthorized",
    "Unavailable",
]
