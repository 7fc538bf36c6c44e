"""One line for each thing that happened, ``key=value``, on standard output."""

from __future__ import annotations

import datetime
import json
import re
import sys

_PLAIN = re.compile(r"[A-Za-z0-9_.:/~@+,%-]+")


def line(event: str, **fields: object) -> str:
    """The line, without its time: values that are more than one word are quoted as in JSON."""
    told = {"event": event, **fields}
    return " ".join(f"{key}={_value(str(value))}" for key, value in told.items() if value is not None)


def say(event: str, **fields: object) -> None:
    """Prints the line, with the time before it."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    sys.stdout.write(f"time={now} {line(event, **fields)}\n")
    sys.stdout.flush()


def _value(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
