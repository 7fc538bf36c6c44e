"""Copies of a service that misbehave on demand: a program for a container's Python, driven over HTTP on port 7000.

GET /control?place=127.0.0.1:9001&mode=MODE makes a copy listen (`ok`), or: `closed` (not listening), `drop` (takes the
request, closes without an answer), `half` (sends half of its headers), `hang` (never answers), `error` (500), `sick`
(500 to /health alone). GET /seen tells all requests that copies got; GET /go lets streams go on.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from urllib.parse import parse_qs, urlsplit

servers: dict[str, asyncio.Server] = {}
modes: dict[str, str] = {}
seen: list[dict[str, object]] = []
going = asyncio.Event()


async def read_request(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str], bytes] | None:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ", 2)
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
    body = b""
    if "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    elif headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    return method, target, headers, body


def answer(status: int, body: bytes) -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


async def stream(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nfirst\r\n")
    await writer.drain()
    await going.wait()
    writer.write(b"4\r\nlast\r\n0\r\n\r\n")


async def websocket(key: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    accept = b"Sec-WebSocket-Accept: " + base64.b64encode(digest)
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n%b\r\n\r\n" % accept
    )
    while data := await reader.read(1024):
        writer.write(b"echo:" + data)
        await writer.drain()


async def respond(place: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    method, target, headers, body = await read_request(reader)
    mode = modes.get(place, "ok")
    path = urlsplit(target).path
    if path == "/health":
        writer.write(answer(500 if mode == "sick" else 200, b"health"))
        return
    told = {"place": place, "method": method, "target": target, "headers": headers, "length": len(body),
            "digest": hashlib.sha256(body).hexdigest()}  # fmt: skip
    seen.append(told)
    if mode == "half":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
    elif mode == "hang":
        await asyncio.sleep(3600)
    elif mode == "error":
        writer.write(answer(500, b"error"))
    elif mode == "drop":
        pass
    elif path == "/stream":
        await stream(writer)
    elif path == "/slow":
        await asyncio.sleep(float(parse_qs(urlsplit(target).query)["s"][0]))
        writer.write(answer(200, json.dumps(told).encode()))
    elif headers.get("upgrade", "").lower() == "websocket":
        await websocket(headers["sec-websocket-key"], reader, writer)
    else:
        writer.write(answer(200, json.dumps(told).encode()))


async def serve(place: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await respond(place, reader, writer)
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def set_mode(place: str, mode: str) -> None:
    modes[place] = mode
    if mode == "closed":
        if server := servers.pop(place, None):
            server.close()
    elif place not in servers:
        host, port = place.rsplit(":", 1)
        servers[place] = await asyncio.start_server(
            lambda reader, writer: serve(place, reader, writer), host, int(port), backlog=1000
        )


async def control(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    _, target, _, _ = await read_request(reader)
    url = urlsplit(target)
    query = parse_qs(url.query)
    body: object = "ok"
    if url.path == "/control":
        for place in query["place"]:
            await set_mode(place, query["mode"][0])
    elif url.path == "/seen":
        body = seen[:]
        seen.clear()
    elif url.path == "/go":
        going.set()
    writer.write(answer(200, json.dumps(body).encode()))
    await writer.drain()
    writer.close()


async def main() -> None:
    async with await asyncio.start_server(control, "0.0.0.0", 7000) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
