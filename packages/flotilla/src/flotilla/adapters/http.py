"""One HTTP request over a Unix socket. A copy that does not answer is an outcome, not an error."""

from __future__ import annotations

import asyncio
import http.client
import socket
from pathlib import Path

from flotilla.remote import Answer, NoAnswer, Request

LONGEST_ANSWER = 64 * 1024 * 1024


class _OverSocket(http.client.HTTPConnection):
    def __init__(self, at: Path, host: str, timeout_s: float) -> None:
        super().__init__(host, timeout=timeout_s)
        self._at = at

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._at))


async def ask_over(at: Path, host: str, request: Request, *, deadline_s: float) -> Answer | NoAnswer:
    """Asks over the socket ``at``; ``host`` goes into the Host header."""
    try:
        async with asyncio.timeout(deadline_s + 1.0):
            return await asyncio.to_thread(_ask, at, host, request, deadline_s)
    except TimeoutError:
        return NoAnswer(f"no answer within {deadline_s:g} s")


def _ask(at: Path, host: str, request: Request, timeout_s: float) -> Answer | NoAnswer:
    connection = _OverSocket(at, host, timeout_s)
    try:
        headers = {"Connection": "close", "User-Agent": "flotilla", **request.headers}
        connection.request(request.method, request.path, body=request.body, headers=headers)
        response = connection.getresponse()
        return Answer(status=response.status, body=response.read(LONGEST_ANSWER))
    except TimeoutError:
        return NoAnswer(f"no answer within {timeout_s:g} s")
    except (http.client.RemoteDisconnected, ConnectionError):
        return NoAnswer("nothing listens there, or it closed the connection without an answer")
    except (OSError, http.client.HTTPException) as error:
        return NoAnswer(f"{type(error).__name__}: {error}")
    finally:
        connection.close()
