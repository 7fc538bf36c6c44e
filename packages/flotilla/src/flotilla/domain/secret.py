"""Where a secret comes from, and a secret that cannot be printed by mistake. Reading one is the edge's work."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import msgspec


class FromFile(msgspec.Struct, frozen=True, kw_only=True, tag="file"):
    """The file's content without a trailing newline; relative to the fleet file's folder."""

    file: Path


class FromEnvironment(msgspec.Struct, frozen=True, kw_only=True, tag="env"):
    """A variable of the operator's environment."""

    env: str


class FromCommand(msgspec.Struct, frozen=True, kw_only=True, tag="command"):
    """What a command prints on the operator's machine, without a trailing newline. An argv, no shell."""

    command: tuple[str, ...]


SecretSource: TypeAlias = FromFile | FromEnvironment | FromCommand


class Secret:
    """A secret's text. Neither ``str`` nor ``repr`` shows it, only `reveal`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that writes it where it belongs."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)
