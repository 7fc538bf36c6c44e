"""The real Docker Engine takes the commands that start flotilla's own containers, and confines them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flotilla.rollout import agent_argv, gateway_argv, proxy_argv
from flotilla.rollout.layout import SOCKETS_VOLUME, STATE

OWN = f"test-{os.getpid()}"
VOLUME = f"{SOCKETS_VOLUME}-{OWN}"
FOLDERS = ("agent", "gateway", "gossip", "haproxy", "certificates")
COMMANDS = {
    "agent": agent_argv("flotilla-agent", "127.0.0.21"),
    "gateway": gateway_argv("flotilla-gateway", "127.0.0.10", 4096),
    "haproxy": proxy_argv("flotilla-gateway", 4096),
}


def run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(params=COMMANDS)
def created(
    request: pytest.FixtureRequest, agent_image: str, gateway_image: str, tmp_path: Path
) -> Iterator[tuple[str, dict[str, Any]]]:
    """A container of the command, created and not started: its folders, its name and its volume are the test's."""
    for folder in FOLDERS:
        (tmp_path / folder).mkdir()
    argv = list(COMMANDS[request.param])
    argv[argv.index("run") : argv.index("--name") + 2] = ["create", "--name", f"flotilla-{request.param}-{OWN}"]
    own = {f"source={STATE}": f"source={tmp_path}", f"source={SOCKETS_VOLUME}": f"source={VOLUME}"}
    images = {"flotilla-agent": agent_image, "flotilla-gateway": gateway_image}
    container = run(*(images.get(word, replaced(word, own)) for word in argv))
    found: list[dict[str, Any]] = msgspec.json.decode(run("docker", "inspect", container))
    yield request.param, found[0]
    run("docker", "rm", "--force", container)
    run("docker", "volume", "rm", "--force", VOLUME)


def replaced(word: str, others: dict[str, str]) -> str:
    for text, other in others.items():
        word = word.replace(text, other)
    return word


def test_what_it_may(created: tuple[str, dict[str, Any]]) -> None:
    part, inspected = created
    host = inspected["HostConfig"]
    assert inspected["Config"]["User"] == "flotilla"
    assert (host["NetworkMode"], host["RestartPolicy"]["Name"], host["ReadonlyRootfs"]) == ("host", "always", True)
    assert host["CapDrop"] == ["ALL"]
    gained = [capability.removeprefix("CAP_") for capability in host["CapAdd"] or ()]
    assert gained == ([] if part == "agent" else ["NET_BIND_SERVICE"])
    assert host["SecurityOpt"] == (None if part == "haproxy" else ["no-new-privileges"])
    written = {mount["Target"] for mount in host["Mounts"] if not mount.get("ReadOnly")}
    assert (
        written
        == {
            "agent": {"/var/lib/flotilla/gossip"},
            "gateway": {"/var/lib/flotilla/gossip", "/var/lib/flotilla/haproxy", "/run/flotilla-haproxy"},
            "haproxy": {"/run/flotilla-haproxy"},
        }[part]
    )


def test_what_it_runs(created: tuple[str, dict[str, Any]]) -> None:
    part, inspected = created
    assert [inspected["Path"], *inspected["Args"]][:3] == {
        "agent": ["python3", "-m", "flotilla.programs.agent"],
        "gateway": ["python3", "-m", "flotilla.programs.gateway"],
        "haproxy": ["haproxy", "-W", "-db"],
    }[part]
