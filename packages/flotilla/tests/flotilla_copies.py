"""Copies of services in one process, on ports 8000 to 8007, each of which does what the file /tmp/PORT says when it is
asked: good (also without a file), bad, hang, slow, close, half, garbage, gone. Run inside a container."""

from __future__ import annotations

import asyncio
import pathlib

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BAD = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 11\r\n\r\nno database"
ANSWERS = {"good": OK, "slow": OK, "bad": BAD, "half": OK[:9], "garbage": b"\x00\xff\n\n", "close": b""}


def mode(port: int) -> str:
    """What the copy on this port is to do."""
    try:
        return pathlib.Path(f"/tmp/{port}").read_text().strip()
    except OSError:
        return "good"


async def answer(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers one request."""
    await reader.readuntil(b"\r\n\r\n")
    word = mode(port)
    if word in ("hang", "slow"):
        await asyncio.sleep(1.5 if word == "slow" else 3600)
    writer.write(ANSWERS.get(word, OK))
    writer.close()


async def copy(port: int) -> None:
    """Listens while it is not to be gone."""
    while True:
        server = await asyncio.start_server(lambda reader, writer: answer(port, reader, writer), None, port)
        await gone(port, True)
        server.close()
        await gone(port, False)


async def gone(port: int, wanted: bool) -> None:
    """Waits until the copy on this port is to be gone, or there again."""
    while (mode(port) == "gone") is not wanted:  # noqa: ASYNC110 (a file tells)
        await asyncio.sleep(0.05)


async def main() -> None:
    """All copies."""
    await asyncio.gather(*(copy(port) for port in range(8000, 8008)))


if __name__ == "__main__":
    asyncio.run(main())
