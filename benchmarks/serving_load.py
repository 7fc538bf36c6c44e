"""Load on a server: wrk, on other cores than the server's, with many bodies, every answer looked into."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from serving_process import CLIENT_CORES, Server

SCRIPT = Path(__file__).with_name("serving.lua")
CONNECTIONS = 32
SYNCS = 50
SHIPMENT = '"carrier":'
"""What every answer with a shipment has in it, and no other."""


class Load(msgspec.Struct, frozen=True):
    """What a server did under load.

    ``core`` is the share of one core that it used: below 1 it waited, or somebody else was on its core.
    """

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    core: float


def load(
    server: Server,
    bodies: Path,
    seconds: int,
    *,
    path: str = "/v1/prediction",
    connections: int = CONNECTIONS,
    holds: str = SHIPMENT,
    lacks: str = "",
) -> Load:
    """Keeps as many requests under way as there are connections, for so long. Ends the run where an answer is wrong.

    An answer is right if its status is 200, and it has ``holds`` in it and not ``lacks``.
    """
    wrk = shutil.which("wrk") or sys.exit("wrk is missing: scripts/bootstrap --installed serving brings it")
    command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(SCRIPT), server.url]
    before = server.cpu_s()
    done = subprocess.run(
        ["taskset", "--cpu-list", CLIENT_CORES, *command, "--", str(bodies), path, holds, lacks],
        capture_output=True,
        text=True,
        check=False,
    )
    used_s = server.cpu_s() - before
    _, found, said = done.stdout.partition("\nmeasured ")
    if done.returncode or not found:
        sys.exit(f"wrk failed: {done.stdout}{done.stderr}")
    numbers, _, shown = said.partition("\n")
    requests, duration_us, p50_us, p99_us, wrong, errors = map(float, numbers.split())
    if wrong or errors or not requests:
        sys.exit(f"{server.name}: {wrong:.0f} wrong answers, {errors:.0f} errors of {requests:.0f} requests: {shown}")
    return Load(
        requests_per_s=requests / duration_us * 1e6,
        p50_ms=p50_us / 1e3,
        p99_ms=p99_us / 1e3,
        cpu_us=used_s / requests * 1e6,
        core=used_s / duration_us * 1e6,
    )


def write_bodies(bodies: Sequence[bytes], file: Path) -> Path:
    """A file of bodies for `load`; a body is one line."""
    file.write_bytes(b"\n".join(bodies) + b"\n")
    return file


def machine() -> str:
    """What it runs on, and how busy that is."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return f"{os.cpu_count()} cores ({model}), load average {os.getloadavg()[0]:.1f}"


def disk(folder: Path) -> str:
    """The file system that a folder is on, and how long it takes to sync a page."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    kind = max((len(place), kind) for place, kind in mounts if folder.resolve().is_relative_to(place))[1]
    took_ms = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            begin = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            took_ms.append((time.perf_counter() - begin) * 1e3)
    return f"{kind}, where a sync takes {statistics.median(took_ms):.1f} ms"
