"""What the fleet file comes to on machines: the files that are handed out, the identity of a copy, and every argv."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from flotilla.domain.fleet import (
    BalanceByHeader,
    Fleet,
    Health,
    Listen,
    Ports,
    Registry,
    Route,
    Service,
    Smoke,
)
from flotilla.domain.handed import GatewayService, HostService, Retry, decode_handed, encode_handed
from flotilla.domain.report import State
from flotilla.domain.secret import FromEnvironment, FromFile
from flotilla.rollout import (
    agent_argv,
    container_name,
    copy_argv,
    copy_digest,
    gateway_argv,
    gateway_file,
    host_file,
    image_reference,
    proxy_argv,
    runs_as_root,
)

PLAIN = Service(name="web", image="web", version="1", ports=Ports(first=8000, container=80))
FULL = Service(
    name="shop",
    image="shop",
    version="2.1",
    ports=Ports(first=9000, container=8080),
    copies=3,
    health=Health(path="/up", interval_s=2.0, deadline_s=20.0),
    route=Route(host="shop.example.com", path="/api"),
    retry=Retry.ALL,
    retry_body=1024,
    balance=BalanceByHeader(header="X-Customer"),
    timeout_s=5.0,
    drain_s=7.5,
    max_connections=10,
    max_body=2048,
    memory=64 * 1024**2,
    cpus=0.5,
    user="1000:1000",
    read_only=True,
    command=("serve", "--fast"),
    env={"B": "two\nlines", "A": "one"},
    secrets={"TOKEN": FromFile(file=Path("token"))},
)
FLEET = Fleet(
    name="fleet",
    folder=Path("/fleet"),
    gateways=("10.0.0.10",),
    hosts=("10.0.0.21", "10.0.0.22"),
    admit=("10.0.0.0/24",),
    listen=Listen(http_port=81, https_port=444, status_port=8405, certificates=(Path("tls/a.pem"), Path("/b.pem"))),
    services=(PLAIN, FULL),
)


def test_a_gateway_gets_all_of_the_file_that_concerns_it() -> None:
    file = gateway_file(FLEET, 7)
    assert (file.fleet, file.generation, file.admit, file.hosts) == ("fleet", 7, FLEET.admit, FLEET.hosts)
    assert (file.http_port, file.https_port, file.status_port) == (81, 444, 8405)
    assert file.certificates == ("a.pem", "b.pem")
    assert file.services == (
        GatewayService(name="web", version="1", first_port=8000, copies=1),
        GatewayService(
            name="shop",
            version="2.1",
            first_port=9000,
            copies=3,
            health_path="/up",
            health_interval_s=2.0,
            host="shop.example.com",
            path="/api",
            retry=Retry.ALL,
            balance="header:X-Customer",
            timeout_s=5.0,
            drain_s=7.5,
            max_connections=10,
            max_body=2048,
            retry_body=1024,
        ),
    )
    assert decode_handed(type(file), encode_handed(file)) == file


def test_a_host_gets_what_its_agent_looks_at() -> None:
    file = host_file(FLEET, 7, states={"shop": State.CANARY}, generations={"web": 3})
    assert (file.fleet, file.generation, file.gateways, file.hosts) == ("fleet", 7, FLEET.gateways, FLEET.hosts)
    assert file.services == (
        HostService(name="web", version="1", generation=3, first_port=8000, copies=1),
        HostService(
            name="shop",
            version="2.1",
            generation=7,
            first_port=9000,
            copies=3,
            health_path="/up",
            health_interval_s=2.0,
            state=State.CANARY,
        ),
    )
    assert (file.drain, host_file(FLEET, 7, drain=True).drain) == (False, True)


def test_no_secret_is_handed_out() -> None:
    for file in (gateway_file(FLEET, 1), host_file(FLEET, 1)):
        assert b"token" not in encode_handed(file).lower()


OTHER: dict[str, tuple[Any, bool]] = {
    "name": ("other", True),
    "image": ("elsewhere.example.com/shop", False),
    "version": ("2.2", True),
    "ports": (Ports(first=9100, container=8080), True),
    "copies": (4, False),
    "health": (Health(path="/other"), False),
    "smoke": (Smoke(path="/"), False),
    "route": (Route(path="/other"), False),
    "retry": (Retry.CONNECT, False),
    "retry_body": (4096, False),
    "balance": ("roundrobin", False),
    "timeout_s": (6.0, False),
    "drain_s": (8.5, True),
    "max_connections": (11, False),
    "max_body": (4096, False),
    "memory": (None, True),
    "cpus": (1.0, True),
    "user": (None, True),
    "read_only": (False, True),
    "command": (("serve",), True),
    "env": ({"A": "one"}, True),
    "secrets": ({}, True),
}
"""Another value for each field of a service, and whether a copy has to be replaced for it."""


def digest(service: Service, image_id: str = "sha256:1", **secrets: str) -> str:
    return copy_digest(service, image_id, {"TOKEN": "t", **secrets})


def test_each_field_of_a_service_is_known_to_replace_copies_or_not_to() -> None:
    assert OTHER.keys() == set(Service.__struct_fields__)


@pytest.mark.parametrize("field", OTHER)
def test_a_copy_is_replaced_for_what_it_was_started_with_and_for_nothing_else(field: str) -> None:
    value, replaced = OTHER[field]
    assert (digest(msgspec.structs.replace(FULL, **{field: value})) != digest(FULL)) is replaced


@pytest.mark.parametrize("field", OTHER)
def test_the_digest_covers_the_whole_command_but_for_the_image(field: str) -> None:
    value, replaced = OTHER[field]
    other = msgspec.structs.replace(FULL, **{field: value})
    commands = [copy_argv(FLEET, each, 0, "10.0.0.21", "sha256:1", "d", 1) for each in (FULL, other)]
    assert (commands[0] != commands[1]) is replaced


def test_another_image_and_another_secret_are_another_copy() -> None:
    assert len({digest(FULL), digest(FULL, "sha256:2"), digest(FULL, TOKEN="u")}) == 3


def test_the_order_of_variables_is_no_difference() -> None:
    assert digest(msgspec.structs.replace(FULL, env={"A": "one", "B": "two\nlines"})) == digest(FULL)


def test_each_port_of_a_service_is_part_of_its_copies() -> None:
    digests = {digest(msgspec.structs.replace(FULL, ports=Ports(first=f, container=c))) for f in (1, 2) for c in (1, 2)}
    assert len(digests) == 4


CONFINED = (
    "--cap-drop", "ALL",
    "--pids-limit", "4096",
    "--log-driver", "local", "--log-opt", "max-size=10m", "--log-opt", "max-file=5",
)  # fmt: skip


def test_a_plain_copy_is_started_like_this() -> None:
    assert copy_argv(FLEET, PLAIN, 0, "fd00::21", "web:1", "abc", 7) == (
        "docker", "run", "--detach",
        "--name", "fleet-web-0",
        "--hostname", "web-0-fd00--21",
        "--label", "flotilla.fleet=fleet",
        "--label", "flotilla.service=web",
        "--label", "flotilla.copy=0",
        "--label", "flotilla.version=1",
        "--label", "flotilla.digest=abc",
        "--label", "flotilla.generation=7",
        "--publish", "[fd00::21]:8000:80/tcp",
        "--restart", "always",
        "--init",
        "--stop-timeout", "30",
        *CONFINED,
        "--security-opt", "no-new-privileges",
        "web:1",
    )  # fmt: skip


def test_a_copy_with_everything_is_started_like_this() -> None:
    argv = copy_argv(FLEET, FULL, 2, "10.0.0.21", "sha256:1", "abc", 7)
    assert argv[argv.index("--publish") :] == (
        "--publish", "10.0.0.21:9002:8080/tcp",
        "--restart", "always",
        "--init",
        "--stop-timeout", "8",
        *CONFINED,
        "--security-opt", "no-new-privileges",
        "--memory", "67108864", "--memory-swap", "67108864",
        "--cpus", "0.5",
        "--user", "1000:1000",
        "--read-only", "--tmpfs", "/tmp",
        "--env", "A=one",
        "--env", "B=two\nlines",
        "--mount", "type=bind,source=/var/lib/flotilla/secrets/shop/TOKEN,target=/run/secrets/TOKEN,readonly",
        "--env", "TOKEN_FILE=/run/secrets/TOKEN",
        "sha256:1",
        "serve", "--fast",
    )  # fmt: skip


def test_a_copy_keeps_its_name_whatever_its_version() -> None:
    assert container_name(FLEET, FULL, 2) == "fleet-shop-2"


START = ("--network", "host", "--restart", "always", "--read-only")


def test_the_agent_is_started_like_this() -> None:
    assert agent_argv("flotilla-agent:1", "10.0.0.21") == (
        "docker", "run", "--detach", "--name", "flotilla-agent", *START, *CONFINED,
        "--security-opt", "no-new-privileges",
        "--memory", "128m", "--memory-swap", "128m",
        "--tmpfs", "/run/flotilla:uid=7946,gid=7946,mode=0700",
        "--mount", "type=bind,source=/var/lib/flotilla/agent,target=/etc/flotilla,readonly",
        "--mount", "type=bind,source=/var/lib/flotilla/gossip,target=/var/lib/flotilla/gossip",
        "flotilla-agent:1",
        "--address", "10.0.0.21",
    )  # fmt: skip


GATEWAYS = (
    "--mount", "type=bind,source=/var/lib/flotilla/certificates,target=/etc/flotilla-certificates,readonly",
    "--mount", "type=volume,source=flotilla-run,target=/run/flotilla-haproxy",
    "--ulimit", "nofile=100000:100000",
)  # fmt: skip


def test_the_gateway_program_is_started_like_this() -> None:
    assert gateway_argv("flotilla-gateway:1", "10.0.0.10", 100_000) == (
        "docker", "run", "--detach", "--name", "flotilla-gateway", *START, *CONFINED,
        "--cap-add", "NET_BIND_SERVICE",
        "--security-opt", "no-new-privileges",
        "--memory", "512m", "--memory-swap", "512m",
        "--tmpfs", "/run/flotilla:uid=7946,gid=7946,mode=0700",
        "--mount", "type=bind,source=/var/lib/flotilla/gateway,target=/etc/flotilla,readonly",
        "--mount", "type=bind,source=/var/lib/flotilla/gossip,target=/var/lib/flotilla/gossip",
        "--mount", "type=bind,source=/var/lib/flotilla/haproxy,target=/var/lib/flotilla/haproxy",
        *GATEWAYS,
        "flotilla-gateway:1",
        "--address", "10.0.0.10",
    )  # fmt: skip


def test_haproxy_is_started_like_this() -> None:
    assert proxy_argv("flotilla-gateway:1", 100_000) == (
        "docker", "run", "--detach", "--name", "flotilla-haproxy", *START, *CONFINED,
        "--cap-add", "NET_BIND_SERVICE",
        "--mount", "type=bind,source=/var/lib/flotilla/haproxy,target=/var/lib/flotilla/haproxy,readonly",
        *GATEWAYS,
        "--entrypoint", "haproxy",
        "flotilla-gateway:1",
        "-W", "-db", "-S", "/run/flotilla-haproxy/master.sock", "-f", "/var/lib/flotilla/haproxy/haproxy.cfg",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("registry", "image", "reference"),
    [
        (None, "shop", "shop:2.1"),
        ("r.example.com", "shop", "r.example.com/shop:2.1"),
        ("r.example.com", "team/shop", "r.example.com/team/shop:2.1"),
        ("r.example.com", "ghcr.io/team/shop", "ghcr.io/team/shop:2.1"),
        ("r.example.com", "localhost/shop", "localhost/shop:2.1"),
    ],
)
def test_an_image_is_the_registrys_unless_it_names_another(registry: str | None, image: str, reference: str) -> None:
    server = Registry(server=registry, username="u", password=FromEnvironment(env="P")) if registry else None
    fleet = msgspec.structs.replace(FLEET, registry=server)
    assert image_reference(fleet, msgspec.structs.replace(FULL, image=image)) == reference


@pytest.mark.parametrize(
    ("said", "image_user", "root"),
    [(None, "", True), (None, "0:0", True), (None, "root", True), (None, "app", False), ("root", "", False)],
)
def test_copies_are_root_only_where_the_file_says_so(said: str | None, image_user: str, root: bool) -> None:
    assert runs_as_root(msgspec.structs.replace(FULL, user=said), image_user) is root
