"""A whole fleet in a lab, put there by the operator's own commands: what the tests of faults play on."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import msgspec
from flotilla.domain.status import StatusDocument, decode_status
from flotilla.lab import Lab, Machine
from flotilla_load import Again, Ask, Load
from flotilla_services import faulty_image

COPIES = 4
FIRST_PORT = 8000
NEIGHBOUR_PORT = 8100
AGENT = "flotilla-agent"
GATEWAY = "flotilla-gateway"
PROXY = "flotilla-haproxy"


def services(image: str, version: str) -> str:
    """Two services of `faulty_service`: ``echo``, which may be asked twice, and a neighbour on the same hosts."""
    return f"""\
services:
  echo:
    image: {image}
    version: "{version}"
    copies: {COPIES}
    ports: {{first: {FIRST_PORT}, container: 8000}}
    health: {{path: /healthz}}
    retry: all
    timeout_s: 4
    drain_s: 10
  neighbour:
    image: {image}
    version: "{version}"
    ports: {{first: {NEIGHBOUR_PORT}, container: 8000}}
    health: {{path: /healthz}}
    route: {{path: /neighbour}}
"""


class Stage:
    """The fleet of a lab: what it is asked, what it tells, and the commands that change it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.gateways = tuple(f"{machine.address}:80" for machine in lab.gateways)

    def prepare(self) -> None:
        """Provisions the machines and deploys the services."""
        image, _, version = faulty_image().partition(":")
        text = self.lab.fleet_file.read_text().partition("services:")[0].rstrip("\n# ") + "\n"
        self.lab.fleet_file.write_text(text + services(image, version))
        self.flotilla("provision")
        self.flotilla("deploy")
        self.wait_whole()

    def flotilla(self, *words: str, ok: bool = True) -> str:
        """One of the operator's commands; what it said."""
        argv = [sys.executable, "-m", "flotilla", "--fleet", str(self.lab.fleet_file), *words]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300)
        assert (done.returncode == 0) is ok, f"{' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def load(self, **more: object) -> Load:
        """GET and POST on ``echo``, over kept and new connections, 400 a second; through all gateways, of which a
        client tries another one where the first does not answer."""
        settings = {
            "gateways": self.gateways,
            "again": Again.CONNECT,
            "asks": (Ask(), Ask("POST", "/", "{n}", holds='"{n}"')),
            **more,
        }
        return Load(**settings)  # type: ignore[arg-type]

    def status(self, gateway: int = 0) -> StatusDocument:
        """What a gateway tells of itself and of the fleet. Raises `OSError` while its program is away."""
        said = self.get(self.lab.gateways[gateway].address, 8404, "/status.json")
        try:
            return decode_status(said)
        except msgspec.DecodeError as error:
            raise OSError(f"no status: {said[:200]!r}") from error

    def get(self, address: str, port: int, path: str) -> bytes:
        """The body of an answer, whatever its status is. Raises `OSError` where there is none."""
        connection = http.client.HTTPConnection(address, port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def up(self, service: str = "echo", gateway: int = 0) -> set[str]:
        """The servers of a service that a gateway gives requests to."""
        return {
            one.name
            for one in self.status(gateway).servers
            if one.service == service and one.wanted and one.load is not None and one.load.status.startswith("UP")
        }

    def servers(self, hosts: Sequence[Machine] | None = None) -> set[str]:
        """All servers of ``echo``, or those of some hosts."""
        chosen = self.lab.hosts if hosts is None else hosts
        return {f"{host.address}:{FIRST_PORT + copy}" for host in chosen for copy in range(COPIES)}

    def wait_up(self, wanted: set[str], seconds: float = 60) -> None:
        """Until every gateway gives requests to just these servers of ``echo``, and its file says so too."""
        self.wait(lambda: all(self._serves(gateway, wanted) for gateway in range(len(self.gateways))), seconds)

    def wait_whole(self, seconds: float = 90) -> None:
        """Until every copy of every host is in rotation at every gateway, and nothing is left to do."""
        self.wait_up(self.servers(), seconds)

    def wait(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Until it is so. A gateway that does not answer is not yet so."""
        end, last = time.monotonic() + seconds, "it is not so"
        while time.monotonic() < end:
            try:
                if condition():
                    return
                last = "it is not so"
            except OSError as error:
                last = str(error)
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s: {last}\n{self.told()}")

    def told(self) -> str:
        """What the gateways say now, for a message of failure."""
        lines = []
        for gateway in range(len(self.gateways)):
            try:
                status = self.status(gateway)
            except OSError as error:
                lines.append(f"gateway {gateway}: {error}")
                continue
            lines.append(f"gateway {gateway}: {list(status.warnings)} up {sorted(self.up('echo', gateway))}")
            lines += [f"  {one.kind} {one.what} {one.why}" for one in status.done[:12]]
        return "\n".join(lines)

    def control(self, host: Machine, copy: int, **faults: object) -> None:
        """Tells a copy of ``echo`` what to do wrong from now on."""
        argv = ("docker", "exec", "-i", f"lab-echo-{copy}", "python3", "-c", _POST)
        self.lab.run(host, argv, data=json.dumps(faults).encode())

    def well(self, host: Machine, copy: int) -> None:
        """Ends a copy's faults."""
        self.lab.run(host, ("docker", "restart", "--time", "0", f"lab-echo-{copy}"))

    def kill_in(self, machine: Machine, container: str, program: str) -> None:
        """Kills a program of a container with -9; all of them that have such a command line."""
        pids = self.processes(machine, container, program)
        assert pids, f"no {program} in {container} of {machine.name}"
        self.lab.run(machine, ("kill", "-9", *pids))

    def processes(self, machine: Machine, container: str, program: str) -> list[str]:
        """The ids of a container's processes whose command line matches, as the machine numbers them."""
        top = self.lab.run(machine, ("docker", "top", container, "-eo", "pid,args")).splitlines()[1:]
        return [line.split(None, 1)[0] for line in top if re.search(program, line.split(None, 1)[1])]

    def _serves(self, gateway: int, wanted: set[str]) -> bool:
        proxy = self.status(gateway).proxy
        return self.up("echo", gateway) == wanted and proxy.converged and proxy.installed


_POST = (
    "import sys, urllib.request as r;"
    "r.urlopen(r.Request('http://127.0.0.1:8000/control', data=sys.stdin.buffer.read(), method='POST')).read()"
)
