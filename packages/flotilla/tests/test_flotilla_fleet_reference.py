"""The annotated example is the reference: it has every key, and says of each what the reader of fleet files holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import yaml
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
from flotilla.domain.secret import FromCommand, FromEnvironment, FromFile
from flotilla.errors import FleetFileError
from flotilla.fleetfile import parse
from flotilla.fleetfile.grammar import FLEET
from flotilla.fleetfile.nodes import Keys, Node, compose
from flotilla.fleetfile.problems import Problems
from flotilla.fleetfile.readers import Reader
from flotilla.fleetfile.sections import Key, ListOf, MapOf, OneOf, Section
from flotilla.fleetfile.values import Source

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs/reference/fleet.yaml").read_text()
EXAMPLE: dict[str, Any] = yaml.safe_load(TEXT)
FOLDER = Path("/fleet")
LEAST = {key: EXAMPLE[key] for key in ("fleet", "gateways", "hosts", "admit")}
LEAST_SERVICE = {key: EXAMPLE["services"]["carts"][key] for key in ("image", "version", "ports")}

DESIGN = """\
fleet: shop
gateways: [10.0.0.10]
hosts: [10.0.0.21, 10.0.0.22, 10.0.0.23]         # deployed to; others of these networks may join by themselves
admit: [10.0.0.0/24]
ssh: {user: deploy, port: 22}
registry: {server: registry.example.com, username: deploy, password: {env: REGISTRY_PASSWORD}}
services:
  autoship:
    image: autoship
    version: "1.0.0"
    copies: 4                                    # on each host
    ports: {first: 8000, container: 8000}        # on the host: 8000, 8001, 8002, 8003
    health: {path: /readyz, interval_s: 1, deadline_s: 60}
    smoke:                                       # asked of each copy before it gets into rotation
      {method: POST, path: /v1/prediction, body: '{"customer_id":"smoke","order":{}}', expect: 200,
       headers: {Authorization: {secret: AUTOSHIP_TOKEN, prefix: "Bearer "}}}
    route: {path: /}                             # and, or, host: predict.example.com
    retry: all                                   # what a dying copy dropped is asked again: connect | safe | all
    balance: leastconn                           # or roundrobin, or {header: X-Customer} for affinity
    timeout_s: 30
    drain_s: 30
    memory: 512m
    cpus: 1
    env: {AUTOSHIP_HISTORY: "elasticsearch://10.0.0.5:9200/shipments"}
    secrets: {AUTOSHIP_TOKEN: {file: secrets/token}}      # or {env: …}, {command: …}; mounted as a file
"""


def test_a_fleet_in_short_hand_is_read() -> None:
    assert parse(DESIGN, FOLDER) == Fleet(
        name="shop",
        folder=FOLDER,
        gateways=("10.0.0.10",),
        hosts=("10.0.0.21", "10.0.0.22", "10.0.0.23"),
        admit=("10.0.0.0/24",),
        ssh=Ssh(user="deploy", port=22),
        registry=Registry(
            server="registry.example.com", username="deploy", password=FromEnvironment(env="REGISTRY_PASSWORD")
        ),
        services=(
            Service(
                name="autoship",
                image="autoship",
                version="1.0.0",
                copies=4,
                ports=Ports(first=8000, container=8000),
                health=Health(path="/readyz", interval_s=1, deadline_s=60),
                smoke=Smoke(
                    method="POST",
                    path="/v1/prediction",
                    body='{"customer_id":"smoke","order":{}}',
                    headers={"Authorization": SecretHeader(secret="AUTOSHIP_TOKEN", prefix="Bearer ")},
                ),
                retry=Retry.ALL,
                memory=512 * 1024**2,
                cpus=1,
                env={"AUTOSHIP_HISTORY": "elasticsearch://10.0.0.5:9200/shipments"},
                secrets={"AUTOSHIP_TOKEN": FromFile(file=Path("secrets/token"))},
            ),
        ),
    )


class Known(NamedTuple):
    """A key that the reader knows: its path, with ``*`` for a name that people give, and how it is read."""

    path: tuple[str, ...]
    key: Key


def known(reader: Reader, path: tuple[str, ...] = ()) -> Iterator[Known]:
    match reader:
        case Section(keys=keys):
            for key in keys:
                yield Known((*path, key.name), key)
                yield from known(key.reader, (*path, key.name))
        case MapOf(value=value):
            yield from known(value, (*path, "*"))
        case OneOf(mapping=mapping):
            yield from known(mapping, path)
        case Source() if path[-2] == "secrets":
            yield from known(reader.section, path)


KNOWN = list(known(FLEET))


def comments() -> dict[tuple[str, ...], str]:
    """The comment before each key of the example, by the key's path."""
    lines = TEXT.splitlines()
    told: dict[tuple[str, ...], str] = {}
    root = compose(TEXT, Problems())
    assert root is not None
    for path, line in places(root, ()):
        begin = line - 1
        while begin > 0 and lines[begin - 1].lstrip().startswith("#"):
            begin -= 1
        comment = " ".join(each.lstrip("# ") for each in lines[begin : line - 1])
        for each in KNOWN:
            if comment and matches(each.path, path):
                told.setdefault(each.path, comment)
    return told


