"""What HAProxy itself says while a fault is made: how many requests it gave each server, and which it holds for dead.

An answer tells where a request ended; only HAProxy's own counters tell that it still tried a dead host before that.
They are read every 30 ms in the gateway's container, whose clock is this machine's.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

PERIOD_S = 0.03
END_S = 10.0
PROGRAM = """
import json, os, socket, threading, time
threading.Thread(target=lambda: os._exit(len(os.read(0, 1))), daemon=True).start()
while True:
    begin, data = time.monotonic(), b""
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.connect("/run/flotilla-haproxy/haproxy.sock")
            one.sendall(b"show stat -1 4 -1\\n")
            while part := one.recv(65536):
                data += part
    except OSError:
        time.sleep(PERIOD)
        continue
    rows = [line.split(",") for line in data.decode().splitlines() if line]
    at = {name.lstrip("# "): place for place, name in enumerate(rows[0])}
    found = {row[0] + "/" + row[1]: (row[at["status"]], int(row[at["lbtot"]] or 0)) for row in rows[1:]}
    print(json.dumps((begin, found)), flush=True)
    time.sleep(PERIOD)
""".replace("PERIOD", str(PERIOD_S))


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """At one moment: the status of each server, and how often it was chosen so far; by ``backend/address:port``."""

    at: float
    servers: dict[str, tuple[str, int]]


class Watch:
    """The samples so far, in order."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = samples

    def chosen(self, host: str, since: float) -> list[tuple[float, int]]:
        """How often HAProxy chose a server of the host for a request between a sample and the next, where it did. The
        time is that of the earlier one."""
        found: list[tuple[float, int]] = []
        before: tuple[float, int] | None = None
        for sample in self.samples:
            count = sum(chosen for name, (_, chosen) in sample.servers.items() if _host(name) == host)
            if before is not None and count != before[1] and sample.at >= since:
                # A smaller count is that of a new worker, which begins at 0.
                more = count - before[1] if count > before[1] else count
                found += [(max(before[0], since), more)] if more else []
            before = (sample.at, count)
        return found

    def went_down(self, since: float, but: str = "") -> list[str]:
        """The servers that were held for dead at any time since then, without those of the host ``but``."""
        found = {
            name
            for sample in self.samples
            if sample.at >= since
            for name, (status, _) in sample.servers.items()
            if status.startswith("DOWN") and _host(name) != but
        }
        return sorted(found)


@contextmanager
def watching(exec_argv: Sequence[str]) -> Iterator[Watch]:
    """Reads samples for the time of the block. ``exec_argv`` runs a command in the gateway's container,
    with its standard input."""
    samples: list[Sample] = []
    process = subprocess.Popen([*exec_argv, "python3", "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            samples.append(msgspec.json.decode(line, type=Sample))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield Watch(samples)
    finally:
        # Its standard input ends: a client of `docker exec` that is killed leaves its program running.
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(END_S)
        finally:
            process.kill()
        reader.join()
        assert process.stdout is not None
        process.stdout.close()


def _host(name: str) -> str:
    return name.partition("/")[2].rpartition(":")[0]
