"""The commands as somebody types them: what they print, how they end, and what is left when they are killed."""

from __future__ import annotations

import contextlib
import gzip
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from autoship.configuration import SETTINGS
from autoship_samples import GROUND, line, record, records

AUTOSHIP = [sys.executable, "-c", "from autoship.cli import main; main(prog_name='autoship')"]


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*AUTOSHIP, *arguments], cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60
    )


@contextlib.contextmanager
def serve(cwd: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    command = [*AUTOSHIP, "serve", "--port", "0", *arguments]
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            assert ready.startswith("autoship listens on http://127.0.0.1:"), process.stderr and process.stderr.read()
            with httpx.Client(base_url=ready.split()[-1], timeout=20) as client:
                yield process, client
        finally:
            process.kill()


def known(client: httpx.Client, customer_id: str = "acme") -> int:
    response = client.get(f"/v1/customers/{customer_id}")
    return int(response.json()["orders"]) if response.status_code == 200 else 0


def test_help_names_each_command_and_imports_none(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom autoship.cli import main\n"
        "print(CliRunner().invoke(main, ['--help']).output)\n"
        "print(sorted({'uvicorn', 'sqlite3', 'starlette', 'autoship.service', 'autoship.replay'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert all(f"\n  {name} " in shown for name in ("import", "replay", "serve"))
    assert shown.rstrip().endswith("[]")


def test_help_of_serve_names_each_setting_its_variable_and_its_default(tmp_path: Path) -> None:
    shown = " ".join(run("serve", "--help", cwd=tmp_path).stdout.split())
    for setting in SETTINGS:
        assert (f"{setting.flag} {setting.metavar}" in shown) is not setting.secret
        assert (f"[{setting.variable}; default: {setting.default}]" in shown) is not setting.secret


def test_a_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    ended = run("sreve", cwd=tmp_path)
    assert ended.returncode == 2
    assert "No such command 'sreve'" in ended.stderr


def test_serve_tells_every_problem_of_its_configuration_before_it_opens_anything(tmp_path: Path) -> None:
    ended = run("serve", "--port", "x", cwd=tmp_path, AUTOSHIP_HSTORY="memory:")
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        "autoship: AUTOSHIP_HSTORY is not known: did you mean AUTOSHIP_HISTORY?",
        "autoship: --port is a port from 0 to 65535, 0 for any that is free",
    ]
    assert list(tmp_path.iterdir()) == []


def test_serve_on_a_port_in_use_ends_with_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        ended = run("serve", "--port", port, cwd=tmp_path)
    assert ended.returncode == 4
    assert ended.stderr == f"autoship: cannot listen on 127.0.0.1 port {port}: Address already in use\n"


@pytest.mark.parametrize(
    ("history", "told"),
    [("sqlite:///nowhere/a.db", "there is no folder"), ("sqlite:///text.db", "no SQLite database")],
)
def test_serve_on_a_history_it_cannot_use_ends_with_one_line(tmp_path: Path, history: str, told: str) -> None:
    (tmp_path / "text.db").write_text("no database\n" * 1_000)
    ended = run("serve", "--port", "0", "--history", history, cwd=tmp_path)
    assert ended.returncode == 3
    assert ended.stderr.count("\n") == 1
    assert told in ended.stderr


def test_a_second_server_and_an_import_on_the_same_history_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(line(record(1)))
    with serve(tmp_path) as (process, _):
        for command in (["serve", "--port", "0"], ["import", "a.ndjson"]):
            ended = run(*command, cwd=tmp_path)
            assert ended.returncode == 3
            assert f"another process has it open (process {process.pid})" in ended.stderr


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_keeps_everything_and_ends_with_0(tmp_path: Path, stop: signal.Signals) -> None:
    with serve(tmp_path) as (process, client):
        client.post("/v1/shipments", content=b"".join(map(line, records(20))))
        client.post("/v1/prediction", json={"customer_id": "acme", "order_id": "next", "order": {}})
        process.send_signal(stop)
        out, errors = process.communicate(timeout=20)
        assert (process.returncode, errors) == (0, "")
        assert f"{stop.name} came" in out.splitlines()[0]
        assert out.splitlines()[-1].endswith("stopped")
    with serve(tmp_path) as (_, client):
        assert known(client) == 20
    with contextlib.closing(sqlite3.connect(tmp_path / "autoship.db")) as file:
        assert file.execute("SELECT order_id FROM predictions").fetchall() == [("next",)]
        assert file.execute("SELECT seq FROM snapshots").fetchall() == [(20,)]


def test_what_is_under_way_is_answered_before_it_stops(tmp_path: Path) -> None:
    with serve(tmp_path) as (process, client):
        half = b"".join(map(line, records(3)))

        def slowly() -> Iterator[bytes]:
            yield half
            known(client)
            process.send_signal(signal.SIGTERM)
            while listening(client):
                pass
            yield b"".join(line(record(n, at=n)) for n in range(4, 7))

        with httpx.Client(base_url=client.base_url, timeout=20) as other:
            taken = other.post("/v1/shipments", content=slowly()).json()
        assert taken["accepted"] == 6
        assert process.wait(timeout=20) == 0


def listening(client: httpx.Client) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=1).close()
        return True
    return False


