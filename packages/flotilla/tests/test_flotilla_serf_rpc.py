"""Serf's RPC where it is rude: whatever comes over the socket ends in an answer or in `GossipError`, in time."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgpack
import pytest
from flotilla.adapters.serf import SerfRpc, SerfSettings, connection, rpc
from flotilla.adapters.serf.settings import configuration, rpc_of
from flotilla.domain.member import Member, Status
from flotilla.errors import GossipError
from flotilla.ports import Hint
from flotilla.programs import keys

Answer = Callable[[str, int, dict[str, Any]], bytes]
WITHOUT_BODY = ("members", "leave", "stats", "list-keys")


def header(seq: int, error: str = "") -> bytes:
    return msgpack.packb({"Seq": seq, "Error": error})


class Fake:
    """A server that shakes hands and then answers as `answers` says."""

    def __init__(self, answers: Answer) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.connections = 0
        self.ended: list[asyncio.Event] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.ended.append(ended := asyncio.Event())
        try:
            await self.talk(reader, writer)
        except OSError:
            pass
        finally:
            writer.transport.abort()
            ended.set()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        objects = msgpack.Unpacker()
        waiting: dict[str, Any] | None = None
        while data := await reader.read(65536):
            objects.feed(data)
            for found in objects:
                if waiting is None and found["Command"] not in WITHOUT_BODY:
                    waiting = found
                    continue
                asked, body = (found, {}) if waiting is None else (waiting, found)
                waiting = None
                self.asked.append((asked["Command"], body))
                quiet = asked["Command"] in ("handshake", "auth")
                writer.write(header(asked["Seq"]) if quiet else self.answers(asked["Command"], asked["Seq"], body))
                await writer.drain()
                if not quiet and self.answers is hang_up:
                    return


def hang_up(command: str, seq: int, body: dict[str, Any]) -> bytes:
    return header(seq)[:5]


@asynccontextmanager
async def served(answers: Answer) -> AsyncIterator[tuple[SerfRpc, Fake]]:
    """An RPC that is answered so."""
    fake = Fake(answers)
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    serf = SerfRpc("127.0.0.1", server.sockets[0].getsockname()[1], "token")
    try:
        yield serf, fake
    finally:
        serf.close()
        server.close()
        for ended in fake.ended:
            await ended.wait()
        await asyncio.sleep(0)


def member(**changes: object) -> dict[str, object]:
    return {"Name": "host-10.0.0.1", "Addr": bytes([10, 0, 0, 1]), "Tags": {"a": "b"}, "Status": "alive"} | changes


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (member(), Member(name="host-10.0.0.1", address="10.0.0.1", status=Status.ALIVE, tags={"a": "b"})),
        (member(Addr=bytes(10) + b"\xff\xff\x0a\0\0\2"), "10.0.0.2"),
        (member(Addr=bytes.fromhex("fd00") + bytes(13) + b"\1"), "fd00::1"),
        (member(Status="odd"), Status.NONE),
        (member(Tags=None), {}),
        (member(Tags={"a": b"\xff"}), {"a": "\N{REPLACEMENT CHARACTER}"}),
    ],
)
async def test_members_are_read_in_new_and_old_msgpack(raw: dict[str, object], wanted: object) -> None:
    for new in (True, False):
        body = msgpack.packb({"Members": [raw]}, use_bin_type=new)
        async with served(lambda command, seq, asked, body=body: header(seq) + body) as (serf, _):
            (found,) = await serf.members()
            assert (await serf.members(["host-10.0.0.1"])) == (found,) == await serf.members()
        assert wanted in (found, found.address, found.status, found.tags)


GARBAGE = [
    b"\xc1",
    b"\x93\1\2\3",
    b"hello",
    b"\x81\x93\1\2\3\1",
    b"\xdf\xff\xff\xff\xff",
    b"\xdd\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\x91" * 5000,
]


@pytest.mark.parametrize("data", GARBAGE)
async def test_garbage_is_an_error_of_our_own(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "QUICK_S", 0.3)
    for before in (False, True):
        async with served(lambda command, seq, body, before=before: (b"" if before else header(seq)) + data) as (
            serf,
            _,
        ):
            with pytest.raises(GossipError):
                await serf.members()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"Members": None},
        {"Members": [1]},
        {"Members": {"a": 1}},
        {"Members": [{}]},
        {"Members": [member(Name=3)]},
        {"Members": [member(Addr=None)]},
        {"Members": [member(Addr=b"123")]},
        {"Members": [member(Tags=[1])]},
        {"Members": [member(Tags={"a": 1})]},
        {"Members": [member(Status=None)]},
    ],
)
async def test_members_of_another_shape_are_an_error_of_our_own(body: dict[str, object]) -> None:
    async with served(lambda command, seq, asked: header(seq) + msgpack.packb(body)) as (serf, _):
        with pytest.raises(GossipError):
            await serf.members()


async def test_an_answer_cut_off_or_too_large_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(hang_up) as (serf, _):
        with pytest.raises(GossipError, match="closed the connection"):
            await serf.members()
    monkeypatch.setattr(connection, "LARGEST_ANSWER", 1000)
    large = msgpack.packb({"Members": [member(Tags={"a": "x" * 100_000})]})
    async with served(lambda command, seq, body: header(seq) + large) as (serf, _):
        with pytest.raises(GossipError):
            await serf.members()


async def test_no_answer_is_an_error_in_time_and_the_next_call_connects_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "QUICK_S", 0.2)
    answers = [b"", None]

    def late(command: str, seq: int, body: dict[str, Any]) -> bytes:
        first = answers.pop(0) if answers else None
        return first if first is not None else header(seq) + msgpack.packb({"Members": []})

    async with served(late) as (serf, fake):
        with pytest.raises(GossipError, match=re.escape("did not answer 'members' within 0.2 s")):
            await serf.members()
        assert await serf.members() == ()
        assert await serf.members() == ()
        assert fake.connections == 2


async def test_nobody_listens_is_an_error_that_says_where() -> None:
    with pytest.raises(GossipError, match=re.escape("127.0.0.1:1 cannot be reached")):
        await SerfRpc("127.0.0.1", 1, "token").members()


async def test_what_comes_for_an_earlier_request_is_passed_over() -> None:
    def answers(command: str, seq: int, body: dict[str, Any]) -> bytes:
        late = header(seq - 1) + msgpack.packb({"Type": "ack", "From": "x", "Payload": b""})
        return late + header(seq) + (msgpack.packb({"Members": [member()]}) if command == "members" else b"")

    async with served(answers) as (serf, _):
        await serf.query("q", b"\xff")
        assert len(await serf.members()) == 1


async def test_a_refusal_has_serfs_words() -> None:
    async with served(lambda command, seq, body: header(seq, "tags exceed limit")) as (serf, _):
        for ask in asks(serf):
            with pytest.raises(GossipError, match=r"refuses '.*': tags exceed limit"):
                await ask()


def asks(serf: SerfRpc) -> list[Callable[[], Awaitable[object]]]:
    return [
        serf.members,
        lambda: serf.set_tags({}),
        lambda: serf.query("q", b""),
        lambda: serf.join(["127.0.0.1"]),
        lambda: serf.force_leave("x"),
        serf.leave,
        serf.stats,
        lambda: anext(serf.hints()),
    ]


async def test_hints_are_read_and_records_of_another_shape_are_errors() -> None:
    records: list[dict[str, object]] = [
        {"Event": "member-join", "Members": [member()]},
        {"Event": "query", "ID": 1, "Name": "flotilla-report", "Payload": b"\xff"},
        {"Event": "query", "ID": 2, "Name": "flotilla-report", "Payload": None},
        {"Event": "user", "Name": "deploy", "Payload": b"x"},
        {"Event": 3},
    ]

    def answers(command: str, seq: int, body: dict[str, Any]) -> bytes:
        return header(seq) + b"".join(header(seq) + msgpack.packb(record) for record in records)

    async with served(answers) as (serf, fake):
        hints = serf.hints()
        assert [await anext(hints) for _ in range(4)] == [
            Hint(name="member-join"),
            Hint(name="flotilla-report", payload=b"\xff"),
            Hint(name="flotilla-report"),
            Hint(name="user:deploy"),
        ]
        with pytest.raises(GossipError):
            await anext(hints)
        assert fake.asked[-1] == ("stream", {"Type": "*"})


async def test_addresses_of_ipv6_are_joined_in_brackets_and_names_are_no_patterns() -> None:
    async with served(lambda command, seq, body: header(seq) + msgpack.packb({"Num": 1, "Members": []})) as (
        serf,
        fake,
    ):
        assert await serf.join(["fd00::1", "10.0.0.1"]) == 1
        await serf.members(["host-10.0.0.1"])
    assert fake.asked[2][1]["Existing"] == ["[fd00::1]", "10.0.0.1"]
    assert re.fullmatch(fake.asked[-1][1]["Name"], "host-10.0.0.1")
    assert not re.fullmatch(fake.asked[-1][1]["Name"], "host-10a0.0.1")


async def test_stats_are_serfs_own_words() -> None:
    body = msgpack.packb({"agent": {"name": "x"}, "serf": {"members": "3"}, "tags": None})
    async with served(lambda command, seq, asked: header(seq) + body) as (serf, _):
        assert await serf.stats() == {"agent": {"name": "x"}, "serf": {"members": "3"}}


async def test_keys_that_not_all_members_took_are_told_with_who_did_not() -> None:
    body = msgpack.packb(
        {"Messages": {"host-b": "no such key"}, "NumNodes": 2, "NumErr": 1, "NumResp": 2, "Keys": None}
    )
    async with served(lambda command, seq, asked: header(seq, "1/2 nodes reported failure") + body) as (serf, _):
        said = await serf.use_key("k")
    assert said.problems == {"host-b": "no such key"}
    assert said.refusal == "Serf refuses 'use-key': 1/2 nodes reported failure"


SETTINGS = SerfSettings(
    name="host-fd00--1", address="fd00::1", tags={"role": "host"}, join=("10.0.0.1", "fd00::1", "fd00::2")
)


def test_serf_is_set_to_leave_when_terminated_and_to_join_for_ever_but_not_itself() -> None:
    said = json.loads(configuration(SETTINGS, "secret"))
    assert said["bind"] == said["advertise"] == "[fd00::1]"
    assert said["retry_join"] == ["10.0.0.1", "[fd00::2]"]
    assert said["leave_on_terminate"] is said["skip_leave_on_interrupt"] is said["rejoin_after_leave"] is True
    assert "retry_max_attempts" not in said
    assert said["rpc_auth"] == "secret"


def test_the_rpc_of_a_running_serf_is_found_in_its_configuration(tmp_path: Path) -> None:
    config = tmp_path / "serf.json"
    config.write_bytes(configuration(SETTINGS, "secret"))
    assert rpc_of(config) == ("127.0.0.1", 7373, "secret")
    for broken in (b"{", b"[]", b'{"rpc_addr": 3}', b'{"rpc_addr": "x:y", "rpc_auth": ""}'):
        config.write_bytes(broken)
        with pytest.raises(GossipError, match="does not tell where Serf answers"):
            rpc_of(config)
    with pytest.raises(GossipError):
        rpc_of(tmp_path / "none")


@pytest.mark.parametrize("text", ["", "?", "QUJD", "A" * 64])
def test_what_is_no_key_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(GossipError, match=r"32 bytes|32 are wanted") as refused:
        keys.read_key(text)
    assert not text or text not in str(refused.value)


def test_keys_can_not_be_asked_without_a_serf(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert keys.main(["list"], tmp_path / "serf.json") == 2
    assert "does not tell where Serf answers" in capsys.readouterr().err
