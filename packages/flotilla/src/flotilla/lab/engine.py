"""Runs ``docker`` and says in words what went wrong. Knows nothing of labs."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any

import msgspec

from flotilla.errors import LabError

REASONS = (
    (
        "permission denied",
        "no right to use Docker: be root, or run `sudo usermod -aG docker $USER` and log in anew",
    ),
    ("Cannot connect to the Docker daemon", "Docker Engine does not answer: start it, `sudo systemctl start docker`"),
    ("Is the docker daemon running", "Docker Engine does not answer: start it, `sudo systemctl start docker`"),
    ("no space left on device", "the disk is full: `docker system df` says what Docker keeps on it"),
)
"""What Docker says, and what it means."""


class EngineError(LabError):
    """``docker`` failed; the text says why, ``said`` is what it said itself."""

    def __init__(self, text: str, said: str) -> None:
        super().__init__(text)
        self.said = said


def engine(*argv: str, data: bytes | None = None, timeout_s: float = 60) -> str:
    """What a ``docker`` command says on stdout. Raises `EngineError`."""
    done = finished(*argv, data=data, timeout_s=timeout_s)
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode == 0:
        return done.stdout.decode(errors="replace")
    for words, reason in REASONS:
        if words.lower() in said.lower():
            raise EngineError(f"{reason} (docker said: {said.splitlines()[-1]})", said)
    raise EngineError(f"docker {argv[0]} failed: {said or f'status {done.returncode}'}", said)


def finished(*argv: str, data: bytes | None = None, timeout_s: float = 60) -> subprocess.CompletedProcess[bytes]:
    """A ``docker`` command that ended, well or not. Raises `LabError` where there is no Docker, or no end."""
    try:
        return subprocess.run(("docker", *argv), input=data or b"", capture_output=True, timeout=timeout_s, check=False)
    except FileNotFoundError as error:
        raise LabError("no Docker: install Docker Engine (on Debian: `sudo apt-get install docker.io`)") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"docker {argv[0]} did not end within {timeout_s:g} s") from error


def listed(what: str, *filters: str) -> list[str]:
    """The ids of what has all these labels: ``what`` is ``container``, ``volume`` or ``network``."""
    every = ("--all",) if what == "container" else ()
    wanted = [word for label in filters for word in ("--filter", f"label={label}")]
    return engine(what, "ls", "--quiet", *every, *wanted).split()


def inspected(what: str, ids: Sequence[str]) -> list[dict[str, Any]]:
    """All that Docker knows of them; of those that went meanwhile, nothing."""
    if not ids:
        return []
    done = finished(what, "inspect", *ids)
    if done.returncode and b"no such" not in done.stderr.lower() and b"not found" not in done.stderr.lower():
        raise EngineError(f"docker {what} inspect failed: {done.stderr.decode().strip()}", done.stderr.decode())
    found: list[dict[str, Any]] = msgspec.json.decode(done.stdout or b"[]")
    return found