def places(node: Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    if isinstance(node, Keys):
        for name, value in node.entries.items():
            yield (*path, name), value.line
            yield from places(value, (*path, name))


def matches(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    return len(pattern) == len(path) and all(one in ("*", other) for one, other in zip(pattern, path, strict=True))


COMMENTS = comments()


def test_the_example_is_a_fleet() -> None:
    fleet = parse(TEXT, FOLDER)
    assert [service.name for service in fleet.services] == ["autoship", "carts"]


def test_every_key_that_is_known_is_in_the_example_with_a_comment() -> None:
    assert [each.path for each in KNOWN if each.path not in COMMENTS] == []


def name(each: Known) -> str:
    return ".".join(each.path)


def is_leaf(each: Known) -> bool:
    return not isinstance(each.key.reader, Section)


@pytest.mark.parametrize("each", [each for each in KNOWN if is_leaf(each)], ids=name)
def test_the_comment_of_a_key_says_what_it_may_be(each: Known) -> None:
    comment = COMMENTS[each.path]
    assert each.key.reader.what in comment
    match each.key.reader:
        case ListOf(item=item) if "word" not in item.what:
            assert item.what in comment
        case MapOf(name=its_name) if each.path[-1] in ("services", "env"):
            assert its_name in comment


def structs() -> list[type[msgspec.Struct]]:
    sources = [FromFile, FromEnvironment, FromCommand]
    sections = [Ssh, Registry, Listen, Ports, Health, Smoke, Route, SecretHeader, BalanceByHeader, Service, Fleet]
    return [*sources, *sections]


def test_every_field_of_the_values_comes_from_a_key() -> None:
    names = {(each.key.field or each.path[-1]) for each in KNOWN}
    fields = {field for struct in structs() for field in struct.__struct_fields__}
    assert fields - names == {"folder"}


def test_what_is_required_says_so_and_everything_else_tells_its_default() -> None:
    for each in filter(is_leaf, KNOWN):
        if "secrets" in each.path[:-1]:
            continue
        comment = COMMENTS[each.path]
        assert ("Required." in comment) is each.key.required, name(each)
        assert ("Default: " in comment) is not each.key.required, name(each)


NAMES = {"services": "web", "headers": "X-Token"}
NEEDED = {
    ("registry",): {"server": "registry.example.com"},
    ("services", "*"): LEAST_SERVICE,
    ("services", "*", "smoke"): {"path": "/"},
    ("services", "*", "smoke", "headers", "*"): {"secret": "TOKEN"},
}


def with_only(path: tuple[str, ...], *value: Any) -> dict[str, Any]:
    """The least fleet in which there is a place for this key, with a value or without."""
    tree: dict[str, Any] = dict(LEAST)
    inner = tree
    for depth, step in enumerate(path[:-1]):
        inner = inner.setdefault(NAMES[path[depth - 1]] if step == "*" else step, {})
        inner.update(NEEDED.get(path[: depth + 1], {}))
    if "headers" in path:
        tree["services"]["web"]["secrets"] = {"TOKEN": {"env": "TOKEN"}}
    if value:
        inner[path[-1]] = value[0]
    return tree


DEFAULTS = [each for each in KNOWN if not each.key.required and is_leaf(each) and "secrets" not in each.path[:-1]]


@pytest.mark.parametrize("each", DEFAULTS, ids=name)
def test_a_default_is_what_the_reference_says(each: Known) -> None:
    found = re.search(r"Default: (\S+)", COMMENTS[each.path])
    assert found is not None
    without = parse(yaml.safe_dump(with_only(each.path)), FOLDER)
    if found[1] == "none":
        assert value_of(without, each) in (None, (), {})
    else:
        assert parse(yaml.safe_dump(with_only(each.path, yaml.safe_load(found[1]))), FOLDER) == without


def value_of(fleet: Fleet, each: Known) -> object:
    value: Any = fleet
    for step in each.path:
        if step == "*":
            value = value[0]
        elif value is not None:
            value = getattr(value, step)
    return value


def test_the_page_shows_the_example() -> None:
    page = (ROOT / "docs/reference/fleet-file.md").read_text()
    assert f"```yaml\n{TEXT}```\n" in page


def test_the_page_shows_what_is_really_said_of_mistakes() -> None:
    page = (ROOT / "docs/reference/fleet-file.md").read_text()
    wrong, told = re.findall(r"^```(?:yaml|text)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[-2:]
    with pytest.raises(FleetFileError) as caught:
        parse(wrong, FOLDER)
    assert str(caught.value) == told.strip()
