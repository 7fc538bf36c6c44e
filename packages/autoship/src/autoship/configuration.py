"""What the operator sets: read from flags, ``AUTOSHIP_…`` variables and the files they name, in one place, into one
frozen value. Every problem is told, all of them at once. Opens nothing but those files."""

from __future__ import annotations

import difflib
import hmac
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import msgspec

from autoship.errors import ConfigurationError
from autoship.learning.approval import LEAST_ERROR, MOST_ERROR

PREFIX = "AUTOSHIP_"
FROM_FILE = "_FILE"


class SqliteFile(msgspec.Struct, frozen=True):
    """The embedded history, in the file at ``path``."""

    path: Path


class InMemory(msgspec.Struct, frozen=True):
    """In this process's memory, gone with it."""


HistoryPlace: TypeAlias = SqliteFile | InMemory


class Secret:
    """A text that is shown nowhere: neither its repr nor a log line made of it tells what it is."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one who compares or signs with it."""
        return self._text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(…)"


class LogForm(StrEnum):
    """How a line of the log is written. ``auto``: as text on a terminal, else as JSON."""

    TEXT = "text"
    JSON = "json"
    AUTO = "auto"


class LogLevel(StrEnum):
    """The least that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Configuration(msgspec.Struct, frozen=True):
    """All of it. Field by field as in `SETTINGS`."""

    host: str
    port: int
    history: HistoryPlace
    cache: InMemory
    memory_mb: int
    token: Secret | None
    max_error: float
    audit: float
    log: LogForm
    log_level: LogLevel
    access_log: bool
    request_timeout_s: float
    max_connections: int
    drain_s: float


class Setting(msgspec.Struct, frozen=True):
    """One thing that can be set. ``parse`` raises `ValueError` with what would be right.

    What is ``secret`` has no flag, since everybody on the machine can read a command line, and no default but none.
    """

    name: str
    default: str
    metavar: str
    help: str
    parse: Callable[[str], Any]
    secret: bool = False

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.name.upper()

    @property
    def flag(self) -> str | None:
        """The flag of the commands that have one for it."""
        return None if self.secret else f"--{self.name.replace('_', '-')}"


def _host(text: str) -> str:
    if not re.fullmatch(r"[\w.:-]+", text):
        raise ValueError('is an address or a name to listen on, such as "127.0.0.1" or "0.0.0.0"')
    return text


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise ValueError("is a port from 0 to 65535, 0 for any that is free")
    return int(text)


MOST_SECONDS = 86_400.0
MOST_CONNECTIONS = 1_000_000


def _token(text: str) -> Secret:
    if not re.fullmatch(r"[!-~]{1,4096}", text):
        raise ValueError("is one word of visible ASCII characters, such as `openssl rand -hex 32` prints")
    return Secret(text)


def _number(text: str) -> float:
    return float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) else -1.0


def _max_error(text: str) -> float:
    number = _number(text)
    if not LEAST_ERROR <= number <= MOST_ERROR:
        raise ValueError(f"is a share between {LEAST_ERROR} and {MOST_ERROR}")
    return number


def _audit(text: str) -> float:
    number = _number(text)
    if not 0 <= number <= 1:
        raise ValueError("is a share between 0 and 1")
    return number


def _drain(text: str) -> float:
    number = _number(text)
    if not 1 <= number <= MOST_SECONDS:
        raise ValueError(f"is a number of seconds from 1 to {MOST_SECONDS:.0f}")
    return number


def _timeout(text: str) -> float:
    number = _number(text)
    if not 0 < number <= MOST_SECONDS:
        raise ValueError(f"is a number of seconds, more than 0, at most {MOST_SECONDS:.0f}")
    return number


def _connections(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,7}", text) or not 1 <= int(text) <= MOST_CONNECTIONS:
        raise ValueError(f"is a whole number from 1 to {MOST_CONNECTIONS:,}")
    return int(text)


def _switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError('is "on" or "off"')
    return text == "on"


E = TypeVar("E", bound=StrEnum)


def _one_of(kind: type[E]) -> Callable[[str], E]:
    def parse(text: str) -> E:
        if text not in kind.__members__.values():
            raise ValueError(f"is one of {', '.join(kind)}")
        return kind(text)

    return parse


def _memory_mb(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,8}", text, re.ASCII) or int(text) < 1:
        raise ValueError("is a number of MiB, at least 1")
    return int(text)


NOT_BUILT_IN = (
    "elasticsearch", "elasticsearch+https", "opensearch", "opensearch+https", "redis", "rediss",
)  # fmt: skip


def _history(text: str) -> HistoryPlace:
    if text == "memory:":
        return InMemory()
    path = text.removeprefix("sqlite:///")
    if path != text and path not in ("", "/", ":memory:"):
        return SqliteFile(Path(path))
    _refuse_not_built_in(text)
    raise ValueError('is "sqlite:///autoship.db", "sqlite:////var/lib/autoship.db" or "memory:"')


def _cache(text: str) -> InMemory:
    if text == "memory:":
        return InMemory()
    _refuse_not_built_in(text)
    raise ValueError('is "memory:"')


def _refuse_not_built_in(text: str) -> None:
    scheme = text.partition(":")[0]
    if scheme in NOT_BUILT_IN:
        raise ValueError(f"names {scheme}, which is not built into this version")


SETTINGS = (
    Setting("host", "127.0.0.1", "ADDRESS", "The address to listen on; 0.0.0.0 for all of this machine's.", _host),
    Setting("port", "8000", "PORT", "The port to listen on; 0 for any that is free.", _port),
    Setting(
        "history",
        "sqlite:///autoship.db",
        "URL",
        "Where past orders are kept: sqlite:///file in this folder, sqlite:////file from the root, or memory: for "
        "trying out. One process at a time opens a file.",
        _history,
    ),
    Setting("cache", "memory:", "URL", "Where models are kept at hand: memory: is this process's own.", _cache),
    Setting(
        "memory_mb",
        "1024",
        "MIB",
        "How much memory models may take; those that were not used for longest are saved and let go first.",
        _memory_mb,
    ),
    Setting("token", "", "TOKEN", "What callers have to show; without it, nothing is asked for.", _token, secret=True),
    Setting("max_error", "0.05", "SHARE", "How much of what is approved may be wrong.", _max_error),
    Setting("audit", "0.1", "SHARE", "How much of what could be approved is held back for a person.", _audit),
    Setting("log", "text", "FORM", "text, json, or auto: text on a terminal, else json.", _one_of(LogForm)),
    Setting("log_level", "info", "LEVEL", "The least that is logged: debug, info, warning, error.", _one_of(LogLevel)),
    Setting("access_log", "off", "on|off", "Whether each request is logged.", _switch),
    Setting("request_timeout_s", "30", "SECONDS", "How long a client may keep the service waiting.", _timeout),
    Setting("max_connections", "1000", "NUMBER", "How many connections are open at once, at most.", _connections),
    Setting("drain_s", "20", "SECONDS", "How long stopping may take, answers under way included.", _drain),
)
"""Everything that can be set. A flag wins over a variable, and a variable over the default."""


def read_configuration(
    flags: Mapping[str, str | None],
    environment: Mapping[str, str],
    read_file: Callable[[str], str] = lambda path: Path(path).read_text(encoding="utf-8"),
) -> Configuration:
    """The configuration that ``flags`` (by name, None where not given) and the environment make.

    Any variable may come from a file instead: ``AUTOSHIP_PORT_FILE`` names one that holds the port. Raises
    `ConfigurationError` with every problem there is.
    """
    problems = _unknown(environment)
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        try:
            source, text = _text(setting, flags.get(setting.name), environment, read_file)
            values[setting.name] = None if text is None else _parsed(setting, source, text)
        except ValueError as problem:
            problems.append(str(problem))
    if problems:
        raise ConfigurationError(problems)
    return Configuration(**values)


def _text(
    setting: Setting, flag: str | None, environment: Mapping[str, str], read_file: Callable[[str], str]
) -> tuple[str, str | None]:
    """A setting's text and where it is from; None for a secret that is not set."""
    variable, from_file = setting.variable, setting.variable + FROM_FILE
    if flag is not None and setting.flag is not None:
        return setting.flag, flag
    if variable in environment and from_file in environment:
        raise ValueError(f"{variable} and {from_file} are both set: keep one")
    if from_file in environment:
        path = environment[from_file]
        try:
            return f"{from_file} ({path})", read_file(path).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{from_file} names a file that cannot be read: {error}") from error
    return variable, environment.get(variable, None if setting.secret else setting.default)


def _parsed(setting: Setting, source: str, text: str) -> object:
    try:
        return setting.parse(text)
    except ValueError as problem:
        raise ValueError(f"{source} {problem}") from problem


def _unknown(environment: Mapping[str, str]) -> list[str]:
    known = [setting.variable for setting in SETTINGS]
    from_file = [name + FROM_FILE for name in known]
    return [
        f"{name} is not known: {_hint(name, known + from_file)}"
        for name in sorted(environment)
        if name.startswith(PREFIX) and name not in known + from_file
    ]


def _hint(name: str, known: list[str]) -> str:
    ends = [one.removeprefix(PREFIX) for one in known]
    near = difflib.get_close_matches(name.removeprefix(PREFIX), ends, n=1)
    return f"did you mean {PREFIX}{near[0]}?" if near else f"there are {', '.join(known)}"
