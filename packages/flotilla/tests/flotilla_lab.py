"""What tests ask of a lab: whether something answers, over the network as anybody would ask, or over SSH."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable

from flotilla.lab import Lab, Machine
from flotilla.lab.engine import engine

SERVER = (
    "$s = IO::Socket::INET->new(Listen => 9, LocalPort => 8000, ReuseAddr => 1) or die;"
    "while ($c = $s->accept) { print $c qq(hello\\n); close $c }"
)
"""A service in Perl, which every Debian has: says hello to who connects to port 8000."""

BASE = "debian:trixie-slim"


def serve(lab: Lab, host: Machine, name: str, port: int) -> None:
    """Runs `SERVER` in a container on a host, published on the host's address. Stops only with the host."""
    if not lab.run(host, ("docker", "images", "--quiet", BASE)):
        save = subprocess.run(("docker", "save", BASE), check=True, capture_output=True)
        lab.run(host, ("docker", "load", "--quiet"), data=save.stdout)
    publish = ("--publish", f"{host.address}:{port}:8000")
    run = ("docker", "run", "--detach", "--name", name, "--restart", "always", *publish, BASE)
    lab.run(host, (*run, "perl", "-MIO::Socket::INET", "-e", SERVER))


def greeting(address: str, port: int, within_s: float = 1) -> bytes | None:
    """What is said to who connects; None where nothing is said in this time, b"" where the connection was refused."""
    try:
        with socket.create_connection((address, port), timeout=within_s) as connection:
            return connection.recv(100)
    except ConnectionRefusedError:
        return b""
    except OSError:
        return None


def greeting_from(lab: Lab, machine: Machine, address: str, port: int) -> str:
    """What is said to a machine of the lab that connects."""
    return lab.run(machine, ("timeout", "5", "bash", "-c", f"cat </dev/tcp/{address}/{port}"))


def until(condition: Callable[[], bool], within_s: float = 20) -> None:
    """Waits until it is so."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to be so in time"
        time.sleep(0.05)


def ssh(lab: Lab, machine: Machine, command: str, user: str = "deploy") -> subprocess.CompletedProcess[str]:
    """A command over SSH with what the lab wrote, and nothing of this user's. Host keys are checked strictly."""
    options = ("StrictHostKeyChecking=yes", f"UserKnownHostsFile={lab.known_hosts}", "GlobalKnownHostsFile=/dev/null")
    words = [word for option in (*options, "BatchMode=yes", "IdentitiesOnly=yes") for word in ("-o", option)]
    argv = ("ssh", "-F", "none", "-i", str(lab.key), *words, f"{user}@{machine.address}", command)
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)


def parts(lab: Lab) -> set[tuple[str, str]]:
    """All that Docker has of a lab: its containers, and what those say that they use."""
    found = set()
    for machine in lab.machines:
        found.add(("container", machine.container))
        mounts = engine("inspect", "--format", "{{range .Mounts}}{{.Name}} {{end}}", machine.container)
        networks = engine(
            "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.NetworkID}} {{end}}", machine.container
        )
        found |= {("volume", name) for name in mounts.split()} | {("network", name) for name in networks.split()}
    return found


def there(things: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of them that Docker still has."""
    return {
        (what, name)
        for what, name in things
        if subprocess.run(("docker", what, "inspect", name), capture_output=True, check=False).returncode == 0
    }
