"""What the operator sets: read from flags, ``AUTOSHIP_…`` variables and the files they name, in one place, into one
frozen value. Every problem is told, all of them at once. Opens nothing but those files."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from autoship.errors import ConfigurationError

PREFIX = "AUTOSHIP_"
FROM_FILE = "_FILE"


class SqliteFile(msgspec.Struct, frozen=True):
    """The embedded history, in the file at ``path``."""

    path: Path


class InMemory(msgspec.Struct, frozen=True):
    """In this process's memory, gone with it."""


HistoryPlace: TypeAlias = SqliteFile | InMemory


class Configuration(msgspec.Struct, frozen=True):
    """All of it. Field by field as in `SETTINGS`."""

    host: str
    port: int
    history: HistoryPlace
    cache: InMemory
    memory_mb: int


class Setting(msgspec.Struct, frozen=True):
    """One thing that can be set. ``parse`` raises `ValueError` with what would be right."""

    name: str
    default: str
    metavar: str
    help: str
    parse: Callable[[str], Any]

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        """The flag of the commands that have one for it."""
        return f"--{self.name.replace('_', '-')}"


def _host(text: str) -> str:
    if not re.fullmatch(r"[\w.:-]+", text):
        raise ValueError('is an address or a name to listen on, such as "127.0.0.1" or "0.0.0.0"')
    return text


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise ValueError("is a port from 0 to 65535, 0 for any that is free")
    return int(text)


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
            values[setting.name] = _parsed(setting, source, text)
        except ValueError as problem:
            problems.append(str(problem))
    if problems:
        raise ConfigurationError(problems)
    return Configuration(**values)


def _text(
    setting: Setting, flag: str | None, environment: Mapping[str, str], read_file: Callable[[str], str]
) -> tuple[str, str]:
    """A setting's text and where it is from."""
    variable, from_file = setting.variable, setting.variable + FROM_FILE
    if flag is not None:
        return setting.flag, flag
    if variable in environment and from_file in environment:
        raise ValueError(f"{variable} and {from_file} are both set: keep one")
    if from_file in environment:
        path = environment[from_file]
        try:
            return f"{from_file} ({path})", read_file(path).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{from_file} names a file that cannot be read: {error}") from error
    return variable, environment.get(variable, setting.default)


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
