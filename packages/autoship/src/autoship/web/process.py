"""What this process uses, as the kernel tells it, under the names that Prometheus' own clients give it. Where there is
no Linux, there is nothing to tell."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

from autoship.web.exposition import Metric, Sample

CPU = Metric("process_cpu_seconds_total", "counter", "CPU time used, user and system, in seconds.")
MEMORY = Metric("process_resident_memory_bytes", "gauge", "Memory that is in RAM.")
VIRTUAL = Metric("process_virtual_memory_bytes", "gauge", "Memory that is mapped.")
OPEN = Metric("process_open_fds", "gauge", "File descriptors that are open.")
MOST_OPEN = Metric("process_max_fds", "gauge", "File descriptors that may be open at once.")
STARTED = Metric("process_start_time_seconds", "gauge", "When the process started, in seconds since 1970.")

METRICS = (CPU, MEMORY, VIRTUAL, OPEN, MOST_OPEN, STARTED)

PROC = Path("/proc")


def process() -> Iterator[tuple[Metric, list[Sample]]]:
    """The numbers as of now."""
    try:
        stat = (PROC / "self/stat").read_text().rpartition(")")[2].split()
        booted = next(line for line in (PROC / "stat").read_text().splitlines() if line.startswith("btime "))
        opened = len(list((PROC / "self/fd").iterdir()))
    except OSError:
        return
    ticks = os.sysconf("SC_CLK_TCK")
    yield CPU, [Sample((int(stat[11]) + int(stat[12])) / ticks)]
    yield MEMORY, [Sample(int(stat[21]) * os.sysconf("SC_PAGE_SIZE"))]
    yield VIRTUAL, [Sample(int(stat[20]))]
    yield OPEN, [Sample(opened)]
    yield MOST_OPEN, [Sample(resource.getrlimit(resource.RLIMIT_NOFILE)[0])]
    yield STARTED, [Sample(int(booted.split()[1]) + int(stat[19]) / ticks)]
