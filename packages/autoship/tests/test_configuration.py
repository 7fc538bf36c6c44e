"""What can be set, from where, and what is said of what cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from autoship.configuration import (
    NOT_BUILT_IN,
    SETTINGS,
    Configuration,
    InMemory,
    LogForm,
    LogLevel,
    Secret,
    SqliteFile,
    read_configuration,
)
from autoship.errors import ConfigurationError

DEFAULTS = Configuration(
    host="127.0.0.1",
    port=8000,
    history=SqliteFile(Path("autoship.db")),
    cache=InMemory(),
    memory_mb=1024,
    token=None,
    max_error=0.05,
    audit=0.1,
    log=LogForm.TEXT,
    log_level=LogLevel.INFO,
    access_log=False,
    request_timeout_s=30,
    max_connections=1_000,
    drain_s=20,
)


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


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("max_error", "0.005", 0.005),
        ("max_error", "0.5", 0.5),
        ("audit", "0", 0.0),
        ("audit", "1", 1.0),
        ("log", "json", LogForm.JSON),
        ("log", "auto", LogForm.AUTO),
        ("log_level", "error", LogLevel.ERROR),
        ("access_log", "on", True),
        ("request_timeout_s", "0.5", 0.5),
        ("max_connections", "1", 1),
        ("drain_s", "3600", 3600.0),
    ],
)
def test_what_can_be_set(name: str, text: str, value: object) -> None:
    assert getattr(read_configuration({name: text}, {}), name) == value


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("max_error", "0.004", "is a share between 0.005 and 0.5"),
        ("max_error", "0.51", "is a share between"),
        ("max_error", "nan", "is a share between"),
        ("max_error", "5%", "is a share between"),
        ("audit", "-0.1", "is a share between 0 and 1"),
        ("audit", "1e-1", "is a share between 0 and 1"),
        ("log", "JSON", "is one of text, json, auto"),
        ("log_level", "verbose", "is one of debug, info, warning, error"),
        ("access_log", "1", 'is "on" or "off"'),
        ("request_timeout_s", "0", "is a number of seconds, more than 0"),
        ("request_timeout_s", "inf", "is a number of seconds"),
        ("max_connections", "0", "is a whole number from 1"),
        ("max_connections", "1.5", "is a whole number from 1"),
        ("drain_s", "0", "is a number of seconds from 1"),
        ("drain_s", "1e9", "is a number of seconds from 1"),
        ("drain_s", "\uff12\uff10", "is a number of seconds from 1"),
    ],
)
def test_what_cannot_be_set_is_told_with_what_can(name: str, text: str, told: str) -> None:
    assert f"AUTOSHIP_{name.upper()} {told}" in problems({f"AUTOSHIP_{name.upper()}": text})[0]


def test_the_token_comes_from_a_variable_or_a_file_and_from_no_flag(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret-token\n")
    assert read_configuration({}, {"AUTOSHIP_TOKEN": "s3cret-token"}).token == Secret("s3cret-token")
    assert read_configuration({}, {"AUTOSHIP_TOKEN_FILE": str(tmp_path / "token")}).token == Secret("s3cret-token")
    assert read_configuration({"token": "s3cret-token"}, {}).token is None
    assert [setting.flag for setting in SETTINGS if setting.secret] == [None]


@pytest.mark.parametrize("token", ["", "two words", "s3cr\u00e9t", "s3cret\x00"])
def test_what_is_no_token_is_told_without_it(token: str) -> None:
    told = problems({"AUTOSHIP_TOKEN": token})
    assert "AUTOSHIP_TOKEN is one word of visible ASCII characters" in told[0]
    assert "s3cr" not in told[0]


def test_a_secret_shows_itself_nowhere() -> None:
    configuration = read_configuration({}, {"AUTOSHIP_TOKEN": "s3cret-token"})
    token = configuration.token
    assert token is not None
    assert "s3cret" not in f"{configuration} {configuration!r} {token} {token!r} {[token]} {token:}"
    assert token.reveal() == "s3cret-token"
    assert (token == Secret("s3cret-token"), token == Secret("another"), token == "s3cret-token") == (
        True,
        False,
        False,
    )
    assert len({token, Secret("s3cret-token")}) == 1
