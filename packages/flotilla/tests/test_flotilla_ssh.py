"""What is SSH's alone: one connection, host keys, a connection that is lost, and words for whatever goes wrong."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from flotilla.adapters.ssh import argv as lines
from flotilla.adapters.ssh import ssh_machines
from flotilla.adapters.ssh.said import unreachable
from flotilla.domain.fleet import Ssh
from flotilla.errors import Unreachable
from flotilla_sshd import Sshd, serving

SOCKET = Path("/run/x/0.1")


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with serving(tmp_path_factory.mktemp("sshd")) as one:
        yield one


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "stranger"], check=True)
    return tmp_path / "stranger"


def test_without_settings_the_users_own_configuration_decides() -> None:
    command = lines.holding("10.0.0.21", Ssh(), Path("/fleet"), SOCKET, ask=False)
    assert "BatchMode=yes" in command
    assert not [
        word for word in command if word.startswith(("StrictHostKeyChecking", "User=", "Port=", "IdentityFile", "-F"))
    ]


def test_settings_are_options_and_known_hosts_are_strict() -> None:
    ssh = Ssh(user="deploy", port=2222, key=Path("keys/id"), known_hosts=Path("known hosts"))
    command = lines.holding("10.0.0.21", ssh, Path("/fleet"), SOCKET, ask=True)
    for option in (
        "BatchMode=no",
        "StrictHostKeyChecking=yes",
        'UserKnownHostsFile="/fleet/known hosts"',
        'IdentityFile="/fleet/keys/id"',
        "User=deploy",
        "Port=2222",
    ):
        assert option in command


@pytest.mark.parametrize(
    ("root", "line"), [(True, "docker run 'a b' '$x'"), (False, "sudo -n -- docker run 'a b' '$x'")]
)
def test_a_command_is_quoted_once_and_by_sudo_where_the_user_is_not_root(root: bool, line: str) -> None:
    assert lines.guest("h", SOCKET, ("docker", "run", "a b", "$x"), root=root)[-2:] == ("h", line)


def test_addresses_of_ipv6_are_in_brackets_where_a_port_follows() -> None:
    assert "/s:[fd00::1]:8000" in lines.forwarding("h", SOCKET, Path("/s"), "fd00::1", 8000)


SAID = [
    ("ssh: connect to host h port 22: No route to host", "no way leads there"),
    ("ssh: connect to host h port 22: Connection refused", "does sshd run"),
    ("ssh: connect to host h port 22: Connection timed out", "does not answer"),
    ("Connection closed by 10.0.0.21 port 22", "before the login"),
    ("root@h: Permission denied (publickey).", "authorized_keys"),
    ("Received disconnect from h port 22:2: Too many authentication failures", "ssh.key"),
    ("Permissions 0644 for '/k' are too open. WARNING: UNPROTECTED PRIVATE KEY FILE!", "0600"),
    ('Load key "/k": invalid format\nroot@h: Permission denied (publickey).', "the key cannot be used"),
    ("No ED25519 host key is known for h and you have requested strict checking.", "not known"),
    ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", "ssh-keygen"),
    ("sudo: a password is required", "NOPASSWD"),
    ("bash: line 1: sudo: command not found", "install sudo"),
    ("something new", "something new"),
    ("", "without a word"),
]


@pytest.mark.parametrize(("said", "words"), SAID, ids=[words for _, words in SAID])
def test_what_ssh_says_comes_with_the_mend(said: str, words: str) -> None:
    assert words in unreachable(said, "10.0.0.21", Ssh(user="deploy"))


async def test_all_commands_go_over_one_connection(sshd: Sshd) -> None:
    async with ssh_machines(sshd.ssh, folder=sshd.folder, terminal=False) as machines:
        machine = machines.at("127.0.0.1")
        done = await asyncio.gather(*(machine.run(("sh", "-c", "echo $SSH_CONNECTION")) for _ in range(12)))
        assert len({one.out for one in done}) == 1
        assert {one.status for one in done} == {0}


async def test_a_lost_connection_is_an_error_and_the_next_command_makes_a_new_one(sshd: Sshd) -> None:
    async with ssh_machines(sshd.ssh, folder=sshd.folder, terminal=False) as machines:
        machine = machines.at("127.0.0.1")
        first = int((await machine.run(("sh", "-c", "ps -o ppid= -p $PPID"))).out)
        assert (await machine.run(("sh", "-c", "exit 255"))).status == 255
        under_way = asyncio.create_task(machine.run(("sleep", "20")))
        while b"sleep" not in (await machine.run(("ps", "-A", "-o", "args="))).out:
            pass
        for child in (await machine.run(("ps", "-o", "pid=", "--ppid", str(first)))).out.split():
            os.kill(int(child), signal.SIGKILL)
        with pytest.raises(Unreachable, match="the connection was lost while 'sleep 20' ran"):
            await under_way
        assert (await machine.run(("true",))).status == 0


async def test_a_command_after_the_loss_works_at_once(sshd: Sshd) -> None:
    async with ssh_machines(sshd.ssh, folder=sshd.folder, terminal=False) as machines:
        machine = machines.at("127.0.0.1")
        await machine.run(("true",))
        assert machine._connection is not None
        machine._connection._process.kill()
        await machine._connection._process.wait()
        assert (await machine.run(("true",))).status == 0


async def test_an_unknown_host_key_is_refused_with_the_mend(sshd: Sshd, tmp_path: Path) -> None:
    (tmp_path / "known").write_text("")
    ssh = msgspec.structs.replace(sshd.ssh, known_hosts=tmp_path / "known")
    async with ssh_machines(ssh, folder=sshd.folder, terminal=False) as machines:
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1: its host key is not known.*ssh-keyscan -p"):
            await machines.at("127.0.0.1").run(("true",))


async def test_a_changed_host_key_is_refused_with_the_mend(sshd: Sshd, tmp_path: Path) -> None:
    other = (sshd.folder / "user_key.pub").read_text().split()
    (tmp_path / "known").write_text(f"[127.0.0.1]:{sshd.ssh.port} {other[0]} {other[1]}\n")
    ssh = msgspec.structs.replace(sshd.ssh, known_hosts=tmp_path / "known")
    async with ssh_machines(ssh, folder=sshd.folder, terminal=False) as machines:
        with pytest.raises(Unreachable, match=r"not the one that is known.*ssh-keygen -f .* -R '\[127\.0\.0\.1\]:"):
            await machines.at("127.0.0.1").run(("true",))


async def test_a_refused_key_is_told_with_the_mend(sshd: Sshd, stranger: Path) -> None:
    ssh = msgspec.structs.replace(sshd.ssh, key=stranger)
    async with ssh_machines(ssh, folder=sshd.folder, terminal=False) as machines:
        with pytest.raises(Unreachable, match="authorized_keys"):
            await machines.at("127.0.0.1").run(("true",))


async def test_a_missing_key_file_is_told_as_such(sshd: Sshd) -> None:
    ssh = msgspec.structs.replace(sshd.ssh, key=Path("nowhere"))
    async with ssh_machines(ssh, folder=sshd.folder, terminal=False) as machines:
        with pytest.raises(Unreachable, match="the key cannot be used"):
            await machines.at("127.0.0.1").run(("true",))


async def test_a_port_where_nothing_listens_is_told_as_such(sshd: Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ssh = msgspec.structs.replace(sshd.ssh, port=port)
    async with ssh_machines(ssh, folder=sshd.folder, terminal=False) as machines:
        with pytest.raises(Unreachable, match="does sshd run on that port"):
            await machines.at("127.0.0.1").run(("true",))


async def test_nothing_is_left_behind(sshd: Sshd) -> None:
    async with ssh_machines(sshd.ssh, folder=sshd.folder, terminal=False) as machines:
        machine = machines.at("127.0.0.1")
        await machine.run(("true",))
        assert machine._connection is not None
        process, folder = machine._connection._process, machine._connection.socket.parent
        assert folder.stat().st_mode & 0o077 == 0
    assert process.returncode is not None
    assert not folder.exists()
