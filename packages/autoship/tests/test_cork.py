"""Answers leave at the end of a turn of the loop, whole, in order, and none is held back for long."""

from __future__ import annotations

import asyncio
from typing import cast

from autoship.web.cork import MOST_HELD, Cork, Turn

HEAD, BODY = b"HTTP/1.1 200 OK\r\n\r\n", b"body"


class Wire(asyncio.Transport):
    """Keeps what is written, a packet a call."""

    def __init__(self) -> None:
        super().__init__()
        self.packets: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:  # type: ignore[override]
        assert not self.closed
        self.packets.append(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return 0


def corked(turn: Turn | None = None) -> tuple[Cork, Wire]:
    wire = Wire()
    return Cork(wire, turn or Turn()), wire


async def turn_ends() -> None:
    await asyncio.sleep(0)


async def test_head_and_body_leave_in_one_packet_at_the_end_of_the_turn() -> None:
    cork, wire = corked()
    cork.write(HEAD)
    cork.write(BODY)
    assert wire.packets == []
    assert cork.get_write_buffer_size() == len(HEAD + BODY)
    await turn_ends()
    assert wire.packets == [HEAD + BODY]


async def test_a_head_does_not_wait_for_a_body_that_comes_later() -> None:
    cork, wire = corked()
    cork.write(HEAD)
    await turn_ends()
    cork.write(BODY)
    cork.write(BODY)
    assert wire.packets == [HEAD, BODY, BODY]


async def test_an_answer_that_only_asks_for_more_is_not_held() -> None:
    cork, wire = corked()
    cork.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert len(wire.packets) == 1


async def test_pipelined_answers_keep_their_order() -> None:
    cork, wire = corked()
    for answer in (HEAD, b"one", HEAD, b"two"):
        cork.write(answer)
    await turn_ends()
    assert b"".join(wire.packets) == HEAD + b"one" + HEAD + b"two"


async def test_what_is_closed_has_sent_everything_before() -> None:
    cork, wire = corked()
    cork.write(HEAD)
    cork.write(BODY)
    cork.close()
    assert wire.packets == [HEAD + BODY]
    assert wire.closed
    await turn_ends()
    assert wire.packets == [HEAD + BODY]


async def test_a_client_that_is_gone_takes_no_harm_to_the_others() -> None:
    turn = Turn()
    gone, lost = corked(turn)
    cork, wire = corked(turn)
    gone.write(HEAD)
    cork.write(HEAD)
    lost.close()
    await turn_ends()
    assert (lost.packets, wire.packets) == ([], [HEAD])


async def test_little_is_held() -> None:
    cork, wire = corked()
    cork.write(HEAD)
    for _ in range(10):
        cork.write(b"x" * MOST_HELD)
        assert cork.get_write_buffer_size() <= MOST_HELD + len(HEAD)
    await turn_ends()
    assert b"".join(wire.packets) == HEAD + b"x" * 10 * MOST_HELD


async def test_all_else_is_the_transport_s_own() -> None:
    cork, wire = corked()
    wire.pause_reading = lambda: None  # type: ignore[method-assign]
    assert cast(object, cork.pause_reading) is wire.pause_reading
