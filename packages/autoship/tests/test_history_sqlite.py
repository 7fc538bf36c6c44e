"""The embedded history in trouble: locked, full, damaged, of another make, and after its process was killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from autoship.adapters.sqlite import SqliteHistory, schema
from autoship.adapters.sqlite.errors import MEANINGS, translate
from autoship.errors import HistoryError, HistoryInUse, HistoryUnavailable, HistoryUnusable
from autoship_samples import record, records


@contextlib.asynccontextmanager
async def opened(path: Path, busy_timeout_s: float = 5) -> AsyncIterator[SqliteHistory]:
    history = SqliteHistory(path, busy_timeout_s=busy_timeout_s)
    try:
        yield history
    finally:
        await history.close()


def codes() -> list[int]:
    return sorted(getattr(sqlite3, name) for name in PRIMARY)


PRIMARY = {
    f"SQLITE_{name}"
    for name in (
        *("ERROR", "INTERNAL", "PERM", "ABORT", "BUSY", "LOCKED", "NOMEM", "READONLY", "INTERRUPT", "IOERR", "CORRUPT"),
        *("NOTFOUND", "FULL", "CANTOPEN", "PROTOCOL", "EMPTY", "SCHEMA", "TOOBIG", "CONSTRAINT", "MISMATCH", "MISUSE"),
        *("NOLFS", "AUTH", "FORMAT", "RANGE", "NOTADB"),
    )
}
"""https://www.sqlite.org/rescode.html, but for those that are no errors."""


def test_every_code_of_sqlite_has_a_meaning() -> None:
    assert sorted(MEANINGS) == codes()


@pytest.mark.parametrize("code", [*codes(), 266, 522, 2**31 - 1, None])
def test_every_error_of_the_driver_is_translated(code: int | None) -> None:
    for kind in (sqlite3.Error, sqlite3.OperationalError, sqlite3.DatabaseError, sqlite3.ProgrammingError):
        error = kind("said the driver")
        if code is not None:
            error.sqlite_errorcode = code
        translated = translate(error, "some.db")
        assert isinstance(translated, HistoryUnavailable | HistoryUnusable)
        assert "some.db" in str(translated)
        assert "said the driver" in str(translated)


async def test_a_second_opening_of_one_file_is_refused_until_the_first_one_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with opened(path):
        with pytest.raises(HistoryInUse, match=f"process {os.getpid()}"):
            SqliteHistory(path)
    async with opened(path) as history:
        await history.append("acme", records(1))


