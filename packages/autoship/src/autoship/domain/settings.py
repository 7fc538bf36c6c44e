"""What a customer's predictions are held to: for all, and for one of whom somebody said otherwise. Plain values."""

from __future__ import annotations

import msgspec


class Settings(msgspec.Struct, frozen=True):
    """``max_error`` of what is approved may be wrong; ``audit`` of what could be approved is held back for a person.

    Both are shares, from 0 to 1.
    """

    max_error: float = 0.05
    audit: float = 0.10


class Chosen(msgspec.Struct, frozen=True):
    """What somebody set for one customer, None where nobody did."""

    max_error: float | None = None
    audit: float | None = None

    def over(self, defaults: Settings) -> Settings:
        """What holds for the customer."""
        return Settings(
            defaults.max_error if self.max_error is None else self.max_error,
            defaults.audit if self.audit is None else self.audit,
        )
