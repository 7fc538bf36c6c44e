"""HAProxy's configuration as a text: stable, complete, and one that nothing can break out of."""

from __future__ import annotations

import msgspec
import pytest
from flotilla.domain.handed import GatewayFile, GatewayService, Retry
from flotilla.errors import HandedFileError
from flotilla.gateway.configuration import Machine, configuration, described, structure_of
from flotilla.gateway.frontends import by_specificity
from flotilla.gateway.machine import buffer_bytes, check_interval_s, hard_stop_s, most_connections, threads
from flotilla.gateway.rotation import Server
from flotilla_members import FILE, MACHINE

ONE = Server(service="web", address="10.0.0.21", port=8000, weight=10)
STRANGER = Server(service="web", address="10.0.0.77", port=8001, weight=1)


def changed(**more: object) -> GatewayFile:
    return msgspec.structs.replace(FILE, **more)


def with_service(**more: object) -> GatewayFile:
    return changed(services=(msgspec.structs.replace(FILE.services[0], **more),))


def test_equal_values_give_the_same_text_whatever_the_order_of_servers() -> None:
    assert configuration(FILE, [ONE, STRANGER], MACHINE) == configuration(FILE, [STRANGER, ONE], MACHINE)


def test_the_structure_stands_in_the_text_and_is_that_of_all_but_the_rotation() -> None:
    empty, full = (configuration(FILE, servers, MACHINE) for servers in ([], [ONE, STRANGER]))
    assert empty.text != full.text
    assert empty.structure == full.structure
    assert f"description '{described(empty.structure)}'" in full.text
    assert structure_of(described(empty.structure)) == empty.structure
    assert structure_of("my own haproxy") is None


@pytest.mark.parametrize(
    "file",
    [
        changed(http_port=8080),
        changed(status_port=8405),
        changed(admit=("10.0.0.0/16",)),
        changed(hosts=("10.0.0.21",)),
        changed(certificates=("a.pem",)),
        with_service(copies=4),
        with_service(timeout_s=31.0),
        with_service(retry=Retry.ALL),
        with_service(max_connections=64),
        with_service(health_path="/readyz"),
    ],
)
def test_every_setting_is_part_of_the_structure(file: GatewayFile) -> None:
    assert configuration(file, [], MACHINE).structure != configuration(FILE, [], MACHINE).structure


@pytest.mark.parametrize(
    "file", [changed(generation=2), changed(gateways=("10.0.0.11",)), with_service(version="1.0.1")]
)
def test_a_deploy_that_changes_nothing_of_haproxys_is_no_change_of_structure(file: GatewayFile) -> None:
    same = changed(services=FILE.services[:1]) if len(file.services) == 1 else FILE
    assert configuration(file, [ONE], MACHINE) == configuration(same, [ONE], MACHINE)


@pytest.mark.parametrize(
    "file",
    [
        with_service(name="web\n    server x 1.2.3.4:80"),
        with_service(name="web.last-resort"),
        with_service(name="flotilla.public"),
        with_service(host="a b"),
        with_service(host="a}\n"),
        with_service(path="/a b"),
        with_service(path="/a\nglobal"),
        with_service(path="/a\"'\\"),
        with_service(health_path="/\n"),
        with_service(health_path="readyz"),
        with_service(balance="header:a b"),
        with_service(balance="source"),
        changed(admit=("10.0.0.0/8 }",)),
        changed(hosts=("10.0.0.1 check",)),
        changed(certificates=("../../etc/key",)),
        changed(certificates=("a.pem b",)),
    ],
)
def test_what_cannot_be_one_word_is_refused_with_its_field(file: GatewayFile) -> None:
    with pytest.raises(HandedFileError, match=r"services|host|path|balance|admit|server|certificates"):
        configuration(file, [], MACHINE)


def test_a_host_or_header_of_one_service_comes_first_and_longer_paths_before_shorter() -> None:
    services = [
        GatewayService(name=name, version="1", first_port=1, copies=1, host=host, path=path)
        for name, host, path in [
            ("root", None, "/"), ("deep", None, "/a/b/"), ("flat", None, "/aaaaaaaaaa"), ("named", "h", "/"),
            ("both", "h", "/a"),
        ]
    ]  # fmt: skip
    assert [each.name for each in by_specificity(services)] == ["both", "named", "deep", "flat", "root"]


def test_a_server_that_failed_is_no_last_resort() -> None:
    failed = msgspec.structs.replace(STRANGER, alive=False)
    servers = configuration(FILE, [failed], MACHINE).servers
    assert servers["web", STRANGER.name].enabled
    assert ("web.last-resort", STRANGER.name) not in servers


@pytest.mark.parametrize(
    ("retry", "retry_body", "expected"),
    [(Retry.SAFE, 10**6, 20_480), (Retry.ALL, 0, 20_480), (Retry.ALL, 64 * 1024, 86_016), (Retry.ALL, 1, 24_576)],
)
def test_the_buffer_holds_the_headers_and_the_longest_body_that_is_replayed(
    retry: Retry, retry_body: int, expected: int
) -> None:
    assert buffer_bytes(with_service(retry=retry, retry_body=retry_body)) == expected


@pytest.mark.parametrize(
    ("open_files", "memory", "servers", "expected"),
    [
        (20_000, 64 << 30, 0, 9_900),
        (20_000, 64 << 30, 2_000, 8_900),
        (10**6, 1 << 30, 0, 7_281),
        (10**6, 1 << 30, 20_000, 2_837),
        (10**9, 10**15, 0, 200_000),
        (1_000, 64 << 20, 24_000, 100),
    ],
)
def test_the_most_connections_follow_from_files_and_memory(
    open_files: int, memory: int, servers: int, expected: int
) -> None:
    assert most_connections(FILE, Machine(open_files=open_files, memory=memory, cpus=1), servers) == expected


@pytest.mark.parametrize(
    ("drain_s", "timeout_s", "expected"), [(1, 1, 60), (90, 30, 95), (30, 300, 305), (1, 1e5, 3600)]
)
def test_an_old_worker_has_time_for_the_longest_answer_within_an_hour(
    drain_s: float, timeout_s: float, expected: float
) -> None:
    assert hard_stop_s(with_service(drain_s=float(drain_s), timeout_s=float(timeout_s))) == expected


@pytest.mark.parametrize(
    ("wanted_s", "servers", "expected"), [(1, 12, 1), (1, 4_000, 1), (1, 12_000, 3), (5, 12_000, 5)]
)
def test_checks_are_as_often_as_wanted_but_not_more_than_4000_a_second(
    wanted_s: float, servers: int, expected: float
) -> None:
    assert check_interval_s(wanted_s, servers) == expected


def test_there_is_a_thread_for_each_processor() -> None:
    assert [threads(Machine(open_files=1, memory=1, cpus=cpus)) for cpus in (0, 2, 100)] == [1, 2, 64]
