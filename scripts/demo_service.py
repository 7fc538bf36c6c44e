"""``autoship serve`` as a process of its own, and what the demo asks of it over HTTP."""

from __future__ import annotations

import http.client
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import click
import msgspec
from autoship.domain.record import Record

AUTOSHIP = str(Path(sys.executable).with_name("autoship"))
START_S = 60
STOP_S = 30


class Service:
    """Runs from its ready line to the end of the block; must end with status 0."""

    def __init__(self, history: str, log: Path) -> None:
        command = [AUTOSHIP, "serve", "--port", "0", "--history", history]
        self._log = log
        self._urls: queue.Queue[str | None] = queue.Queue()
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Service:
        try:
            url = self._urls.get(timeout=START_S)
            if url is None:
                raise click.ClickException(f"the service did not start: {self._log.read_text()}")
            self._connection = http.client.HTTPConnection(str(urlsplit(url).hostname), urlsplit(url).port, timeout=60)
            self.get("/readyz")
        except BaseException:
            self._process.kill()
            raise
        click.echo(f"2. The service: `autoship serve` answers at {url}.")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()
        self._process.terminate()
        try:
            status = self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        self._reader.join()
        if status and kind is None:
            raise click.ClickException(f"the service ended with status {status}: see {self._log}")

    def predict(self, record: Record) -> dict[str, Any]:
        """What the service says of an order that was just placed. It is not told how the order was shipped."""
        fields = ("customer_id", "order_id", "ordered_at", "order")
        return self._ask("POST", "/v1/prediction", {name: getattr(record, name) for name in fields})

    def ship(self, records: Sequence[Record]) -> None:
        """Sends in what was shipped."""
        answer = self._ask("POST", "/v1/shipments", records)
        if answer["rejected"]:
            raise click.ClickException(f"the service refused a record: {answer['rejected'][0]}")

    def get(self, path: str) -> dict[str, Any]:
        return self._ask("GET", path)

    def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        data = None if body is None else msgspec.json.encode(body)
        self._connection.request(method, path, data, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise click.ClickException(f"{method} {path} answered {response.status}: {text.decode()}")
        answer: dict[str, Any] = msgspec.json.decode(text)
        return answer

    def _read(self) -> None:
        """Keeps the service's output in the log, and hands on the address of its ready line."""
        assert self._process.stdout is not None
        with self._log.open("w") as log:
            for line in self._process.stdout:
                log.write(line)
                log.flush()
                if found := re.search(r"http://[\w.:\[\]-]+", line):
                    self._urls.put(found.group())
        self._urls.put(None)
