"""The embedded history: one SQLite file that one process owns."""

from autoship.adapters.sqlite.history import SqliteHistory

__all__ = ["SqliteHistory"]
