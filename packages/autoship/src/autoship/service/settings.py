"""What a customer's predictions are held to where nobody has set anything else for it."""

from __future__ import annotations

import msgspec


class Settings(msgspec.Struct, frozen=True):
    """``max_error`` of what is approved may be wrong; ``audit`` of what could be approved is held back for a person.

    Both are shares, from 0 to 1.
    """

    max_error: float = 0.05
    audit: float = 0.10
