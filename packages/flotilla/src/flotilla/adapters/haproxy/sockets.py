"""One question to one of HAProxy's sockets, on a connection of its own. Reads no meaning into the answer."""

from __future__ import annotations

import asyncio

from flotilla.errors import ProxyError

LONGEST_ANSWER = 256 * 1024 * 1024


async def ask(path: str, question: str, *, deadline_s: float, until: bytes | None = None) -> str:
    """The answer to one line, read until HAProxy closes the connection, or until the answer ends with ``until`` (the
    master stays connected after some commands). Raises `ProxyError`."""
    try:
        async with asyncio.timeout(deadline_s):
            return await _ask(path, question, until)
    except TimeoutError as error:
        raise ProxyError(f"HAProxy does not answer at {path} within {deadline_s:g} s") from error
    except (OSError, ValueError) as error:
        raise ProxyError(f"HAProxy is not there: {path}: {_reason(error)}") from error


async def _ask(path: str, question: str, until: bytes | None) -> str:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(question.encode() + b"\n")
        await writer.drain()
        answer = bytearray()
        while data := await reader.read(256 * 1024):
            answer += data
            if until is not None and answer.endswith(until):
                break
            if len(answer) > LONGEST_ANSWER:
                raise ProxyError(f"HAProxy's answer is longer than {LONGEST_ANSWER} bytes: {path}")
        return answer.decode("utf-8", "replace")
    finally:
        writer.close()


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
