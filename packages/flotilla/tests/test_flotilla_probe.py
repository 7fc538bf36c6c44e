"""Asking a copy for its health, of servers that are rude in every way."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from flotilla.adapters.probe import probe
from flotilla.agent.health import Kind

Does = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(does: Does, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """A server that does this with each connection; its port."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await does(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    listening = await asyncio.start_server(once, host, 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


def says(data: bytes) -> Does:
    """Reads the request, answers this, closes."""

    async def does(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        await writer.drain()

    return does


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Kind.GOOD, "200"),
        (b"HTTP/1.0 204\r\n\r\n", Kind.GOOD, "204"),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", Kind.GOOD, "302"),
        (b"HTTP/1.1 400 No\r\n\r\n", Kind.WRONG, "400"),
        (b"HTTP/1.1 503 No\r\n\r\nno\n database\x00", Kind.WRONG, "503: no database\N{REPLACEMENT CHARACTER}"),
        (b"HTTP/1.1 500 No\r\n\r\n" + b"x" * 500_000, Kind.WRONG, "500: " + "x" * 120),
        (b"", Kind.WRONG, "it closed without an answer"),
        (b"HTTP/1.1 2", Kind.WRONG, "the answer is no HTTP: HTTP/1.1 2"),
        (b"SSH-2.0-OpenSSH\r\n", Kind.WRONG, "the answer is no HTTP: SSH-2.0-OpenSSH"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 500_000, Kind.GOOD, "200"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", Kind.WRONG, "the answer is no HTTP: HTTP/1.1 2000 OK"),
        (b"\xff" * 300, Kind.WRONG, "the answer is no HTTP: " + "\N{REPLACEMENT CHARACTER}" * 120),
    ],
)
async def test_what_an_answer_means(data: bytes, kind: Kind, words: str) -> None:
    async with server(says(data)) as port:
        answer = await probe("127.0.0.1", port, "/readyz", 5.0)
    assert (answer.kind, answer.words) == (kind, words)
    assert 0 <= answer.took_s < 5


async def test_the_request_names_the_address_and_asks_to_close() -> None:
    heard: list[bytes] = []

    async def does(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    async with server(does) as port:
        await probe("127.0.0.1", port, "/readyz?full=1", 5.0)
    lines = heard[0].split(b"\r\n")
    assert lines[0] == b"GET /readyz?full=1 HTTP/1.1"
    assert f"Host: 127.0.0.1:{port}".encode() in lines
    assert b"Connection: close" in lines


async def test_nobody_listens_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        answer = await probe("127.0.0.1", port, "/", 5.0)
    assert (answer.kind, answer.words) == (Kind.REFUSED, f"nobody listens on 127.0.0.1:{port}")


async def test_no_answer_is_slow_and_a_late_one_is_good() -> None:
    release = asyncio.Event()

    async def does(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        await says(b"HTTP/1.1 200 OK\r\n\r\n")(reader, writer)

    async with server(does) as port:
        answer = await probe("127.0.0.1", port, "/", 0.1)
        assert (answer.kind, answer.words) == (Kind.SLOW, "no answer within 0.1 s")
        asking = asyncio.create_task(probe("127.0.0.1", port, "/", 5.0))
        await asyncio.sleep(0.05)
        release.set()
        assert (await asking).kind is Kind.GOOD


async def test_a_connection_that_stays_open_or_breaks_after_the_answer_takes_nothing_from_it() -> None:
    async def stays(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")(reader, writer)
        await reader.read()

    async def breaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await says(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf")(reader, writer)
        writer.transport.abort()

    for does in (stays, breaks):
        async with server(does) as port:
            answer = await probe("127.0.0.1", port, "/", 5.0)
        assert answer.kind is Kind.GOOD
        assert answer.took_s < 2


async def test_a_reset_is_wrong_and_told_in_words() -> None:
    async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        await reader.read(1)

    async with server(resets) as port:
        answer = await probe("127.0.0.1", port, "/", 5.0)
    assert (answer.kind, answer.words) == (Kind.WRONG, "the connection broke: Connection reset by peer")
