"""What is said of fleet files that are wrong: every problem at once, with its line, its key, and what was meant."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from flotilla.adapters.fleet_file import read
from flotilla.domain.fleet import Fleet, Ports, Service
from flotilla.domain.service_id import service_id
from flotilla.errors import FleetFileError
from flotilla.fleetfile import parse
from flotilla.fleetfile.nodes import MOST_BYTES
from flotilla.gateway.configuration import Machine, configuration
from flotilla.rollout import gateway_file
from hypothesis import example, given
from hypothesis import strategies as st

HERE = Path(__file__).parent
REFERENCE = (HERE.parents[2] / "docs/reference/fleet.yaml").read_text()
FOLDER = Path("/fleet")
LEAST = """\
fleet: shop
gateways: [10.0.0.10]
hosts: [10.0.0.21]
admit: [10.0.0.0/24]
services:
  web:
    image: web
    version: "1"
    ports: {first: 8000, container: 80}
"""


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(FleetFileError) as caught:
        parse(text, FOLDER)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


class Case(NamedTuple):
    text: str
    problems: tuple[str, ...]


def cases() -> list[Case]:
    found = []
    for block in (HERE / "fleet_file_problems.txt").read_text().split("\n\n")[1:]:
        lines = dict(enumerate(LEAST.splitlines(), 1))
        lines.update((int(number), text) for number, text in re.findall(r"^(\d+)\|(.*)$", block, re.MULTILINE))
        told = tuple(f"fleet.yaml:{problem}" for problem in re.findall(r"^> (.*)$", block, re.MULTILINE))
        found.append(Case("\n".join(lines[number] for number in sorted(lines)) + "\n", told))
    return found


def changed(case: Case) -> str:
    return " ".join(line.strip() for line in case.text.splitlines() if line not in LEAST.splitlines())


@pytest.mark.parametrize("case", cases(), ids=changed)
def test_what_is_wrong_is_told_with_its_line_its_key_and_the_mend(case: Case) -> None:
    assert problems(case.text) == case.problems
    assert case.problems


def test_the_least_that_is_right() -> None:
    assert parse(LEAST, FOLDER) == Fleet(
        name="shop",
        folder=FOLDER,
        gateways=("10.0.0.10",),
        hosts=("10.0.0.21",),
        admit=("10.0.0.0/24",),
        services=(Service(name="web", image="web", version="1", ports=Ports(first=8000, container=80)),),
    )


def test_every_problem_is_told_at_once_in_the_order_of_lines() -> None:
    text = LEAST.replace("fleet: shop", "fleet: Shop").replace("image: web", "imgae: web").replace("80}", "eighty}")
    assert [problem.split(": ")[:2] for problem in problems(text)] == [
        ["fleet.yaml:1", "fleet"],
        ["fleet.yaml:7", "services.web.imgae"],
        ["fleet.yaml:9", "services.web.ports.container"],
    ]


def test_what_does_not_go_together_is_told_where_other_keys_are_broken_too() -> None:
    other = LEAST[LEAST.index("  web:") :].replace("  web:", "  api:").replace("image: web", "image: API")
    told = problems(LEAST.replace('version: "1"', "version: 1") + other)
    assert [problem.split(": ")[1] for problem in told] == [
        "services.web.version",
        "services.api",
        "services.api.image",
        "services.api.ports.first",
    ]


def test_two_services_whose_names_are_one_in_serfs_tags_are_refused() -> None:
    one, other = "service-296", "service-2597"
    text = LEAST.replace("web:", f"{one}:") + LEAST[LEAST.index("  web:") :].replace("web:", f"{other}:")
    text = text.replace("8000", "8100", 1) + "    route: {path: /other}\n"
    assert service_id(one) == service_id(other)
    assert problems(text) == (
        f"fleet.yaml:10: services.{other}: its name has the same short form in Serf's tags as {one}: rename one",
    )


def test_seventeen_services_are_too_many() -> None:
    one = "  NAME:\n    image: a\n    version: a\n    ports: {first: PORT, container: 80}\n    route: {path: /NAME}\n"
    text = LEAST + "".join(one.replace("NAME", f"s{i}").replace("PORT", str(8100 + i)) for i in range(16))
    assert problems(text) == ("fleet.yaml:5: services: has 17 entries, at most 16",)


def test_a_secret_that_stands_in_the_file_itself_is_not_shown() -> None:
    text = LEAST + "    secrets: {TOKEN: hunter2}\nregistry: {server: r.example.com, username: x, password: hunter2}\n"
    told = problems(text)
    assert len(told) == 2
    assert "hunter2" not in "".join(told)


def test_a_problem_is_one_line_however_the_file_looks() -> None:
    for value in ('"a\\nb"', '"\\u2028"', "x" * 1000, '"\\e[31m"'):
        (problem,) = problems(LEAST.replace("web\n    version", f"{value}\n    version"))
        assert problem.isprintable()
        assert len(problem) < 200


def test_more_than_a_hundred_problems_are_counted() -> None:
    told = problems(LEAST + "".join(f"wrong{i}: 1\n" for i in range(250)))
    assert len(told) == 101
    assert told[-1] == "fleet.yaml: and 150 more"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1: is empty"),
        ("# a comment\n", "1: is empty"),
        ("- a", "1: is a mapping with fleet, gateways, hosts, admit and services, not a list"),
        ("a: b: c", "1: is not valid YAML: put a value that has a colon and a space in it in quotes (mapping …"),
        ("{", "1: is not valid YAML: while parsing a flow node expected the node content, but found '<stream end>'"),
        ("\nfleet: '", "2: is not valid YAML: close the quotes (while scanning a quoted scalar found unexpected …"),
        ("\nfleet: \x07", "2: has a character that YAML does not allow: U+0007"),
        ('"\\UFFFFFFFF"', "1: is not valid YAML: a number or a character's code here is out of range"),
        (f"%YAML 1.{'1' * 5000}\n---", "1: is not valid YAML: a number or a character's code here is out of range"),
        ("a: 1\n---\nb: 2\n", "2: a second document begins here: one file is one fleet"),
    ],
)
def test_what_is_no_yaml_is_told_as_a_line(text: str, problem: str) -> None:
    (told,) = problems(text)
    assert told.startswith(f"fleet.yaml:{problem.removesuffix('…')}")


LAUGHS = "a0: &a0 [lol]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30))
MANY = MOST_BYTES // 2
HOSTILE = {
    "a billion laughs": LAUGHS,
    "merges": "a: &a {<<: *a}\n" * 1000,
    "1 MB of brackets": "[" * 1_000_000,
    "brackets": "[" * MANY,
    "braces": "{" * MANY,
    "keys": "? " * MANY,
    "dashes": "- " * MANY,
    "indentation": "".join(" " * i + f"a{i}:\n" for i in range(700)),
    "documents": "---\n" * (MANY // 4),
    "directives": "%A\n" * (MANY // 2),
    "unknown keys": "".join(f"{i}: a\n" for i in range(6000)),
    "long unknown keys": "".join(f"{'copies' * 20}{i}: a\n" for i in range(900)),
    "hosts": LEAST.replace("[10.0.0.21]", "[" + ", ".join(f"10.1.{i >> 8}.{i & 255}" for i in range(9000)) + "]"),
    "a long number": LEAST + f"    copies: {'9' * 100_000}",
    "a long name": LEAST.replace("web:", f"{'a' * 100_000}:"),
    "a long path": LEAST + f"    route: {{path: {'/a' * 50_000}/}}",
    "a long image": LEAST.replace("image: web", f"image: {'a-' * 50_000}"),
    "a long host": LEAST + f"    route: {{host: {'a' * 50_000}_}}",
    "many long names of machines": LEAST.replace("[10.0.0.21]", "[" + ", ".join(["a-" * 500] * 100) + "]"),
    "escapes": '"' + "\\x41" * 60_000 + '": 1',
    "a command that no shell takes": LEAST
    + '    command: ["'
    + "\\x41" * 60_000
    + '"]\n    env: {A: "'
    + "a" * 6000
    + '"}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_take_less_than_a_second(name: str) -> None:
    begin = time.process_time()
    assert all(len(problem) < 1000 for problem in problems(HOSTILE[name]))
    assert time.process_time() - begin < 1


def told_well(text: str) -> None:
    """A fleet, or problems of one line each, with a line of the file."""
    try:
        parse(text, FOLDER)
    except FleetFileError as error:
        lines = text.count("\n") + text.count("\r") + text.count("\x85") + text.count("\u2028") + text.count("\u2029")
        for problem in error.problems:
            number = re.match(r"fleet\.yaml:(\d+): ", problem)
            assert number is not None, problem
            assert 1 <= int(number[1]) <= lines + 2
            assert "\n" not in problem
        numbers = [int(problem.split(":")[1]) for problem in error.problems]
        assert numbers == sorted(numbers)


@given(st.text())
def test_any_text_is_a_fleet_or_has_problems(text: str) -> None:
    told_well(text)


FRAGMENTS = st.sampled_from(
    [
        *"[]{}'\"|>#%?,~!",
        "fleet",
        "services",
        "web",
        ":",
        ": ",
        "- ",
        "\n",
        "\n  ",
        "\n    ",
        "&a",
        "*a",
        "!!str",
        "? ",
        "<<",
        "1",
        "1.0",
        "\t",
        "\\",
        "\0",
        "\ufeff",
        "---",
        "...",
    ]
)


@given(st.lists(FRAGMENTS, max_size=40).map("".join))
def test_any_pieces_of_yaml_are_a_fleet_or_have_problems(text: str) -> None:
    told_well(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(place=st.integers(0, 10_000), value=VALUES)
@example(place=5, value={"web": None})
def test_any_value_for_any_key_is_a_fleet_or_has_problems(place: int, value: object) -> None:
    tree = yaml.safe_load(REFERENCE)
    spots = [*each_spot(tree)]
    holder, key = spots[place % len(spots)]
    holder[key] = value
    told_well(yaml.safe_dump(tree, allow_unicode=True))


def each_spot(node: object) -> list[tuple[dict[object, object] | list[object], object]]:
    if isinstance(node, dict):
        return [spot for key, value in node.items() for spot in [(node, key), *each_spot(value)]]
    if isinstance(node, list):
        return [spot for index, value in enumerate(node) for spot in [(node, index), *each_spot(value)]]
    return []


@given(at=st.integers(0, len(REFERENCE)), length=st.integers(0, 30), piece=FRAGMENTS | st.text(max_size=3))
def test_any_slip_in_a_good_file_leaves_a_fleet_or_has_problems(at: int, length: int, piece: str) -> None:
    told_well(REFERENCE[:at] + piece + REFERENCE[at + length :])


def test_a_file_is_read_from_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    file = tmp_path / "shop.yaml"
    file.write_text(LEAST + "ssh: {key: ~/.ssh/key, known_hosts: hosts}\n")
    fleet = read(file)
    assert (fleet.folder, fleet.ssh.key, fleet.ssh.known_hosts) == (
        tmp_path,
        Path("/home/somebody/.ssh/key"),
        Path("hosts"),
    )
    file.write_text("fleet: Shop\n" + LEAST.partition("\n")[2])
    with pytest.raises(FleetFileError) as caught:
        read(file)
    assert str(caught.value).startswith(f"{file}:1: fleet: is a name")


def test_a_file_that_cannot_be_read_is_a_problem_and_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(FleetFileError, match=r"nowhere\.yaml: is not there: flotilla init writes one"):
        read(tmp_path / "nowhere.yaml")
    with pytest.raises(FleetFileError, match="cannot be read: Is a directory"):
        read(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"fleet: shop\nssh: {user: m\xfcller}\n")
    with pytest.raises(FleetFileError, match=r"latin\.yaml:2: is not UTF-8"):
        read(tmp_path / "latin.yaml")
    (tmp_path / "huge.yaml").write_bytes(b"\xff" * 10 * MOST_BYTES)
    with pytest.raises(FleetFileError, match=r"huge\.yaml:1: has more than 256 KiB"):
        read(tmp_path / "huge.yaml")


MACHINE = Machine(open_files=100_000, memory=4 * 1024**3, cpus=2)


PLACES: dict[str, Callable[[str], dict[str, object]]] = {
    "health.path": lambda text: {"health": {"path": f"/{text}"}},
    "route.path": lambda text: {"route": {"path": f"/{text}"}},
    "route.host": lambda text: {"route": {"host": text}},
    "balance.header": lambda text: {"balance": {"header": text}},
    "listen.certificates": lambda text: {"certificate": text},
}


@pytest.mark.parametrize("place", PLACES)
def test_whatever_a_fleet_file_may_say_a_gateway_can_be_given(place: str) -> None:
    texts = [form.format(chr(code)) for code in range(32, 127) for form in ("a{}b", "{}a", "a{}", "a{0}{0}b")]
    given = [text for text in [*texts, "a" * 64, "a" * 65, "a" * 300, "a/" * 600] if is_given(PLACES[place](text))]
    assert len(given) > 50


def is_given(change: dict[str, object]) -> bool:
    """Whether the change makes a fleet file that is right; a gateway's configuration is made of it, then."""
    tree = yaml.safe_load(LEAST)
    if "certificate" in change:
        tree["listen"] = {"certificates": [change["certificate"]]}
    else:
        tree["services"]["web"] |= change
    try:
        fleet = parse(yaml.safe_dump(tree), FOLDER)
    except FleetFileError:
        return False
    return bool(configuration(gateway_file(fleet, 1), (), MACHINE).text)
