"""A real browser for tests: Debian's Chromium, installed where that is allowed, driven by Playwright."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
APT = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=600")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, with an empty profile. Without one, skips the test; in CI, fails it."""
    path = shutil.which("chromium") or _installed()
    if path is None:
        message = "Chromium is missing. On Debian: sudo apt-get install chromium"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def _installed() -> str | None:
    """Installs it as root with apt-get, as `scripts/bootstrap` does what it needs."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        subprocess.run([*APT, *arguments], env=environment, check=False, capture_output=True)
    return shutil.which("chromium")
