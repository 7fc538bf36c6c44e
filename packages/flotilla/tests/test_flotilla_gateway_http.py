"""The small HTTP server behind the gateway's pages: what it answers to whatever comes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from flotilla.programs import gateway_http
from flotilla.programs.gateway_http import Page, PageServer


@contextlib.asynccontextmanager
async def serving(folder: Path, complaints: list[str]) -> AsyncIterator[Path]:
    async def well() -> Page:
        return Page(body=b"well", kind="text/plain", headers={"X-Own": "1"})

    async def fails() -> Page:
        raise ZeroDivisionError("at heart")

    path = folder / "s"
    server = await PageServer({"/well": well, "/fails": fails}, complaints.append).start(path)
    try:
        yield path
    finally:
        server.close()


async def ask(path: Path, request: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(request)
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_get_and_head_are_answered(tmp_path: Path) -> None:
    async with serving(tmp_path, []) as path:
        got = await ask(path, b"GET /well?x=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert got.startswith(b"HTTP/1.1 200 OK\r\n")
        assert got.endswith(b"\r\n\r\nwell")
        assert b"\r\nX-Own: 1\r\n" in got
        assert b"\r\nX-Content-Type-Options: nosniff\r\n" in got
        head = await ask(path, b"HEAD /well HTTP/1.1\r\n\r\n")
        assert head == got.removesuffix(b"well")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /nowhere HTTP/1.1\r\n\r\n", 404),
        (b"GET /well/ HTTP/1.1\r\n\r\n", 404),
        (b"GET /../well HTTP/1.1\r\n\r\n", 404),
        (b"POST /well HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 405),
        (b"get /well HTTP/1.1\r\n\r\n", 405),
        (b"GET well HTTP/1.1\r\n\r\n", 400),
        (b"GET /well\r\n\r\n", 400),
        (b"GET /well SMTP\r\n\r\n", 400),
        (b"\x16\x03\x01\x00\xff\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"GET /well HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", 431),
    ],
)
async def test_nothing_that_comes_is_taken_for_something_else(tmp_path: Path, request_: bytes, status: int) -> None:
    async with serving(tmp_path, []) as path:
        try:
            assert (await ask(path, request_)).startswith(f"HTTP/1.1 {status} ".encode())
        except ConnectionResetError:
            assert status == 431  # what it was sent is more than it read


async def test_a_page_that_fails_is_500_and_complained_of(tmp_path: Path) -> None:
    complaints: list[str] = []
    async with serving(tmp_path, complaints) as path:
        assert (await ask(path, b"GET /fails HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 500 ")
        assert complaints == ["a page failed: ZeroDivisionError: at heart"]
        assert (await ask(path, b"GET /well HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_who_says_nothing_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_http, "REQUEST_S", 0.05)
    async with serving(tmp_path, []) as path:
        assert await ask(path, b"GET /well HT") == b""


async def test_too_many_at_once_are_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_http, "CONNECTIONS", 0)
    async with serving(tmp_path, []) as path:
        assert (await ask(path, b"GET /well HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 503 ")


async def test_a_socket_that_a_dead_process_left_is_no_hindrance(tmp_path: Path) -> None:
    for _ in range(2):
        async with serving(tmp_path, []) as path:
            assert (await ask(path, b"GET /well HTTP/1.1\r\n\r\n")).endswith(b"well")
