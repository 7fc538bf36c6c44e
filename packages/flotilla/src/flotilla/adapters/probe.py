"""Asking a copy for its health: one HTTP/1.1 GET over a connection of its own, on a bare socket, as cheap as may be."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import time

from flotilla.agent.health import Answer, Kind

_MOST = 64 * 1024
_REST_S = 0.2
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])[ \r\n]")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n", re.IGNORECASE)


async def probe(address: str, port: int, path: str, deadline_s: float) -> Answer:
    """Asks once. Never raises for what the copy does: 200 to 399 is good, whatever else is told in words."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(deadline_s):
            data = await _ask(address, port, path)
    except TimeoutError:
        kind, words = Kind.SLOW, f"no answer within {deadline_s:g} s"
    except ConnectionRefusedError:
        kind, words = Kind.REFUSED, f"nobody listens on {address}:{port}"
    except OSError as error:
        kind, words = Kind.WRONG, f"the connection broke: {error.strerror or error}"
    else:
        kind, words = _judge(data)
    return Answer(kind=kind, words=words, took_s=round(time.monotonic() - began, 4))


async def _ask(address: str, port: int, path: str) -> bytes:
    loop = asyncio.get_running_loop()
    host = f"[{address}]" if ":" in address else address
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: flotilla-agent\r\nAccept: */*\r\n"
        "Connection: close\r\n\r\n"
    )
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, (address, port))
        await loop.sock_sendall(sock, request.encode("utf-8", "replace"))
        data = b""
        while b"\r\n\r\n" not in data and len(data) < _MOST:
            if not (more := await loop.sock_recv(sock, _MOST)):
                return data
            data += more
        # The rest is read so that the copy does not see a connection broken off; it decides nothing.
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(_REST_S):
                while not _whole(data) and (more := await loop.sock_recv(sock, _MOST)):
                    data += more
        return data


def _whole(data: bytes) -> bool:
    head, _, body = data.partition(b"\r\n\r\n")
    length = _LENGTH.search(head + b"\r\n")
    return len(data) >= _MOST or (length is not None and len(body) >= int(length[1]))


def _judge(data: bytes) -> tuple[Kind, str]:
    status = _STATUS.match(data)
    if status is None:
        return Kind.WRONG, f"the answer is no HTTP: {_shown(data)}" if data else "it closed without an answer"
    if 200 <= int(status[1]) < 400:
        return Kind.GOOD, status[1].decode()
    body = data.partition(b"\r\n\r\n")[2]
    return Kind.WRONG, f"{status[1].decode()}: {_shown(body)}" if body else status[1].decode()


def _shown(data: bytes) -> str:
    text = " ".join(data[:400].decode(errors="replace").split())
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)[:120]
