"""The service over SQLite files in every kind of trouble: a named error at the start, or 503 with when to try again.
What is in memory goes on predicting, what was acknowledged stays, and what mends by itself needs no restart."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from autoship.adapters.sqlite import SqliteHistory
from autoship.errors import HistoryError
from autoship.ports import Snapshot
from autoship_samples import GROUND, PRIORITY, line, record, records, served
from hostile_server import AUTOSHIP, Server, serving

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="a mount needs root")


def ended(folder: Path) -> tuple[int, str]:
    """The exit status of ``autoship serve``, which is not to start, and what it says. Permissions bind root, too."""
    bound = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    command = [*bound, *AUTOSHIP, "serve", "--port", "0"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    return done.returncode, done.stderr


def take(server: Server, *numbers: int, customer_id: str = "acme", status: int = 200) -> None:
    """Sends records in; where that is to fail, it says when to try again."""
    body = b"".join(line(record(n, customer_id, at=n)) for n in numbers)
    response = server.client.post("/v1/shipments", content=body)
    assert response.status_code == status, response.text
    if status == 503:
        assert int(response.headers["retry-after"]) > 0
        assert response.json()["type"].startswith("urn:autoship:problem:history-un")


def predicted(server: Server, customer_id: str = "acme") -> list[str]:
    """Predicts, which goes on; gives what is degraded."""
    body = {"customer_id": customer_id, "order_id": "next", "order": {"total": 41.5}}
    response = server.client.post("/v1/prediction", json=body)
    assert response.status_code == 200, response.text
    assert response.json()["shipment"] == PRIORITY
    degraded: list[str] = response.json()["degraded"]
    return degraded


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history of 200 orders of one customer, and 200 of another."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "a.ndjson").write_bytes(b"".join(map(line, [*records(200), *records(200, "other")])))
    subprocess.run([*AUTOSHIP, "import", "a.ndjson"], cwd=folder, check=True, capture_output=True)
    return folder / "autoship.db"


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A folder with a copy of it."""
    shutil.copy(made, tmp_path)
    return tmp_path


# at the start


def sampled(count: int, *, of: int) -> list[object]:
    """So many seeds for every run of the tests, and the others for the long one."""
    return [*range(count), *(pytest.param(n, marks=pytest.mark.faults) for n in range(count, of))]


def damage(at: int, length: int) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(at)
            file.write(random.Random(at).randbytes(length))

    return apply


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (damage(0, 16), "no SQLite database"),
        (damage(0, 100), "no SQLite database"),
        (damage(16, 84), "autoship.db"),
        (damage(100, 3_996), "damaged"),
        (lambda path: os.truncate(path, 50), "damaged"),
        (lambda path: os.truncate(path, 1_000), "damaged"),
        (lambda path: os.truncate(path, path.stat().st_size // 2), "damaged"),
        (lambda path: path.unlink() or path.mkdir(), "is a folder"),
    ],
)
def test_a_file_that_is_broken_at_its_head_is_named_at_the_start(
    folder: Path, harm: Callable[[Path], None], told: str
) -> None:
    harm(folder / "autoship.db")
    status, said = ended(folder)
    assert status == 3
    assert told in said


@pytest.mark.parametrize("place", [0.3, 0.6])
def test_a_file_that_is_broken_further_on_serves_what_it_can(folder: Path, place: float) -> None:
    size = (folder / "autoship.db").stat().st_size
    damage(int(size * place) // 4_096 * 4_096, 16_384)(folder / "autoship.db")
    with serving(folder) as server:
        for path in ("/v1/customers/acme", "/v1/customers/other"):
            response = server.client.get(path)
            assert response.status_code in (200, 503)
            assert response.status_code == 200 or response.headers["retry-after"]
        assert server.client.get("/readyz").status_code == 200
        assert server.stop() == 0


@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "told"),
    [(0o500, None, "its lock"), (0o700, 0o000, "cannot be opened"), (0o700, 0o400, "cannot be written")],
)
def test_what_may_not_be_opened_or_written_is_named_at_the_start(
    folder: Path, folder_mode: int, file_mode: int | None, told: str
) -> None:
    if file_mode is None:
        (folder / "autoship.db.lock").unlink(missing_ok=True)
    else:
        (folder / "autoship.db").chmod(file_mode)
    folder.chmod(folder_mode)
    try:
        status, said = ended(folder)
    finally:
        folder.chmod(0o700)
    assert status == 3
    assert told in said


