"""A copy as the real Docker Engine starts it from its argv."""

from __future__ import annotations

import os
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flotilla.domain.fleet import Fleet, Ports, Service
from flotilla.domain.secret import FromFile
from flotilla.rollout import copy_argv
from flotilla.rollout.layout import SECRETS_FOLDER

ODD = "two\nlines, a 'quote', \"another\", $HOME, a\\backslash, =, ü, and a space at the end "
FLEET_NAME = f"test-{os.getpid()}"
SERVE = "import http.server, os, sys; p = open(os.environ['TOKEN_FILE']).read(); print('read', len(p), flush=True); "


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


PORT = free_port()
SERVICE = Service(
    name="web",
    image="web",
    version="1",
    ports=Ports(first=PORT - 1, container=8000),
    memory=64 * 1024**2,
    cpus=0.5,
    user="1000:1000",
    read_only=True,
    command=("python3", "-c", SERVE + "http.server.test(http.server.SimpleHTTPRequestHandler, port=8000)"),
    env={"ODD": ODD},
    secrets={"TOKEN": FromFile(file=Path("token"))},
)
FLEET = Fleet(
    name=FLEET_NAME,
    folder=Path("/"),
    gateways=("127.0.0.10",),
    hosts=("127.0.0.1",),
    admit=("127.0.0.0/8",),
    services=(SERVICE,),
)


def run(*argv: str, stdin: str = "") -> str:
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def copy(gateway_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A copy that serves a folder, from an image with Python and no entrypoint. Its secrets are in a folder of the
    test's own."""
    image = run("docker", "build", "--quiet", "-", stdin=f"FROM {gateway_image}\nUSER root\nENTRYPOINT []\n")
    secrets = tmp_path_factory.mktemp("secrets")
    (secrets / "web").mkdir()
    (secrets / "web" / "TOKEN").write_text("s3cret")
    (secrets / "web" / "TOKEN").chmod(0o444)
    for folder in (secrets, secrets.parent, secrets.parent.parent):
        folder.chmod(0o755)
    argv = copy_argv(FLEET, SERVICE, 1, "127.0.0.1", image, "abc", 7)
    container = run(*(word.replace(SECRETS_FOLDER, str(secrets)) for word in argv))
    yield container
    run("docker", "rm", "--force", container)
    run("docker", "rmi", image)


@pytest.fixture(scope="module")
def inspected(copy: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = msgspec.json.decode(run("docker", "inspect", copy))
    return found[0]


def test_it_gains_nothing_and_takes_no_more_than_it_may(inspected: dict[str, Any]) -> None:
    host = inspected["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert host["CapAdd"] is None
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert (host["Memory"], host["MemorySwap"]) == (64 * 1024**2, 64 * 1024**2)
    assert (host["NanoCpus"], host["PidsLimit"]) == (500_000_000, 4096)
    assert host["ReadonlyRootfs"] is True
    assert host["LogConfig"] == {"Type": "local", "Config": {"max-file": "5", "max-size": "10m"}}
    assert host["RestartPolicy"]["Name"] == "always"
    assert inspected["Config"]["User"] == "1000:1000"
    assert inspected["Config"]["StopTimeout"] == 30


def test_its_process_has_no_capabilities_and_gains_none(copy: str) -> None:
    status = run("docker", "exec", copy, "cat", "/proc/1/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {fields[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapInh")} == {"0" * 16}
    assert fields["NoNewPrivs"] == "1"
    assert fields["Uid"].split() == ["1000"] * 4


def test_it_writes_nowhere_but_in_tmp(copy: str) -> None:
    tried = run(
        "docker", "exec", copy, "sh", "-c", "touch /tmp/a && echo tmp; touch /root/a /var/a /run/a 2>&1 || true"
    )
    assert tried.splitlines()[0] == "tmp"
    assert tried.count("Permission denied") + tried.count("Read-only file system") == 3


def test_a_variable_arrives_with_each_of_its_characters(copy: str) -> None:
    assert run("docker", "exec", copy, "python3", "-c", "import os; print(ascii(os.environ['ODD']))") == ascii(ODD)


def test_a_secret_is_a_file_and_shown_nowhere(copy: str, inspected: dict[str, Any]) -> None:
    assert run("docker", "exec", copy, "cat", "/run/secrets/TOKEN") == "s3cret"
    assert "TOKEN_FILE=/run/secrets/TOKEN" in inspected["Config"]["Env"]
    assert "s3cret" not in msgspec.json.encode(inspected).decode()
    assert "s3cret" not in run("docker", "exec", copy, "env")


def test_it_answers_on_its_own_port_of_the_hosts_address(copy: str, inspected: dict[str, Any]) -> None:
    run("docker", "exec", copy, "python3", "-c", WAIT)
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/", timeout=5) as answer:
        assert answer.status == 200
    assert inspected["HostConfig"]["PortBindings"] == {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(PORT)}]}
    assert inspected["Name"] == f"/{FLEET_NAME}-web-1"
    labels = {name: value for name, value in inspected["Config"]["Labels"].items() if name.startswith("flotilla.")}
    assert labels == {
        "flotilla.fleet": FLEET_NAME,
        "flotilla.service": "web",
        "flotilla.copy": "1",
        "flotilla.version": "1",
        "flotilla.digest": "abc",
        "flotilla.generation": "7",
    }


WAIT = """
import socket, time
for _ in range(100):
    try:
        socket.create_connection(("127.0.0.1", 8000), 1).close()
        break
    except OSError:
        time.sleep(0.05)
else:
    raise SystemExit("nobody listens")
"""
