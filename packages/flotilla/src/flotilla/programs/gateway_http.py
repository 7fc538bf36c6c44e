"""A small HTTP/1.1 server on a Unix socket, for pages that a proxy in front asks for: GET and HEAD, one request a
connection, bounded in size and in time. What it cannot read is answered with 400, whatever fails with 500."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import TypeAlias

import msgspec

MOST_HEADERS = 32 * 1024
REQUEST_S = 5.0
ANSWER_S = 30.0
CONNECTIONS = 64


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered."""

    body: bytes
    kind: str
    status: int = 200
    headers: Mapping[str, str] = {}


Pages: TypeAlias = Mapping[str, Callable[[], Awaitable[Page]]]
"""What makes each page, by its path."""


class PageServer:
    """Serves ``pages``; ``complain`` is told what a page raised."""

    def __init__(self, pages: Pages, complain: Callable[[str], None]) -> None:
        self._pages = pages
        self._complain = complain
        self._open = 0

    async def start(self, path: Path) -> asyncio.Server:
        """Listens on a Unix socket, in the place of one that a dead process has left."""
        return await asyncio.start_unix_server(self._serve, sock=_listening(path), limit=MOST_HEADERS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                async with asyncio.timeout(REQUEST_S):
                    head = await self._head(reader)
                async with asyncio.timeout(ANSWER_S):
                    writer.write(await self._answer(head))
                    await writer.drain()
        finally:
            self._open -= 1
            writer.close()

    async def _head(self, reader: asyncio.StreamReader) -> bytes | None:
        """The request's line and headers, None where they are too long."""
        try:
            return await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return None

    async def _answer(self, head: bytes | None) -> bytes:
        if head is None:
            return _encoded(_words(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE), body=True)
        if self._open > CONNECTIONS:
            return _encoded(_words(HTTPStatus.SERVICE_UNAVAILABLE), body=True)
        line = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
        if len(line) != 3 or not line[2].startswith("HTTP/1.") or not line[1].startswith("/"):
            return _encoded(_words(HTTPStatus.BAD_REQUEST), body=True)
        method, path, _ = line
        if method not in ("GET", "HEAD"):
            return _encoded(_words(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD"}), body=True)
        make = self._pages.get(path.partition("?")[0])
        page = _words(HTTPStatus.NOT_FOUND) if make is None else await self._made(make)
        return _encoded(page, body=method == "GET")

    async def _made(self, make: Callable[[], Awaitable[Page]]) -> Page:
        try:
            return await make()
        except Exception as error:  # a page that fails must not end the program
            self._complain(f"a page failed: {type(error).__name__}: {error}")
            return _words(HTTPStatus.INTERNAL_SERVER_ERROR)


def _listening(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    path.chmod(0o660)
    return listening


def _words(status: HTTPStatus, headers: Mapping[str, str] | None = None) -> Page:
    return Page(status=status, body=f"{status.phrase}\n".encode(), kind="text/plain", headers=headers or {})


def _encoded(page: Page, *, body: bool) -> bytes:
    headers = {
        "Content-Type": f"{page.kind}; charset=utf-8",
        "Content-Length": str(len(page.body)),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Connection": "close",
        **page.headers,
    }
    lines = [
        f"HTTP/1.1 {page.status} {HTTPStatus(page.status).phrase}",
        *(f"{name}: {it}" for name, it in headers.items()),
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (page.body if body else b"")
