"""Shipments on their way in: endless new records of one customer as NDJSON, who sends them, and the floor beside it."""

from __future__ import annotations

import http.client
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import msgspec
from autoship.domain.record import Record
from serving_process import Server, remove

PATH = "/v1/shipments"


class Shipments:
    """New orders like those of ``pool``, each with an id and a time of its own, after the pool's own."""

    def __init__(self, pool: Sequence[Record]) -> None:
        self._numbers = self._endless(pool)

    def batch(self, records: int) -> bytes:
        """So many of them, one a line."""
        return b"\n".join(next(self._numbers) for _ in range(records))

    def _endless(self, pool: Sequence[Record]) -> Iterator[bytes]:
        span = pool[-1].ordered_at - pool[0].ordered_at + timedelta(hours=1)
        turn = 0
        while True:
            turn += 1
            for record in pool:
                yield msgspec.json.encode(
                    msgspec.structs.replace(
                        record,
                        order_id=f"{record.order_id}-{turn}",
                        ordered_at=record.ordered_at + turn * span,
                        shipped_at=record.known_at + turn * span,
                    )
                )


class Sent(msgspec.Struct, frozen=True):
    """Records acknowledged a second; what each cost the server; the share of one core that it used."""

    records_per_s: float
    cpu_us: float
    core: float


def send(server: Server, batches: Sequence[bytes], connections: int = 1) -> Sent:
    """Sends all of them, each once the one before on its connection was acknowledged."""
    parts = [batches[number::connections] for number in range(connections)]
    with ThreadPoolExecutor(connections) as pool:
        before, begin = server.cpu_s(), time.perf_counter()
        accepted = sum(pool.map(lambda part: _send(server.url, part), parts))
        took_s, used_s = time.perf_counter() - begin, server.cpu_s() - before
    return Sent(accepted / took_s, used_s / accepted * 1e6, used_s / took_s)


class Stream:
    """Sends batches one after the other until the end of the block, or until the server is gone."""

    def __init__(self, server: Server, shipments: Shipments, records: int) -> None:
        self.acknowledged = 0
        self.seconds = 0.0
        self._news = threading.Condition()
        self._ended = False
        self._refused: SystemExit | None = None
        self._url = server.url
        self._shipments = shipments
        self._records = records
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Stream:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        if self._refused is not None:
            raise self._refused

    def wait_for(self, records: int) -> None:
        """Returns once so many were acknowledged, or no more will be."""
        with self._news:
            self._news.wait_for(lambda: self.acknowledged >= records or self._ended)

    def _run(self) -> None:
        begin = time.perf_counter()
        try:
            while not self._over.is_set():
                accepted = _send(self._url, [self._shipments.batch(self._records)])
                with self._news:
                    self.acknowledged += accepted
                    self._news.notify_all()
        except (OSError, http.client.HTTPException):
            pass  # the server is gone
        except SystemExit as refused:
            self._refused = refused
        finally:
            self.seconds = time.perf_counter() - begin
            with self._news:
                self._ended = True
                self._news.notify_all()


def floor(batches: Iterable[bytes], file: Path) -> float:
    """The same lines into a bare table of SQLite, as text, a transaction a batch, as durably; records a second."""
    connection = sqlite3.connect(remove(file), isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE records (line TEXT)")
    begin = time.perf_counter()
    kept = 0
    for batch in batches:
        lines = batch.decode().splitlines()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO records VALUES (?)", zip(lines, strict=True))
        connection.execute("COMMIT")
        kept += len(lines)
    took_s = time.perf_counter() - begin
    connection.close()
    remove(file)
    return kept / took_s


def _send(url: str, batches: Sequence[bytes]) -> int:
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    accepted = 0
    for batch in batches:
        connection.request("POST", PATH, batch, {"Content-Type": "application/x-ndjson"})
        response = connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise SystemExit(f"{PATH} answered {response.status}: {text.decode()}")
        answer = msgspec.json.decode(text)
        if answer["rejected_total"] or answer["unchanged"] or answer["replaced"]:
            raise SystemExit(f"{PATH} did not take all records for new ones: {answer}")
        accepted += answer["accepted"]
    connection.close()
    return accepted
