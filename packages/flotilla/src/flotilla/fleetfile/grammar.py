"""The keys of a fleet file, section by section, each with its reader. The reference page is held to this table."""

from __future__ import annotations

from flotilla.domain.fleet import (
    BalanceByHeader,
    Fleet,
    Health,
    Listen,
    Ports,
    Registry,
    Route,
    SecretHeader,
    Service,
    Smoke,
    Ssh,
)
from flotilla.domain.handed import Retry
from flotilla.domain.report import MOST_COPIES, MOST_SERVICES
from flotilla.fleetfile.readers import flag, number, seconds, size, text, whole, word
from flotilla.fleetfile.sections import Key, ListOf, MapOf, OneOf, Section
from flotilla.fleetfile.values import (
    ADDRESS,
    ANY_TEXT,
    CERTIFICATE,
    FILE,
    HEADER,
    HEADER_NAME,
    HEADER_TEXT,
    HEADER_WHAT,
    IMAGE,
    METHOD,
    NAME,
    NAME_WHAT,
    NETWORK,
    QUERY_PATH,
    REGISTRY,
    ROUTE_HOST,
    ROUTE_PATH,
    SSH_USER,
    USER,
    VARIABLE,
    VARIABLE_WHAT,
    VERSION,
    WORDS,
    Source,
)

PORT = whole("a port", 1, 65535)

SSH = Section(
    Ssh,
    "a mapping such as {user: deploy, port: 22}",
    (Key("user", SSH_USER), Key("port", PORT), Key("key", FILE), Key("known_hosts", FILE)),
    {"username": "user", "identity_file": "key", "keys": "key"},
)

REGISTRY_SECTION = Section(
    Registry,
    "a mapping such as {server: registry.example.com}",
    (
        Key("server", REGISTRY, required=True),
        Key("username", text("a user's name", r"[^\s:]{1,256}")),
        Key("password", Source()),
    ),
    {"user": "username", "url": "server", "host": "server"},
)

LISTEN = Section(
    Listen,
    "a mapping such as {http_port: 80}",
    (
        Key("http_port", PORT),
        Key("https_port", PORT),
        Key("status_port", PORT),
        Key("certificates", ListOf("a list of files", CERTIFICATE)),
    ),
    {"http": "http_port", "https": "https_port", "status": "status_port"},
)

PORTS = Section(
    Ports,
    "a mapping such as {first: 8000, container: 8000}",
    (Key("first", PORT, required=True), Key("container", PORT, required=True)),
)

HEALTH = Section(
    Health,
    "a mapping such as {path: /healthz}",
    (Key("path", QUERY_PATH), Key("interval_s", seconds(60)), Key("deadline_s", seconds(3600, 1))),
)

SMOKE_HEADER = OneOf(
    "a text, or {secret: NAME, prefix: …}",
    HEADER_TEXT,
    Section(
        SecretHeader,
        "a mapping such as {secret: TOKEN}",
        (Key("secret", text(VARIABLE_WHAT, VARIABLE), required=True), Key("prefix", HEADER_TEXT)),
    ),
)

SMOKE = Section(
    Smoke,
    "a mapping such as {path: /, expect: 200}",
    (
        Key("path", QUERY_PATH, required=True),
        Key("method", METHOD),
        Key("body", ANY_TEXT),
        Key("expect", whole("a status", 100, 599)),
        Key("headers", MapOf("a mapping from names to texts", HEADER_WHAT, HEADER, SMOKE_HEADER)),
    ),
    {"status": "expect", "verb": "method"},
)

BALANCE = OneOf(
    "leastconn, roundrobin or {header: NAME}",
    word(("leastconn", "roundrobin"), what="leastconn, roundrobin or {header: NAME}"),
    Section(BalanceByHeader, "a mapping such as {header: X-Customer}", (Key("header", HEADER_NAME, required=True),)),
)

SERVICE = Section(
    Service,
    "a mapping with at least image, version and ports",
    (
        Key("image", IMAGE, required=True),
        Key("version", VERSION, required=True),
        Key("copies", whole("a whole number", 1, MOST_COPIES)),
        Key("ports", PORTS, required=True),
        Key("health", HEALTH),
        Key("smoke", SMOKE),
        Key("route", Section(Route, "a mapping such as {path: /}", (Key("host", ROUTE_HOST), Key("path", ROUTE_PATH)))),
        Key("retry", word(tuple(Retry), Retry)),
        Key("retry_body", size("1k", "1m")),
        Key("balance", BALANCE),
        Key("timeout_s", seconds(3600)),
        Key("drain_s", seconds(3600)),
        Key("max_connections", whole("a whole number", 1, 65535)),
        Key("max_body", size("1k", "1024g")),
        Key("memory", size("6m", "4096g")),
        Key("cpus", number("a number", 0.01, 1024)),
        Key("user", USER),
        Key("read_only", flag()),
        Key("command", WORDS),
        Key("env", MapOf("a mapping from variables to texts", VARIABLE_WHAT, VARIABLE, ANY_TEXT)),
        Key("secrets", MapOf("a mapping from names to where each comes from", VARIABLE_WHAT, VARIABLE, Source(), 100)),
    ),
    {
        "replicas": "copies",
        "instances": "copies",
        "scale": "copies",
        "tag": "version",
        "port": "ports",
        "environment": "env",
        "healthcheck": "health",
        "mem_limit": "memory",
        "cpu": "cpus",
        "cmd": "command",
        "entrypoint": "command",
        "readonly": "read_only",
        "domain": "route",
        "path": "route",
        "host": "route",
        "timeout": "timeout_s",
        "drain": "drain_s",
        "load_balancing": "balance",
    },
)

FLEET = Section(
    Fleet,
    "a mapping with fleet, gateways, hosts, admit and services",
    (
        Key("fleet", text(NAME_WHAT, NAME), required=True, field="name"),
        Key("gateways", ListOf("a list of addresses", ADDRESS, 1), required=True),
        Key("hosts", ListOf("a list of addresses", ADDRESS, 1), required=True),
        Key("admit", ListOf("a list of networks", NETWORK, 1), required=True),
        Key("ssh", SSH),
        Key("registry", REGISTRY_SECTION),
        Key("listen", LISTEN),
        Key(
            "services",
            MapOf("a mapping from names to services", NAME_WHAT, NAME, SERVICE, MOST_SERVICES, named="name"),
        ),
    ),
    {"name": "fleet", "servers": "hosts", "networks": "admit", "gateway": "gateways", "tls": "listen"},
)
