"""Programs on this machine: fed, heard out, and never left behind."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import PIPE, Process, SubprocessStreamProtocol
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path

from flotilla.remote import Done

BUFFER = 256 * 1024


async def start(command: Sequence[str], *, group: int | None = 0, folder: Path | None = None) -> Process:
    """Starts a program that speaks English, in a process group of its own: Ctrl-C is ours to handle, not its."""
    return (await _started(command, group, folder))[0]


async def run_here(command: Sequence[str], content: AsyncIterator[bytes], *, folder: Path | None = None) -> Done:
    """Runs a program to its end, with a stream as its input. Where we are cancelled it is killed, and its pipes are
    closed: others may hold them too (an `ssh` hands its own to the one that holds the connection)."""
    process, transport = await _started(command, 0, folder)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    feeding = asyncio.create_task(_feed(process.stdin, content))
    try:
        out, err = await asyncio.gather(process.stdout.read(), process.stderr.read())
        status = await process.wait()
    finally:
        transport.close()
        if not feeding.done():
            feeding.cancel()
        with suppress(asyncio.CancelledError):
            await feeding
    return Done(status, out, err)


async def stream_here(command: Sequence[str], *, folder: Path | None = None) -> AsyncIterator[bytes | Done]:
    """A program's output as it comes, and how it ended as the last."""
    process, transport = await _started(command, 0, folder)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.close()
    saying = asyncio.create_task(process.stderr.read())
    try:
        while chunk := await process.stdout.read(BUFFER):
            yield chunk
        err = await saying
        yield Done(await process.wait(), b"", err)
    finally:
        transport.close()
        saying.cancel()
        with suppress(asyncio.CancelledError):
            await saying


async def once(content: bytes) -> AsyncIterator[bytes]:
    """A stream of what is there already."""
    if content:
        yield content


async def _started(
    command: Sequence[str], group: int | None, folder: Path | None
) -> tuple[Process, asyncio.SubprocessTransport]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.subprocess_exec(
        lambda: SubprocessStreamProtocol(limit=BUFFER, loop=loop),
        *command,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, "LC_ALL": "C"},
        cwd=folder,
        process_group=group,
    )
    return Process(transport, protocol, loop), transport


async def _feed(stdin: asyncio.StreamWriter, content: AsyncIterator[bytes]) -> None:
    try:
        async for chunk in content:
            stdin.write(chunk)
            await stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        pass  # the program did not want it all: its status tells
    finally:
        stdin.close()
