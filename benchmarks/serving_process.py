"""A server as a process of its own: started, measured from outside, stopped or killed."""

from __future__ import annotations

import http.client
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn
from urllib.parse import urlsplit

import msgspec

AUTOSHIP = str(Path(sys.executable).with_name("autoship"))
WATCHED = "import ctypes; ctypes.CDLL(None).prctl(0x59616D61, -1); from autoship.cli import main; main()"
"""``prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY)``, then the program: see Linux's documentation of Yama."""

START_S = 120
STOP_S = 300
POLL_S = 0.002
LAST_LINES = 2_000

_CORES = sorted(os.sched_getaffinity(0))
CLIENT_CORES = ",".join(str(core) for core in _CORES[:-1] or _CORES)
"""Of wrk and the benchmark itself, so that one core is the servers' own. They may use all: a service has threads."""
ALL_CORES = ",".join(map(str, _CORES))
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Server:
    """From its first line with an address, or from the port that it was told, to the end of the block.

    ``ready_s`` is how long it took from its start to its first 200 at ``/readyz``, for a server that has one.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        url: str | None = None,
        ready: str | None = "/readyz",
    ) -> None:
        self.name = name
        self.ready_s = 0.0
        self._log = log
        self._urls: queue.Queue[str | None] = queue.Queue()
        begin = time.perf_counter()
        self._process = subprocess.Popen(
            ["taskset", "--cpu-list", ALL_CORES, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**_environment(), **(environment or {})},
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.url = url or self._address()
            self.connection = http.client.HTTPConnection(str(urlsplit(self.url).hostname), urlsplit(self.url).port)
            if ready is not None:
                self._wait_until_ready(ready)
            self.ready_s = time.perf_counter() - begin
        except BaseException:
            self.kill()
            raise

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        """One request over a connection that is kept; its JSON. Ends the run where the answer is no success."""
        self.connection.request(method, path, body, {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        text = response.read()
        if response.status != 200:
            self._fail(f"{method} {path} answered {response.status}: {text.decode()}")
        return msgspec.json.decode(text)

    def cpu_s(self) -> float:
        """CPU seconds used so far, of all threads and all processes that it started."""
        return sum(_ticks(Path(f"/proc/{pid}/stat")) for pid in _family(self.pid)) * _TICK_S

    def threads_s(self) -> dict[int, float]:
        """CPU seconds used so far by each of its threads; its first one has the id of the process."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/stat")
        return {int(stat.parent.name): _ticks(stat) * _TICK_S for stat in tasks}

    def memory_mb(self, what: str = "VmRSS") -> float:
        """Its resident memory in MiB; ``VmHWM`` for the most that it ever was."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(rf"^{what}:\s+(\d+) kB", text, re.MULTILINE)
        return int(found[1]) / 1024 if found else 0.0

    def stop(self) -> float:
        """Ends it by SIGTERM, and waits for it; how many seconds that took."""
        self.connection.close()
        begin = time.perf_counter()
        try:
            if self._process.poll() is None:
                self._process.terminate()
                self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            self._fail(f"did not end within {STOP_S} s")
        return time.perf_counter() - begin

    def kill(self) -> None:
        """Ends it by SIGKILL, with all that it started."""
        if self._process.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait(STOP_S)

    def _address(self) -> str:
        url = self._urls.get(timeout=START_S)
        return url if url is not None else self._fail("ended before it listened")

    def _wait_until_ready(self, path: str) -> None:
        """Asks until it says so: of another process's port nothing else tells."""
        end = time.monotonic() + START_S
        while time.monotonic() < end and self._process.poll() is None:
            try:
                self.connection.request("GET", path)
                response = self.connection.getresponse()
                response.read()
                if response.status == 200:
                    return
            except OSError:
                pass
            finally:
                self.connection.close()
            time.sleep(POLL_S)
        self._fail(f"was not ready within {START_S} s")

    def _read(self) -> None:
        """Keeps its output in the log, and hands on the first address in it."""
        assert self._process.stdout is not None
        with self._log.open("w") as log:
            for line in self._process.stdout:
                log.write(line)
                log.flush()
                if found := re.search(r"http://[\w.:\[\]-]+", line):
                    self._urls.put(found[0])
        self._urls.put(None)

    def _fail(self, what: str) -> NoReturn:
        sys.exit(f"{self.name}: {what}; its log ends with:\n{self._log.read_text()[-LAST_LINES:]}")


def autoship(
    history: Path, log: Path, environment: Mapping[str, str] | None = None, *, watched: bool = False
) -> Server:
    """``autoship serve`` as it comes, on one worker and a free port, over the history in a file.

    ``watched`` lets a profiler in that is not its parent, where the kernel would not.
    """
    program = [sys.executable, "-c", WATCHED] if watched else [AUTOSHIP]
    command = [*program, "serve", "--port", "0", "--history", url_of(history)]
    return Server("autoship", command, log, environment=environment)


def url_of(history: Path) -> str:
    """The history in a file, as ``--history`` wants it."""
    return f"sqlite:///{history.resolve()}"


def remove(history: Path) -> Path:
    """Removes a history's file and what lies beside it."""
    for file in history.parent.glob(f"{history.name}*"):
        file.unlink()
    return history


def keep_to_client_cores() -> None:
    """Leaves the server's core to it: for this thread, and for the threads and programs that it starts from now on."""
    os.sched_setaffinity(0, [int(core) for core in CLIENT_CORES.split(",")])


def _environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("AUTOSHIP_")}


def _family(pid: int) -> list[int]:
    """A process and all that it started, directly or not."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    family = [pid]
    for one in family:
        family += children.get(one, [])
    return family


def _ticks(stat: Path) -> int:
    """User and system time (proc(5), fields 14 and 15 of ``stat``); nothing of what ended meanwhile."""
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])
