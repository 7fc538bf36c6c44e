"""schemathesis, which makes up calls from the document, finds nothing wrong with a real server."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
CONFIGURED = Path(__file__).parent / "schemathesis"
KEPT = Path(__file__).parents[3] / "docs" / "reference" / "openapi.json"
EXAMPLES = os.environ.get("EXAMPLES", "25")
"""Calls made up for each operation. With more of them it takes longer than a test should: EXAMPLES=1000 make test …"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AUTOSHIP_")}
    with subprocess.Popen(
        [BIN / "autoship", "serve", "--port", "0"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = re.search(r"http://\S+", process.stdout.readline())
        assert address is not None
        yield address.group()
        process.send_signal(signal.SIGTERM)


def test_schemathesis_finds_nothing(server: str, tmp_path: Path) -> None:
    command = [BIN / "schemathesis", "--config-file", CONFIGURED / "schemathesis.toml", "run", KEPT]
    done = subprocess.run(
        [*command, "--url", server, "--max-examples", EXAMPLES],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CONFIGURED)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout
