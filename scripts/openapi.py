"""Writes the API's document to where it is kept: docs/reference/openapi.json. Run by ``make openapi``."""

from pathlib import Path

from autoship.web.openapi import document, text_of

KEPT = Path(__file__).parents[1] / "docs" / "reference" / "openapi.json"

if __name__ == "__main__":
    KEPT.write_bytes(text_of(document()))
