"""What can be set, from where, and what is said of what cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from autoship.configuration import NOT_BUILT_IN, SETTINGS, Configuration, InMemory, SqliteFile, read_configuration
from autoship.errors import ConfigurationError

DEFAULTS = Configuration("127.0.0.1", 8000, SqliteFile(Path("autoship.db")), InMemory(), 1024)


def problems(environment: dict[str, str], **flags: str) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(flags, environment)
    return caught.value.problems


def test_everything_has_a_default_and_a_field() -> None:
    assert read_configuration({}, {"PATH": "/bin"}) == DEFAULTS
    assert tuple(setting.name for setting in SETTINGS) == Configuration.__struct_fields__
    assert all(setting.help and setting.metavar for setting in SETTINGS)


def test_a_flag_wins_over_a_variable_and_a_variable_over_the_default() -> None:
    environment = {"AUTOSHIP_PORT": "9000", "AUTOSHIP_HOST": "0.0.0.0"}
    configuration = read_configuration({"port": "9001", "host": None}, environment)
    assert (configuration.port, configuration.host) == (9001, "0.0.0.0")


def test_any_variable_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text("9000\n")
    assert read_configuration({}, {"AUTOSHIP_PORT_FILE": str(file)}).port == 9000
    told = problems({"AUTOSHIP_PORT_FILE": str(tmp_path / "nowhere"), "AUTOSHIP_HOST_FILE": str(tmp_path)})
    assert ["AUTOSHIP_HOST_FILE" in told[0], "AUTOSHIP_PORT_FILE" in told[1]] == [True, True]
    assert "keep one" in problems({"AUTOSHIP_PORT_FILE": str(file), "AUTOSHIP_PORT": "9000"})[0]


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("memory:", InMemory()),
        ("sqlite:///autoship.db", SqliteFile(Path("autoship.db"))),
        ("sqlite:///data/a b.db", SqliteFile(Path("data/a b.db"))),
        ("sqlite:////var/lib/autoship.db", SqliteFile(Path("/var/lib/autoship.db"))),
    ],
)
def test_a_history_is_named_by_its_url(url: str, place: object) -> None:
    assert read_configuration({"history": url}, {}).history == place


@pytest.mark.parametrize(
    "url",
    [
        "",
        "autoship.db",
        "sqlite:",
        "sqlite://",
        "sqlite:///",
        "sqlite:////",
        "sqlite:///:memory:",
        "mysql://x",
        "memory",
    ],
)
def test_what_is_no_history_is_told_with_what_would_be(url: str) -> None:
    assert 'AUTOSHIP_HISTORY is "sqlite:///autoship.db"' in problems({"AUTOSHIP_HISTORY": url})[0]


@pytest.mark.parametrize("scheme", NOT_BUILT_IN)
def test_what_is_not_built_in_is_told_without_its_password(scheme: str) -> None:
    told = problems(
        {"AUTOSHIP_HISTORY": f"{scheme}://user:secret@host/x", "AUTOSHIP_CACHE": f"{scheme}://:secret@host"}
    )
    assert [f"names {scheme}, which is not built into this version" in one for one in told] == [True, True]
    assert "secret" not in "".join(told)


@pytest.mark.parametrize("port", ["", "http", "-1", "65536", "80.0", "\uff18\uff10", " 80"])
def test_what_is_no_port_is_told(port: str) -> None:
    assert problems({}, port=port) == ("--port is a port from 0 to 65535, 0 for any that is free",)


@pytest.mark.parametrize("number", ["", "0", "-5", "1.5", "1e3", "999999999", "1G"])
def test_what_is_no_amount_of_memory_is_told(number: str) -> None:
    assert problems({"AUTOSHIP_MEMORY_MB": number}) == ("AUTOSHIP_MEMORY_MB is a number of MiB, at least 1",)


def test_all_problems_are_told_at_once() -> None:
    told = problems(
        {"AUTOSHIP_HSTORY": "x", "AUTOSHIP_PORT": "x", "AUTOSHIP_CACHE": "x", "AUTOSHIP_Q": "1"}, host="a b"
    )
    assert len(told) == 5
    assert "AUTOSHIP_HSTORY is not known: did you mean AUTOSHIP_HISTORY?" in told
    assert "AUTOSHIP_Q is not known: there are AUTOSHIP_HOST, " in "\n".join(told)