def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    with serve(tmp_path) as (process, client):
        for n in range(1, 30):
            assert client.post("/v1/shipments", content=line(record(n, at=n))).json()["accepted"] == 1
        client.post("/v1/shipments", content=line(record(7, at=7, shipment=GROUND)))
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=20)
    with serve(tmp_path) as (_, client):
        assert known(client) == 29
        again = client.post("/v1/shipments", content=line(record(7, at=7, shipment=GROUND))).json()
        assert again["unchanged"] == 1


def test_import_takes_in_plain_and_gzipped_files_and_may_be_repeated(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(b"\xef\xbb\xbf" + b"\n".join(map(line, records(30))))
    (tmp_path / "b.ndjson.gz").write_bytes(gzip.compress(b"".join(map(line, records(20, "other")))))
    first, again = (run("import", "a.ndjson", "b.ndjson.gz", cwd=tmp_path) for _ in range(2))
    assert (first.returncode, again.returncode) == (0, 0)
    assert first.stdout == "50 accepted, 0 unchanged, 0 replaced, 0 rejected\n"
    assert again.stdout == "0 accepted, 50 unchanged, 0 replaced, 0 rejected\n"
    with serve(tmp_path) as (_, client):
        assert (known(client), known(client, "other")) == (30, 20)


def test_import_learns_what_it_took_in_unless_told_otherwise(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(b"".join(map(line, records(30))))
    (tmp_path / "b.ndjson").write_bytes(b"".join(map(line, records(20, "other"))))
    assert run("import", "--no-learn", "b.ndjson", cwd=tmp_path).returncode == 0
    assert run("import", "a.ndjson", cwd=tmp_path).returncode == 0
    with serve(tmp_path) as (_, client):
        listed = client.get("/v1/customers").json()["customers"]
        assert [(one["customer_id"], one["orders"], one["predicted"]) for one in listed] == [
            ("acme", 30, 25),
            ("other", 20, None),
        ]


def test_import_tells_each_bad_line_by_its_place_and_keeps_the_others(tmp_path: Path) -> None:
    good, other = line(record(1)), line(record(2))
    long = line(record(3, order={"text": "x" * 2**21}))
    (tmp_path / "a.ndjson").write_bytes(good + b"\n{\n" + line(record(4), shipment={}) + long + other)
    ended = run("import", "a.ndjson", cwd=tmp_path)
    assert ended.returncode == 1
    assert [told.split(": ")[0] for told in ended.stderr.splitlines() if "a.ndjson" in told] == [
        "a.ndjson:3",
        "a.ndjson:4",
        "a.ndjson:5",
    ]
    assert "a.ndjson:4: shipment: has 1 to 8 fields" in ended.stderr
    assert ended.stdout == "2 accepted, 0 unchanged, 0 replaced, 3 rejected\n"


def test_import_never_shows_a_terminal_what_it_would_obey(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(b'{"\\u001b[2J\\r\\u202e":1}\n' + line(record(1), shipment={"\x1b]0;": []}))
    ended = run("import", "a.ndjson", cwd=tmp_path)
    assert ended.returncode == 1
    assert r"a.ndjson:1: \x1b[2J\r\u202e: is not known" in ended.stderr
    assert all(text.isprintable() for text in ended.stderr.splitlines() if "a.ndjson" in text)


def test_import_of_a_file_that_ends_in_the_middle_keeps_what_came_before(tmp_path: Path) -> None:
    packed = gzip.compress(b"".join(line(record(n, at=n, order={"n": os.urandom(50).hex()})) for n in range(2_000)))
    (tmp_path / "a.ndjson.gz").write_bytes(packed[: len(packed) // 2])
    ended = run("import", "a.ndjson.gz", cwd=tmp_path)
    assert ended.returncode == 1
    assert "the file cannot be read from here on" in ended.stderr
    assert ended.stdout.split()[0] not in ("0", "2,000")


def test_import_keeps_the_last_line_of_an_order_in_whichever_file(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(line(record(1)) + line(record(2)))
    (tmp_path / "b.ndjson").write_bytes(line(record(1, shipment=GROUND, took=-1)))
    ended = run("import", "a.ndjson", "b.ndjson", cwd=tmp_path)
    assert ended.stdout == (
        "2 accepted, 0 unchanged, 0 replaced, 1 superseded by a later line of the same order, 0 rejected\n"
    )
    again = run("import", "b.ndjson", cwd=tmp_path)
    assert again.stdout == "0 accepted, 1 unchanged, 0 replaced, 0 rejected\n"


def test_import_into_a_history_it_cannot_use_ends_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(line(record(1)))
    ended = run("import", "a.ndjson", "--history", "sqlite:///nowhere/a.db", cwd=tmp_path)
    assert ended.returncode == 3
    assert "Traceback" not in ended.stderr
