"""A real sshd on loopback, with keys of its own, for the user who runs the tests."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from flotilla.domain.fleet import Ssh


class Sshd(NamedTuple):
    """Where it listens, and how one gets in."""

    ssh: Ssh
    folder: Path
    process: subprocess.Popen[bytes]


def program() -> str:
    """The server's path; brings it where that is allowed, and skips with the one line that does where not."""
    found = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        for step in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "openssh-server"]):
            subprocess.run(["apt-get", *step], check=True, capture_output=True, env=env)
        found = shutil.which("sshd", path="/usr/sbin")
    if found is None:
        if os.environ.get("CI"):
            raise AssertionError("no sshd: sudo apt-get install openssh-server")
        pytest.skip("no sshd. Run: sudo apt-get install openssh-server")
    return found


@contextmanager
def serving(folder: Path, *extra: str) -> Iterator[Sshd]:
    """An sshd until the end of the block, its files in ``folder``; ``extra`` are lines of its configuration."""
    sshd = program()
    for name in ("host_key", "user_key"):
        if not (folder / name).exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    kind, key, *_ = (folder / "host_key.pub").read_text().split()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {kind} {key}\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    lines = [
        *extra,
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {folder / 'host_key'}",
        f"AuthorizedKeysFile {folder / 'authorized_keys'}",
        "PidFile none",
        "StrictModes no",
        "UsePAM no",
        "PermitRootLogin prohibit-password",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
    ]
    (folder / "sshd_config").write_text("\n".join(lines) + "\n")
    process = subprocess.Popen([sshd, "-D", "-e", "-f", folder / "sshd_config"], stderr=subprocess.PIPE)
    try:
        _wait(port, process)
        ssh = Ssh(user=getpass.getuser(), port=port, key=Path("user_key"), known_hosts=Path("known_hosts"))
        yield Sshd(ssh, folder, process)
    finally:
        process.terminate()
        process.communicate()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    process.kill()
    assert process.stderr is not None
    raise AssertionError(process.stderr.read().decode())
