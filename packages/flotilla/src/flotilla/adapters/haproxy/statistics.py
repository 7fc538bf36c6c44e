"""HAProxy's ``show stat`` (CSV) and ``show proc`` as values."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from flotilla.domain.load import Load, Part
from flotilla.errors import ProxyError

STAT = "show stat -1 7 -1"
OTHER_STAT = "show stat -1 3 -1"
SERVER_STAT = "show stat -1 4 -1"
_PARTS = {"0": Part.FRONTEND, "1": Part.BACKEND, "2": Part.SERVER}


def loads(text: str) -> Iterator[Load]:
    """Each row of an answer to `STAT`. Raises `ProxyError` where it is not one."""
    lines = text.splitlines()
    if not lines or not lines[0].startswith("# "):
        raise ProxyError(f"not an answer to {STAT}: {text[:200].strip()!r}")
    columns = {name: place for place, name in enumerate(lines[0][2:].split(","))}
    try:
        for row in csv.reader(lines[1:]):
            if row:
                yield _load(row, columns)
    except (KeyError, IndexError, csv.Error) as error:
        raise ProxyError(f"an answer to {STAT} that lacks a column: {error}") from error


def _load(row: Sequence[str], columns: dict[str, int]) -> Load:
    def number(name: str) -> int:
        text = row[columns[name]]
        return int(text) if text.isdecimal() else 0

    part = _PARTS[row[columns["type"]]]
    server = part is Part.SERVER
    return Load(
        part=part,
        backend=row[columns["pxname"]],
        name=row[columns["svname"]] if server else "",
        status=row[columns["status"]],
        weight=number("weight"),
        sessions=number("scur"),
        queue=number("qcur"),
        rate=number("req_rate" if part is Part.FRONTEND else "rate"),
        requests=number("stot" if server else "req_tot"),
        answers_5xx=number("hrsp_5xx"),
        failed=number("econ") + number("eresp"),
        retries=number("wretr"),
        answer_ms=number("rtime"),
        check=row[columns["check_status"]],
        since_s=number("lastchg"),
    )


def with_old_workers(now: Iterable[Load], before: Iterable[Load]) -> tuple[Load, ...]:
    """The worker's loads, with what workers that are going still have in flight on servers."""
    going: dict[tuple[str, str], Load] = {}
    for load in before:
        if load.part is Part.SERVER and load.sessions + load.queue:
            was = going.get((load.backend, load.name))
            going[load.backend, load.name] = _added(load, was) if was else load
    if not going:
        return tuple(now)
    both = [_added(load, going.pop((load.backend, load.name), None)) for load in now]
    gone = [msgspec.structs.replace(load, status="GONE", weight=0, rate=0) for load in going.values()]
    return (*both, *gone)


def _added(load: Load, other: Load | None) -> Load:
    if other is None or load.part is not Part.SERVER:
        return load
    return msgspec.structs.replace(load, sessions=load.sessions + other.sessions, queue=load.queue + other.queue)


def old_workers(text: str) -> tuple[int, ...]:
    """The pids of workers that are going, of an answer to ``show proc``."""
    _, _, old = text.partition("# old workers")
    pids = []
    for row in old.splitlines():
        fields = row.split()
        if row.startswith("# "):
            break
        if len(fields) > 1 and fields[0].isdecimal() and fields[1] == "worker":
            pids.append(int(fields[0]))
    return tuple(pids)
