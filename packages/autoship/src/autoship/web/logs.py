"""The log: one event, one line, on stdout, as JSON or to be read. Each line of a request says its id.

What an order holds is never in it. The message of an error that nobody foresaw may quote what was sent, so of such an
error its kind is told, and where it happened; of our own errors, and of the system's, the message too.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

import msgspec

from autoship.configuration import LogForm, LogLevel
from autoship.errors import ConfigurationError, HistoryError, Refused, SnapshotError
from autoship.web.exchange import current

TELLING = (HistoryError, SnapshotError, ConfigurationError, Refused, OSError)
"""Errors whose message is ours or the system's."""

FIELDS = "fields"
"""The key of a record's ``extra`` with what else a line says."""

QUIET = ("uvicorn", "uvicorn.error", "asyncio")
"""Their warnings are what clients do wrong, which is counted in the metrics: a client that could fill the log would."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class JsonLines(logging.Formatter):
    """One JSON object a line: ``time``, ``level``, ``logger``, ``message``, and what there is besides."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_request(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = "".join(told(record.exc_info[1]))
        return msgspec.json.encode(line).decode()


class TextLines(logging.Formatter):
    """To be read: a line, and the lines of a traceback under it."""

    def format(self, record: logging.LogRecord) -> str:
        more = {**getattr(record, FIELDS, {}), **_request()}
        words = [_time(record), f"{record.levelname:7}", _on_one_line(record.getMessage())]
        words += [f"{name}={_on_one_line(str(value))}" for name, value in more.items()]
        if record.exc_info and record.exc_info[1] is not None:
            words.append("\n" + "".join(told(record.exc_info[1])).rstrip())
        return " ".join(words)


def configure(form: LogForm, level: LogLevel, out: TextIO | None = None) -> None:
    """Has everything that is logged in this process written to ``out``, stdout where it is None."""
    stream = out or sys.stdout
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextLines() if _as_text(form, stream) else JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    logging.raiseExceptions = False
    if level is not LogLevel.DEBUG:
        for name in QUIET:
            logging.getLogger(name).setLevel(logging.ERROR)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback)


def announce(form: LogForm, text: str) -> None:
    """Says on stdout what whoever started the process waits for, at every level; as text, it is the whole line."""
    if not _as_text(form, sys.stdout):
        text = JsonLines().format(logging.LogRecord("autoship", logging.INFO, __file__, 0, text, None, None))
    print(text, flush=True)


def told(error: BaseException) -> list[str]:
    """A traceback, line by line, the causes first, without what may be a client's."""
    lines: list[str] = []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        lines += [*told(cause), "\nwhich led to:\n\n"]
    lines += ["Traceback (most recent call last):\n", *traceback.format_tb(error.__traceback__)]
    kind = type(error).__qualname__
    return [*lines, f"{kind}: {error}\n" if isinstance(error, TELLING) else f"{kind}\n"]


def _as_text(form: LogForm, stream: TextIO) -> bool:
    return form is LogForm.TEXT or (form is LogForm.AUTO and stream.isatty())


def _uncaught(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    logging.getLogger("autoship").critical("nobody caught an error", exc_info=(kind, error, at))


def _request() -> dict[str, str]:
    exchange = current.get()
    if exchange is None or exchange.ended:
        return {}
    names = {"request_id": exchange.request_id.decode()}
    return names if exchange.trace is None else {**names, "trace_id": exchange.trace.decode()}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _on_one_line(text: str) -> str:
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)
