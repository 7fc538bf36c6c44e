"""A lab is made of real machines: engines, sshd, a network. Its faults are those of real ones. It goes without a
trace."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from flotilla.cli.lab import lab as command
from flotilla.errors import LabError
from flotilla.lab import Lab, down, labs
from flotilla_lab import greeting, greeting_from, parts, serve, ssh, there, until


@pytest.fixture(autouse=True)
def _whole(lab: Lab) -> Iterator[None]:
    """The lab is whole again after each test, that of a failed one too."""
    yield
    lab.restore()


@pytest.fixture
def served(lab: Lab) -> tuple[str, int]:
    """Where a container on the first host answers."""
    host = lab.hosts[0]
    if "served" not in lab.run(host, ("docker", "ps", "--all", "--format", "{{.Names}}")).split():
        serve(lab, host, "served", 8000)
    until(lambda: greeting(host.address, 8000) == b"hello\n")
    return host.address, 8000


def test_ssh_gets_in_with_the_key_and_the_known_hosts_that_were_written(lab: Lab) -> None:
    for machine in lab.machines:
        done = ssh(lab, machine, "hostname; sudo docker info --format '{{.Driver}} {{.ServerVersion}}'")
        assert done.returncode == 0, done.stderr
        name, driver = done.stdout.splitlines()
        assert name == machine.name
        assert driver.startswith("overlay2 26.")


def test_nobody_gets_in_as_root_or_with_another_key(lab: Lab, tmp_path: Path) -> None:
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"), check=True)
    other = Lab(lab.name, lab.directory, lab.machines)
    other.key = tmp_path / "other"
    assert "Permission denied" in ssh(other, lab.hosts[0], "true").stderr
    assert "Permission denied" in ssh(lab, lab.hosts[0], "true", user="root").stderr


def test_a_container_of_a_host_answers_on_the_hosts_address(lab: Lab, served: tuple[str, int]) -> None:
    assert greeting_from(lab, lab.hosts[1], *served) == "hello\n"
    assert greeting_from(lab, lab.gateways[0], *served) == "hello\n"


def test_a_killed_host_comes_back_with_its_address_its_host_key_and_its_containers(
    lab: Lab, served: tuple[str, int]
) -> None:
    host = lab.hosts[0]
    lab.kill(host)
    assert greeting(*served) is None
    assert [condition.running for condition in lab.status()] == [True, False, True, True]
    lab.start(host)
    assert ssh(lab, host, "hostname").stdout == f"{host.name}\n"
    until(lambda: greeting(*served) == b"hello\n")


def test_an_engine_that_dies_is_started_again(lab: Lab) -> None:
    host = lab.hosts[1]
    before = lab.run(host, ("pgrep", "-x", "dockerd"))
    lab.run(host, ("pkill", "-KILL", "-x", "dockerd"))
    lab.run(host, ("ready", "30"))
    assert lab.run(host, ("pgrep", "-x", "dockerd")) != before


def test_a_cut_host_answers_nobody_and_says_nothing_and_a_mended_one_is_as_before(
    lab: Lab, served: tuple[str, int]
) -> None:
    host = lab.hosts[0]
    before = _network(lab, "host-1")
    with socket.create_connection((host.address, 22), timeout=2) as kept:
        kept.recv(100)
        lab.cut(host)
        lab.cut(host)
        assert greeting(host.address, 22) is None
        assert greeting(*served) is None
        kept.settimeout(1)
        kept.send(b"SSH-2.0-nobody\r\n")
        with pytest.raises(TimeoutError):
            kept.recv(100)
        # Who sends is told nothing either: a datagram goes out, as into a cable that ends nowhere.
        lab.run(host, ("bash", "-c", f"echo hello >/dev/udp/{lab.hosts[1].address}/7946"))
        lab.mend(host)
        lab.mend(host)
        kept.settimeout(20)
        assert kept.recv(100)
    assert _network(lab, "host-1") == before
    assert greeting(*served) == b"hello\n"


def test_a_host_that_was_cut_and_killed_starts_with_its_cable_in(lab: Lab) -> None:
    host = lab.hosts[2]
    lab.cut(host)
    lab.kill(host)
    lab.start(host)
    assert ssh(lab, host, "true").returncode == 0


def test_packets_are_lost_by_the_share_that_was_asked_for(lab: Lab, served: tuple[str, int]) -> None:
    host = lab.hosts[0]
    before = _network(lab, "host-1")
    lab.loss(host, 5)
    shares = re.findall(r"--probability (\S+)", lab.run(host, ("iptables", "-t", "mangle", "-S")))
    assert [float(share) for share in shares] == pytest.approx([0.05, 0.05])
    lab.loss(host, 100)
    assert greeting(*served) is None
    lab.loss(host, 0)
    assert greeting(*served) == b"hello\n"
    assert _network(lab, "host-1") == before


def test_gossip_can_be_cut_alone(lab: Lab, served: tuple[str, int]) -> None:
    host = lab.hosts[0]
    assert greeting(host.address, 7946) == b""
    lab.drop_gossip()
    assert greeting(host.address, 7946) is None
    assert greeting(*served) == b"hello\n"
    assert {condition.faults for condition in lab.status()} == {("gossip",)}
    lab.drop_gossip(False)
    assert greeting(host.address, 7946) == b""


def test_status_says_who_is_dead_and_who_is_cut_off(lab: Lab, served: tuple[str, int]) -> None:
    lab.kill("host-3")
    lab.cut(lab.hosts[1].address)
    said = _flotilla("status", "--json", "--dir", str(lab.directory))
    machines = {one["name"]: one for one in json.loads(said)["machines"]}
    assert not machines["host-3"]["running"]
    assert machines["host-2"]["faults"] == ["cut"]
    assert machines["host-1"]["containers"] == ["served"]
    assert "host-2      " in _flotilla("status", "--dir", str(lab.directory))
    lab.mend("host-2")
    assert _flotilla("start", "--dir", str(lab.directory)).startswith("host-3 answers")


def test_a_dead_host_cannot_be_cut_and_an_unknown_one_is_told_which_there_are(lab: Lab) -> None:
    lab.kill("host-3")
    with pytest.raises(LabError, match=r"host-3 is not running: `flotilla lab start host-3` first"):
        lab.cut("host-3")
    lab.start("host-3")
    with pytest.raises(LabError, match="no machine host-9 in this lab: it has gateway-1, host-1, host-2, host-3"):
        lab.kill("host-9")


def test_two_labs_have_networks_of_their_own_and_a_lab_that_is_down_leaves_nothing(lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "second"
    made = Lab.up(folder, hosts=1, gateways=1, name="second")
    try:
        assert not {machine.address for machine in made.machines} & {machine.address for machine in lab.machines}
        things = parts(made)
        assert there(things) == things
        with pytest.raises(LabError, match="is there already: `flotilla lab down"):
            Lab.up(folder)
    finally:
        assert down(name="second")
    assert not there(things)
    assert not folder.exists()
    assert not down(name="second")
    assert not down(folder)
    assert lab.name in {found.name for found in labs()}


def test_what_a_crash_left_goes_without_the_folder(lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "crashed"
    code = f"from pathlib import Path; from flotilla.lab import Lab; Lab.up(Path({str(folder)!r}), hosts=2)"
    with subprocess.Popen((sys.executable, "-c", code), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as up:
        until(lambda: bool([found for found in labs() if found.directory == folder and found.machines]))
        up.kill()
    shutil.rmtree(folder)
    made = Lab.find(folder)
    things = parts(made)
    assert down(folder)
    assert not there(things)
    assert folder not in {found.directory for found in labs()}


def test_a_fleet_file_that_was_changed_stays(lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "changed"
    made = Lab.up(folder, hosts=1, gateways=1)
    with made.fleet_file.open("a") as file:
        file.write("# mine\n")
    said: list[str] = []
    down(folder, say=said.append)
    assert [path.name for path in folder.iterdir()] == ["fleet.yaml"]
    assert said[-1].endswith("since the lab did not write it so: fleet.yaml")
    with pytest.raises(LabError, match=r"holds fleet.yaml already: move that away"):
        Lab.up(folder)
    assert made.fleet_file.read_text().endswith("# mine\n")


def _network(lab: Lab, host: str) -> str:
    """All rules of a host's, and its cable."""
    rules = [lab.run(host, ("iptables", "-t", table, "-S")) for table in ("mangle", "filter", "nat")]
    return "".join((*rules, lab.run(host, ("ip", "-o", "link", "show", "eth0"))))


def _flotilla(*words: str) -> str:
    done = CliRunner().invoke(command, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout
