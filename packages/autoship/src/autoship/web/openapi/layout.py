"""JSON laid out for reading: what fits into a line stays in one."""

from __future__ import annotations

from typing import Any

import msgspec

WIDTH = 88
STEP = 2


def layout(value: Any, indent: int = 0) -> str:
    """``value`` as JSON, broken into lines only where it is wider than `WIDTH`."""
    line = msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
    if len(line) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return line
    inner = indent + STEP
    if isinstance(value, dict):
        parts = [f"{layout(key)}: {layout(item, inner)}" for key, item in value.items()]
        return _between("{", parts, "}", indent)
    return _between("[", [layout(item, inner) for item in value], "]", indent)


def _between(opening: str, parts: list[str], closing: str, indent: int) -> str:
    inner = "\n" + " " * (indent + STEP)
    return f"{opening}{inner}{(',' + inner).join(parts)}\n{' ' * indent}{closing}"
