"""The cheapest safe change from what HAProxy runs to what it should."""

from __future__ import annotations

import msgspec
import pytest
from flotilla.gateway.change import (
    CALM_S,
    FIRST_ADDED_ID,
    REST_S,
    ByCommands,
    ByReload,
    Nothing,
    carry_over,
    change,
    commands_ms,
    reload_ms,
)
from flotilla.gateway.configuration import Configuration, configuration
from flotilla.gateway.rotation import Server
from flotilla_haproxy_model import ModelHaproxy
from flotilla_members import FILE, MACHINE


def rotating(*places: str, weight: int = 100, alive: bool = True) -> Configuration:
    """The configuration with these copies of web."""
    servers = [
        Server(service="web", address=address, port=int(port), weight=weight, alive=alive)
        for address, _, port in (place.rpartition(":") for place in places)
    ]
    return configuration(FILE, servers, MACHINE)


def running_with(wanted: Configuration) -> ModelHaproxy:
    model = ModelHaproxy(wanted)
    model.start()
    return model


KNOWN, OTHER, STRANGER = "10.0.0.21:8000", "10.0.0.22:8000", "10.0.0.77:8001"


def commands(model: ModelHaproxy, wanted: Configuration) -> list[str]:
    step = change(model.running(), wanted)
    assert isinstance(step, ByCommands), step
    assert [model.run(each) for each in step.commands if "deleted" not in each]
    return list(step.commands)


def test_what_runs_already_needs_nothing() -> None:
    wanted = rotating(KNOWN, STRANGER)
    assert change(running_with(wanted).running(), wanted) == Nothing()


def test_a_host_of_the_file_comes_in_by_its_state_and_is_held_down_until_checks_pass() -> None:
    model = running_with(rotating())
    assert commands(model, rotating(KNOWN)) == [
        f"set server web/{KNOWN} state ready",
        f"set server web/{KNOWN} health down",
        f"set server web.last-resort/{KNOWN} state ready",
    ]
    assert not model.servers["web", KNOWN].takes
    assert change(model.running(), rotating(KNOWN)) == Nothing()


def test_a_host_of_no_file_is_added_with_every_option_and_an_id_that_shows_it() -> None:
    wanted = rotating(STRANGER)
    model = running_with(rotating())
    first, *others = commands(model, wanted)
    options = wanted.servers["web", STRANGER].options
    assert first == f"add server web/{STRANGER} {STRANGER} {options} weight 100 id {FIRST_ADDED_ID}"
    assert {"check", "slowstart", "observe", "maxconn", "hash-key", "downinter"} <= set(options.split())
    assert others[:3] == [
        f"enable health web/{STRANGER}",
        f"set server web/{STRANGER} state ready",
        f"set server web/{STRANGER} health down",
    ]
    assert change(model.running(), wanted) == Nothing()


def test_one_that_goes_drains_first_and_leaves_when_no_request_is_left() -> None:
    model = running_with(rotating(KNOWN, STRANGER))
    wanted = rotating()
    for place in (KNOWN, STRANGER):
        model.servers["web", place].sessions = 1
    assert f"set server web/{KNOWN} state drain" in commands(model, wanted)
    commands(model, wanted)  # the last resorts have no request
    assert change(model.running(), wanted) == Nothing(waiting=2)
    for place in (KNOWN, STRANGER):
        model.servers["web", place].sessions = 0
    assert commands(model, wanted) == [
        f"set server web/{KNOWN} state maint",
        f"set server web/{STRANGER} state maint",
        f"del server web/{STRANGER}",
    ]
    assert change(model.running(), wanted) == Nothing()


def test_one_that_comes_back_while_it_drains_is_ready_at_once() -> None:
    model = running_with(rotating(KNOWN))
    model.servers["web", KNOWN].sessions = 1
    commands(model, rotating())
    assert f"set server web/{KNOWN} state ready" in commands(model, rotating(KNOWN))
    assert model.servers["web", KNOWN].takes