@pytest.mark.parametrize("left", [b"", b"garbage" * 10_000, None])
def test_a_write_ahead_log_that_is_garbage_or_gone_leaves_a_history_as_it_was_before(
    folder: Path, left: bytes | None
) -> None:
    with serving(folder) as server:
        take(server, 201)
        server.kill()
    log = folder / "autoship.db-wal"
    assert log.exists()
    log.unlink() if left is None else log.write_bytes(left)
    with serving(folder) as server:
        assert server.known("acme") == 200
        take(server, 201, 202)
        assert server.known("acme") == 202


@pytest.mark.parametrize("seed", sampled(12, of=200))
async def test_damage_anywhere_is_named_and_nothing_else_is_raised(tmp_path: Path, seed: int) -> None:
    luck = random.Random(seed)
    path = tmp_path / "a.db"
    history = SqliteHistory(path)
    for customer_id in ("a", "b"):
        await history.append(customer_id, records(150, customer_id))
        await history.keep_predictions([served(n, customer_id, at=n) for n in range(50)])
        await history.save_snapshot(customer_id, Snapshot(150, 0, luck.randbytes(9_000)))
    await history.close()
    data = bytearray(path.read_bytes())
    for _ in range(luck.randint(1, 20)):
        start = luck.choice([luck.randrange(len(data)), luck.randrange(8_192)])
        data[start : start + 1] = luck.randbytes(1)
    pages = [luck.randrange(len(data) // 4_096) * 4_096 for _ in range(2)]
    if seed % 2:
        data[pages[0] : pages[0] + 4_096] = data[pages[1] : pages[1] + 4_096]
    path.write_bytes(data if seed % 5 else data[: luck.randrange(len(data))])
    with contextlib.suppress(HistoryError):
        history = SqliteHistory(path)
        for customer_id in ("a", "b"):
            for call in (
                history.read(customer_id),
                history.load_snapshot(customer_id),
                history.find_answer(customer_id, "7"),
                history.find_record(customer_id, "7"),
                history.load_settings(customer_id),
                history.list_customers(None, 10),
                history.append(customer_id, [record(7, customer_id, shipment=GROUND), record(500, customer_id)]),
                history.keep_predictions([served(9, customer_id, at=900)]),
            ):
                with contextlib.suppress(HistoryError):
                    await call
        await history.close()


# while it runs


def test_what_another_process_has_locked_for_long_works_again_when_it_lets_go(folder: Path) -> None:
    with serving(folder) as server:
        assert predicted(server) == []
        other = sqlite3.connect(folder / "autoship.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        waiting = threading.Thread(target=take, args=(server, 201), kwargs={"status": 503})
        waiting.start()
        predicted(server)
        waiting.join()
        assert predicted(server) == ["history_away"]
        assert server.client.get("/readyz").json()["history"]["state"] == "away"
        other.execute("ROLLBACK")
        other.close()
        take(server, 201)
        assert predicted(server) == []
        assert server.known("acme") == 201


@as_root
@pytest.mark.parametrize("new", [True, False])
def test_a_disk_that_is_full_is_named_at_the_start(folder: Path, *, new: bool) -> None:
    with mounted(folder) as place:
        if not new:
            shutil.copy(folder / "autoship.db", place)
        fill(place)
        status, said = ended(place)
        assert status == 3
        assert "disk" in said


@contextlib.contextmanager
def mounted(folder: Path) -> Iterator[Path]:
    """A file system of 4 MiB in ``folder``."""
    place = folder / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> Path:
    """A file that takes all the room there is."""
    filler = place / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(b"x" * 4_096) == 4_096:
            pass
    return filler


@as_root
def test_a_full_disk_works_again_when_there_is_room(tmp_path: Path) -> None:
    with mounted(tmp_path) as place, serving(tmp_path, "--history", "sqlite:///small/autoship.db") as server:
        take(server, *range(50))
        assert predicted(server) == []
        filler = fill(place)
        kept = 50
        while kept < 20_000:
            body = b"".join(line(record(n, at=n)) for n in range(kept, kept + 100))
            if server.client.post("/v1/shipments", content=body).status_code == 503:
                break
            kept += 100
        take(server, *range(kept, kept + 100), status=503)
        assert predicted(server) == ["history_away"]
        assert server.known("acme") == kept
        filler.unlink()
        take(server, *range(kept, kept + 100))
        server.until(lambda: predicted(server) == [])
        server.kill()
        with serving(tmp_path, "--history", "sqlite:///small/autoship.db") as again:
            assert again.known("acme") == kept + 100


@pytest.mark.parametrize(
    ("name", "replaced"),
    [
        ("autoship.db", True),
        ("autoship.db-wal", False),
        pytest.param("autoship.db", False, marks=pytest.mark.faults),
        pytest.param("autoship.db-wal", True, marks=pytest.mark.faults),
    ],
)
def test_nothing_is_acknowledged_into_a_file_that_was_removed_or_replaced(
    folder: Path, name: str, replaced: bool
) -> None:
    with serving(folder) as server:
        take(server, 201)
        assert predicted(server) == []
        (folder / name).rename(folder / "aside")
        if replaced:
            shutil.copy(folder / "aside", folder / name)
        take(server, 202, status=503)
        take(server, 203, status=503)
        assert predicted(server) == ["history_away"]
        assert server.client.get("/readyz").status_code == 200
        assert "was removed or replaced" in server.client.get("/readyz").json()["history"]["detail"]
        (folder / "aside").replace(folder / name)
        take(server, 202, 203)
        assert predicted(server) == []
        server.kill()
    with serving(folder) as server:
        assert server.known("acme") == 203


def test_damage_that_comes_while_it_runs_leaves_what_is_in_memory_predicting(folder: Path) -> None:
    with serving(folder) as server:
        assert predicted(server) == []
        size = (folder / "autoship.db").stat().st_size
        damage(4_096, size - 4_096)(folder / "autoship.db")
        response = server.client.get("/v1/customers/other")
        assert response.status_code == 503
        assert response.headers["retry-after"]
        take(server, 999, status=503)
        assert predicted(server) == ["history_away"]
        assert server.stop() == 0


# killed


@pytest.mark.parametrize("seed", sampled(2, of=20))
def test_what_was_acknowledged_survives_a_kill_in_the_middle_of_streams(tmp_path: Path, seed: int) -> None:
    luck = random.Random(seed)
    kill_after = luck.randint(1, 120)
    acknowledged: dict[str, int] = {}
    enough = threading.Event()
    with serving(tmp_path) as server:
        workers = [
            threading.Thread(target=stream, args=(server, name, acknowledged, enough, kill_after)) for name in "abc"
        ]
        for worker in workers:
            worker.start()
        assert enough.wait(60)
        server.process.kill()
        for worker in workers:
            worker.join()
    assert sum(acknowledged.values()) > 0
    with serving(tmp_path) as server:
        for name, count in acknowledged.items():
            assert server.known(name) >= count
            again = server.client.post("/v1/shipments", content=b"".join(map(line, records(count, name)))).json()
            assert (again["unchanged"], again["accepted"], again["replaced"]) == (count, 0, 0)


def stream(server: Server, name: str, acknowledged: dict[str, int], enough: threading.Event, most: int) -> None:
    """Sends a customer's records in, a few at a time, until the server is gone; says how many were acknowledged."""
    sent = records(3_000, name)
    luck = random.Random(name)
    count = 0
    with contextlib.suppress(OSError, ValueError):
        while count < len(sent):
            few = sent[count : count + luck.randint(1, 30)]
            assert server.post("/v1/shipments", b"".join(map(line, few))).body["accepted"] == len(few)
            count += len(few)
            acknowledged[name] = count
            if sum(acknowledged.copy().values()) >= most:
                enough.set()
    enough.set()


@pytest.mark.parametrize("seed", sampled(2, of=20))
def test_an_import_that_is_killed_anywhere_may_be_repeated(tmp_path: Path, seed: int) -> None:
    luck = random.Random(seed)
    customers = 20
    lines = [line(record(n, f"c{c}", at=n)) for c in range(customers) for n in range(200)]
    (tmp_path / "a.ndjson").write_bytes(b"".join(lines))
    path = tmp_path / "autoship.db"
    wanted = luck.randint(0, 1_500_000)
    command = [*AUTOSHIP, "import", "a.ndjson"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as importing:
        while importing.poll() is None and written(path) <= wanted:
            pass
        importing.kill()
    kept = orders_in(path)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == f"{len(lines) - kept:,} accepted, {kept:,} unchanged, 0 replaced, 0 rejected\n"
    assert orders_in(path) == len(lines)
    with contextlib.closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def written(path: Path) -> int:
    """Bytes in a history and its log, -1 before it is there."""
    sizes = [one.stat().st_size for one in (path, path.with_name(path.name + "-wal")) if one.exists()]
    return sum(sizes) if sizes else -1


def orders_in(path: Path) -> int:
    if not path.exists():
        return 0
    with contextlib.closing(sqlite3.connect(path)) as file:
        if not file.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'log'").fetchone()[0]:
            return 0
        return int(file.execute("SELECT count(*) FROM log").fetchone()[0])