async def test_what_another_process_has_locked_is_unavailable_and_works_afterwards(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", busy_timeout_s=0.05) as history:
        await history.append("acme", records(1))
        other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(HistoryUnavailable, match="locked"):
            await history.append("acme", records(2))
        assert history.trouble is not None
        assert len((await history.read("acme")).entries) == 1
        other.execute("ROLLBACK")
        other.close()
        assert (await history.append("acme", records(2))).accepted == 1
        assert history.trouble is None


@pytest.fixture
def small_files() -> Iterator[None]:
    """This process can make no file larger than 256 KiB, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


async def test_a_probe_finds_out_that_a_locked_file_can_be_written_again(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", busy_timeout_s=0.05) as history:
        with contextlib.closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(HistoryUnavailable, match="locked"):
                await history.probe()
            assert "locked" in str(history.trouble)
        await history.probe()
        assert history.trouble is None


async def probe_often(history: SqliteHistory) -> None:
    for _ in range(1_000):
        await history.probe()


async def test_a_probe_of_a_full_disk_fails_and_changes_nothing(tmp_path: Path, small_files: None) -> None:
    async with opened(tmp_path / "a.db") as history:
        await history.append("acme", records(3))
        with pytest.raises(HistoryUnavailable):
            await probe_often(history)
        assert history.trouble is not None
        assert len((await history.read("acme")).entries) == 3
    async with opened(tmp_path / "a.db") as history:
        assert len((await history.read("acme")).entries) == 3


@pytest.mark.usefixtures("small_files")
async def test_a_full_disk_is_unavailable_and_what_was_kept_stays(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as history:
        await history.append("acme", records(3))
        with pytest.raises(HistoryUnavailable):
            await history.append("acme", records(5_000))
        assert len((await history.read("acme")).entries) == 3


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(HistoryUnusable, match="there is no folder"):
        SqliteHistory(tmp_path / "nowhere" / "a.db")
    with pytest.raises(HistoryUnusable, match="is a folder"):
        SqliteHistory(tmp_path)


async def test_what_is_no_database_is_unusable(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"orders of last year\n" * 1_000)
    with pytest.raises(HistoryUnusable, match="no SQLite database"):
        SqliteHistory(path)
    assert path.read_bytes().startswith(b"orders of last year")


async def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as other:
        other.execute("CREATE TABLE theirs (x)")
    with pytest.raises(HistoryUnusable, match="another program"):
        SqliteHistory(tmp_path / "a.db")


@pytest.mark.parametrize(
    ("version", "problem"), [(schema.VERSION + 1, "newer autoship"), (schema.VERSION - 1, "older autoship")]
)
async def test_a_file_of_another_version_is_refused_and_left_alone(tmp_path: Path, version: int, problem: str) -> None:
    path = tmp_path / "a.db"
    async with opened(path):
        pass
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(HistoryUnusable, match=problem):
        SqliteHistory(path)
    with contextlib.closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA user_version").fetchone() == (version,)


async def test_damage_in_the_middle_of_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with opened(path) as history:
        await history.append("acme", records(2_000))
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * (size - 8192))
    with pytest.raises(HistoryUnusable):
        async with opened(path) as history:
            await history.read("acme")


async def test_appends_that_come_together_are_each_whole_or_not_at_all(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as history:
        unkeepable = record(1, "bad", order={"a": 2**70})
        outcomes = await asyncio.gather(
            *(history.append(f"c{n}", [record(m, f"c{n}") for m in range(3)]) for n in range(20)),
            history.append("bad", [record(0, "bad"), unkeepable]),
            *(history.append(f"c{n}", [record(m, f"c{n}") for m in range(4)]) for n in range(20)),
            return_exceptions=True,
        )
        assert [type(one).__name__ for one in outcomes].count("Appended") == 40
        assert isinstance(outcomes[20], Exception)
        assert (await history.read("bad")).entries == ()
        for n in range(20):
            assert [entry.seq for entry in (await history.read(f"c{n}")).entries] == [1, 2, 3, 4]


async def test_a_closed_history_is_unavailable(tmp_path: Path) -> None:
    history = SqliteHistory(tmp_path / "a.db")
    await history.close()
    with pytest.raises(HistoryError):
        await history.append("acme", records(1))


APPEND_FOREVER = """
import asyncio, sys
from pathlib import Path
from autoship_samples import record
from autoship.adapters.sqlite import SqliteHistory

async def run(path):
    history = SqliteHistory(path)
    n = 0
    while True:
        await history.append("acme", [record(n + m, at=n + m) for m in range(3)])
        n += 3
        print(n, flush=True)

asyncio.run(run(Path(sys.argv[1])))
"""


def killed(path: Path) -> int:
    """Has a process append to ``path`` and kills it; gives how many records it had acknowledged."""
    command = [sys.executable, "-c", APPEND_FOREVER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent) as writer:
        assert writer.stdout is not None
        for _ in range(20):
            acknowledged = int(writer.stdout.readline())
        writer.kill()
        return max([acknowledged, *map(int, writer.stdout.read().splitlines())])


async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    acknowledged = killed(tmp_path / "a.db")
    async with opened(tmp_path / "a.db") as history:
        kept = (await history.read("acme")).entries
        assert len(kept) >= acknowledged
        assert len(kept) % 3 == 0
        assert [entry.record.order_id for entry in kept] == [str(n) for n in range(len(kept))]