def test_a_canary_is_a_change_of_weight() -> None:
    model = running_with(rotating(KNOWN))
    assert commands(model, rotating(KNOWN, weight=10)) == [
        f"set server web/{KNOWN} weight 10",
        f"set server web.last-resort/{KNOWN} weight 10",
    ]


def test_one_that_failed_stays_where_checks_watch_it_and_leaves_the_last_resort() -> None:
    model = running_with(rotating(KNOWN, STRANGER))
    wanted = rotating(KNOWN, STRANGER, alive=False)
    assert all(".last-resort/" in each for each in commands(model, wanted))
    commands(model, wanted)
    assert model.taking() == {("web", KNOWN): 100, ("web", STRANGER): 100}


def test_everything_else_takes_a_reload() -> None:
    model = running_with(rotating(KNOWN))
    file = msgspec.structs.replace(FILE, http_port=81)
    step = change(model.running(), configuration(file, [], MACHINE))
    assert isinstance(step, ByReload)
    assert "more than servers" in step.why


def test_what_is_not_ours_is_replaced_by_a_reload() -> None:
    model = running_with(rotating(KNOWN))
    stranger = msgspec.structs.replace(model.running(), structure=None)
    assert isinstance(change(stranger, rotating(KNOWN)), ByReload)


def test_a_server_of_the_file_that_somebody_deleted_or_moved_comes_back_by_a_reload() -> None:
    wanted = rotating(KNOWN)
    model = running_with(wanted)
    model.servers["web", KNOWN].address = "10.0.0.99"
    assert isinstance(change(model.running(), wanted), ByReload)
    del model.servers["web", KNOWN]
    assert isinstance(change(model.running(), wanted), ByReload)


def test_many_strangers_come_in_by_a_reload_and_few_by_commands() -> None:
    model = running_with(rotating())
    few = rotating(*(f"10.0.0.{number}:8000" for number in range(100, 110)))
    assert isinstance(change(model.running(), few), ByCommands)
    assert commands_ms(24_000, 36_000, 12_000) > reload_ms(24_000)
    assert commands_ms(24, 36, 24_000) < reload_ms(24_000) / 100


def test_added_servers_move_into_the_file_once_all_is_calm() -> None:
    wanted = rotating(STRANGER)
    model = running_with(rotating())
    commands(model, wanted)
    model.uptime_s = REST_S
    assert change(model.running(), wanted) == Nothing()  # its checks have not passed yet
    model.servers["web", STRANGER].up = True
    model.uptime_s = min(CALM_S, REST_S - 1)
    assert change(model.running(), wanted) == Nothing()
    model.uptime_s = REST_S
    step = change(model.running(), wanted)
    assert isinstance(step, ByReload)
    assert "move into the file" in step.why
    model.installed = wanted
    model.start()
    model.uptime_s = REST_S
    assert change(model.running(), wanted) == Nothing()


def test_after_a_reload_what_was_down_is_down_and_what_is_new_waits_for_its_checks() -> None:
    before = running_with(rotating(KNOWN, OTHER))
    before.servers["web", OTHER].up = False
    wanted = rotating(KNOWN, OTHER, STRANGER)
    assert carry_over(before.running(), wanted) == (
        f"set server web/{OTHER} health down",
        f"set server web/{STRANGER} health down",
    )


def test_after_a_reload_what_is_new_stays_up_where_nothing_was() -> None:
    assert carry_over(running_with(rotating()).running(), rotating(KNOWN)) == ()


@pytest.mark.parametrize("place", [KNOWN, STRANGER])
def test_a_command_that_failed_is_asked_for_again(place: str) -> None:
    model, wanted = running_with(rotating()), rotating(place)
    step = change(model.running(), wanted)
    assert isinstance(step, ByCommands)
    for done in range(len(step.commands)):
        half = running_with(rotating())
        for each in step.commands[:done]:
            half.run(each)
        for _ in range(3):
            if isinstance(again := change(half.running(), wanted), ByCommands):
                for each in again.commands:
                    half.run(each)
        assert ("web", place) in half.taking()
