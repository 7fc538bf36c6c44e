"""What flotilla's own programs cost while nobody asks anything: memory and CPU of each container, all its processes."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from flotilla.lab import Machine
from gateway_site import Site
from serving_table import Section, Table, Target

AGENT, GATEWAY, PROXY = "flotilla-agent", "flotilla-gateway", "flotilla-haproxy"
LOOK = 'for pid in $(docker top "$0" -eo pid | tail -n +2); do cat /proc/$pid/stat; grep VmRSS /proc/$pid/status; done'
_TICKS_S = os.sysconf("SC_CLK_TCK")


def measure(site: Site, seconds: float) -> Section:
    """Looks twice, with so many seconds between. The lab's machines do nothing else meanwhile."""
    places = [(host, AGENT) for host in site.lab.hosts]
    places += [(machine, name) for machine in site.lab.gateways for name in (GATEWAY, PROXY)]
    before = [_look(site, *place) for place in places]
    begin = time.monotonic()
    time.sleep(seconds)
    after = [_look(site, *place) for place in places]
    took = time.monotonic() - begin
    rows, targets = [], []
    for name in (AGENT, GATEWAY, PROXY):
        cores = [
            (later[0] - earlier[0]) / took
            for (_, place), earlier, later in zip(places, before, after, strict=True)
            if place == name
        ]
        memory = [later[1] for (_, place), later in zip(places, after, strict=True) if place == name]
        rows.append((name, f"{max(memory):.1f}", f"{max(cores):.2%}"))
        most = (64.0, 1.0) if name == AGENT else (None, None)
        targets += [
            Target(f"{name}: memory", max(memory), "MB", at_most=most[0]),
            Target(f"{name}: CPU", max(cores) * 100, "% of a core", at_most=most[1]),
        ]
    about = (
        f"The largest of each kind, in a fleet of {len(site.lab.hosts)} hosts with 4 copies each that gets no "
        f"requests, over {took:.0f} s. Memory is what is resident of all processes of the container, shared pages "
        f"counted for each."
    )
    return Section("At rest", about, Table(("", "MB", "of a core"), rows), targets)


def _look(site: Site, machine: Machine, name: str) -> tuple[float, float]:
    """CPU seconds so far, and MB, of all processes of a container (proc(5))."""
    return _sum(site.lab.run(machine, ("sh", "-c", LOOK, name)).splitlines())


def _sum(lines: Sequence[str]) -> tuple[float, float]:
    cpu_s = memory_mb = 0.0
    for line in lines:
        if line.startswith("VmRSS:"):
            memory_mb += int(line.split()[1]) * 1024 / 1e6
        else:
            fields = line.rpartition(")")[2].split()
            cpu_s += (int(fields[11]) + int(fields[12])) / _TICKS_S
    return cpu_s, memory_mb
