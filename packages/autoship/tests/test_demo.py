"""The demo, on the first orders of the shop: the real service, the real HTTP, the same steps as `make demo`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ORDERS = 500


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def printed(out: Path) -> str:
    arguments = ["--limit", str(ORDERS), "--from", "2024-01-05", "--out", str(out)]
    command = [sys.executable, str(ROOT / "scripts/demo.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_meets_every_order_and_the_service_learns_them_all(printed: str) -> None:
    past, rest = (int(found) for found in re.findall(r"^[13]\. The (?:past|rest): (\d+) orders", printed, re.MULTILINE))
    assert 0 < past < ORDERS
    assert 0 < rest < ORDERS
    assert f"The service has learned {ORDERS} orders" in printed


def test_it_shows_what_was_right_beside_each_baseline(printed: str) -> None:
    shares = re.findall(r"^  (autoship|its .*?)  +(\d+\.\d) %   \d+ of \d+$", printed, re.MULTILINE)
    assert [name for name, _ in shares] == [
        "autoship",
        "its commonest choice",
        "its last choice",
        "its last for the same items and city",
    ]
    assert float(shares[0][1]) > 50


def test_it_says_how_much_was_approved(printed: str) -> None:
    assert re.search(r"^  approved  +\d+\.\d %", printed, re.MULTILINE)


def test_it_shows_a_prediction_with_its_reasons_and_what_came_of_it(printed: str) -> None:
    order = printed[printed.index("\nOrder ") :]
    for line in ("predicted", "because", "shipped"):
        assert re.search(rf"^  {line} ", order, re.MULTILINE), printed


def test_it_leaves_the_report(printed: str, out: Path) -> None:
    assert printed.rstrip().endswith(str(out / "report.html"))
    assert "<svg" in (out / "report.html").read_text()
