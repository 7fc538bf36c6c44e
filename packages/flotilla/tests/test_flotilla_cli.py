"""The command line: how it ends, what it prints where, and that all of it is documented."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from flotilla import errors
from flotilla.cli import main
from flotilla.cli.exits import INTERRUPTED, STATUSES, told
from flotilla.cli.status import words
from flotilla.cli.voice import size
from flotilla.fleetfile import parse
from flotilla.operator.init import networks
from flotilla.operator.status import FleetStatus, GatewayLine, HostLine, ServiceLine

PAGE = (Path(__file__).parents[3] / "docs/reference/flotilla-cli.md").read_text()


def _run(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "flotilla", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, cwd=folder, check=False)


def _commands(group: click.Group, name: str = "flotilla") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        assert command is not None
        yield f"{name} {word}", command
        if isinstance(command, click.Group):
            yield from _commands(command, f"{name} {word}")


COMMANDS = dict(_commands(main))


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_and_each_of_its_flags_is_in_the_reference(name: str) -> None:
    section = re.search(rf"^#+ `{re.escape(name)}.*?`$(.*?)(?=^#+ |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section is not None, f"{name} has no section"
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Option) and parameter.name != "as_json":
            assert f"`{parameter.opts[0]}" in section[0], f"{name} {parameter.opts[0]}"
    has_json = any(parameter.name == "as_json" for parameter in COMMANDS[name].params)
    assert has_json or name.startswith("flotilla lab")


def test_all_that_is_in_the_reference_is_there() -> None:
    assert set(re.findall(r"^#+ `(flotilla(?: [a-z]+)+)", PAGE, re.MULTILINE)) == set(COMMANDS)


def test_each_exit_status_is_in_the_references_table() -> None:
    told_of = {int(number) for number in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert told_of == {0, 1, *(status for _, status in STATUSES), INTERRUPTED}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.FleetFileError("fleet.yaml:1: wrong"), 2),
        (errors.Unreachable("10.0.0.1", "no way"), 3),
        (errors.RemoteErrors([errors.Unreachable("10.0.0.1", "no way")]), 3),
        (errors.ChecksFailed(["one", "two"]), 4),
        (errors.Stopped("here"), 5),
        (errors.NotInTime("late"), 6),
        (errors.Refused("no"), 7),
        (errors.LabError("no lab"), 8),
        (errors.GossipError("else"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_kind_of_error_has_its_exit_status(error: BaseException, status: int) -> None:
    with pytest.raises(SystemExit) as ended, told():
        raise error
    assert ended.value.code == status


def test_problems_are_told_on_stderr_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text("fleet: x\ngatways: []\n")
    done = _run("status", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "gateways" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_fleet_file_to_begin_with_is_right_and_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    arguments = ["--fleet", str(path), "init", "--name", "shop", "--gateway", "10.0.0.10", "--host", "10.0.0.21"]
    done = CliRunner().invoke(main, [*arguments, "--json"])
    assert json.loads(done.stdout) == {"file": str(path)}
    written = path.read_text()
    fleet = parse(written, tmp_path)
    assert (fleet.name, fleet.gateways, fleet.hosts, fleet.admit) == (
        "shop", ("10.0.0.10",), ("10.0.0.21",), ("10.0.0.0/24",),
    )  # fmt: skip
    again = CliRunner().invoke(main, arguments)
    assert (again.exit_code, path.read_text()) == (7, written)


def test_a_fleet_file_that_would_be_wrong_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    arguments = ["--fleet", str(path), "init", "--gateway", "10.0.0.10", "--host", "fd00::21"]
    done = CliRunner().invoke(main, arguments)
    assert (done.exit_code, path.exists()) == (2, False)


def test_what_the_first_fleet_file_has_in_comments_is_right_too(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    CliRunner().invoke(main, ["--fleet", str(path), "init", "--gateway", "fd00::10", "--host", "fd00::21"])
    text = re.sub(r"^# ((?:ssh|registry|services|  ).*)$", r"\1", path.read_text(), flags=re.MULTILINE)
    fleet = parse(text, tmp_path)
    assert [service.name for service in fleet.services] == ["hello"]
    assert fleet.ssh.user == "deploy"


def test_networks_of_machines_are_named_once() -> None:
    assert networks(["10.0.0.10", "10.0.0.21", "10.0.1.5", "fd00::1"]) == [
        "10.0.0.0/24", "10.0.1.0/24", '"fd00::/64"',
    ]  # fmt: skip


def test_ctrl_c_ends_in_order(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        (tmp_path / "fleet.yaml").write_text(
            f"fleet: x\ngateways: [127.0.0.1]\nhosts: [127.0.0.2]\nadmit: [127.0.0.0/24]\nssh: {{port: {port}}}\n"
        )
        argv = [sys.executable, "-m", "flotilla", "status"]
        process = subprocess.Popen(argv, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        silent.settimeout(20)
        connection, _ = silent.accept()  # ssh waits for a word of the server
        os.kill(process.pid, signal.SIGINT)
        begin = time.monotonic()
        out, said = process.communicate(timeout=20)
        connection.close()
    assert (process.returncode, out, said) == (INTERRUPTED, "", "flotilla: interrupted\n")
    assert time.monotonic() - begin < 5


def test_the_screen_of_a_fleet() -> None:
    found = FleetStatus(
        fleet="shop",
        gateways=(GatewayLine(address="10.0.0.10", state="serves", generation=7, rate=120),),
        hosts=(
            HostLine(address="10.0.0.21", member="alive", in_file=True, generation=7),
            HostLine(
                address="10.0.0.24", member="failed", in_file=False, drained=True, drift=("web: 0 of 2 copies run",)
            ),
        ),
        services=(
            ServiceLine(
                name="web", wanted_version="2", versions={"1": 2, "2": 4}, ready=6, wanted=6, rate=120, sessions=3
            ),
        ),
        warnings=("gateway 10.0.0.11: its status page answers 503",),
    )
    assert (
        words(found)
        == """\
fleet shop

gateway    generation  requests/s
10.0.0.10  7           120         serves

host       member  generation
10.0.0.21  alive   7
10.0.0.24  failed  -           drained; not in the file; web: 0 of 2 copies run

service  version                   in rotation  requests/s  in flight  waiting
web      2 (runs 2 of 1, 4 of 2)  6/6          120         3          0

warning: gateway 10.0.0.11: its status page answers 503""".replace(
            "version                 ", "version                "
        )
    )


@pytest.mark.parametrize(("count", "shown"), [(0, "0 B"), (2048, "2.0 kB"), (181_000_000, "172.6 MB")])
def test_sizes_are_shown_short(count: int, shown: str) -> None:
    assert size(count) == shown
