"""What a replay found, for people: a table for the terminal, a page for the browser. Pure: a summary in, text out."""

from autoship.report.page import page
from autoship.report.table import table

__all__ = ["page", "table"]
