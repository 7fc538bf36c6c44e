"""What a lab consists of is decided before Docker is asked."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path

import pytest
import yaml
from flotilla.cli.lab import lab
from flotilla.errors import LabError
from flotilla.lab.layout import (
    FLAGS_WITHOUT_PRIVILEGED,
    Layout,
    check_name,
    fleet_text,
    free_subnets,
    lab_name,
    layout,
    read_subnet,
    run_argv,
)

SUBNET = IPv4Network("172.30.5.0/24")


@pytest.fixture
def plan() -> Layout:
    return layout("x", Path("/labs/x"), SUBNET, hosts=2, gateways=1)


def test_addresses_are_fixed_by_a_machines_number(plan: Layout) -> None:
    assert [(machine.name, machine.address) for machine in plan.machines] == [
        ("gateway-1", "172.30.5.10"),
        ("host-1", "172.30.5.21"),
        ("host-2", "172.30.5.22"),
    ]


def test_the_largest_lab_has_no_address_twice() -> None:
    machines = layout("x", Path("/labs/x"), SUBNET, hosts=200, gateways=10).machines
    assert len({machine.address for machine in machines}) == 210


@pytest.mark.parametrize(("hosts", "gateways"), [(0, 1), (201, 1), (1, 0), (1, 11), (-1, 1)])
def test_a_lab_of_too_few_or_too_many_is_refused(hosts: int, gateways: int) -> None:
    with pytest.raises(LabError, match=r"a lab has 1 to \d+ (hosts|gateways)"):
        layout("x", Path("/labs/x"), SUBNET, hosts=hosts, gateways=gateways)


def test_the_first_subnet_is_taken_that_overlaps_nothing() -> None:
    taken = [IPv4Network("172.30.0.0/23"), IPv4Network("172.30.2.128/25")]
    assert next(free_subnets(taken)) == IPv4Network("172.30.3.0/24")
    assert next(free_subnets([IPv4Network("172.16.0.0/12")])) == IPv4Network("10.213.0.0/24")
    assert not list(free_subnets([IPv4Network("0.0.0.0/0")]))


@pytest.mark.parametrize("text", ["172.30.5.0", "172.30.5.1/24", "172.30.0.0/16", "8.8.8.0/24", "fd00::/64", "lab", ""])
def test_a_subnet_that_is_no_private_24_is_refused(text: str) -> None:
    with pytest.raises(LabError, match=r"--subnet .*172\.30\.5\.0/24"):
        read_subnet(text)


@pytest.mark.parametrize("name", ["", "A", "-a", "a b", "a" * 32, "a/b"])
def test_a_name_that_docker_would_not_take_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="--name"):
        check_name(name)


def test_equal_folders_give_equal_names() -> None:
    assert lab_name(Path("/labs/x")) == lab_name(Path("/labs/x")) != lab_name(Path("/labs/y"))


def test_a_machine_is_privileged_only_where_the_engine_can_make_it_so(plan: Layout) -> None:
    may, may_not = (run_argv(plan, plan.machines[0], image="i", key="k", privileged=one) for one in (True, False))
    assert "--privileged" in may
    assert "--privileged" not in may_not
    assert set(FLAGS_WITHOUT_PRIVILEGED) < set(may_not)


def test_the_fleet_file_names_the_machines_and_how_to_reach_them(plan: Layout) -> None:
    assert yaml.safe_load(fleet_text(plan)) == {
        "fleet": "lab",
        "gateways": ["172.30.5.10"],
        "hosts": ["172.30.5.21", "172.30.5.22"],
        "admit": ["172.30.5.0/24"],
        "ssh": {"user": "deploy", "key": "id_ed25519", "known_hosts": "known_hosts"},
    }


@pytest.mark.parametrize("services", ["hello:\n  image: hello\n", "services:\n  hello:\n    image: hello\n"])
def test_services_get_into_the_fleet_file_with_or_without_their_heading(plan: Layout, services: str) -> None:
    assert yaml.safe_load(fleet_text(plan, services))["services"] == {"hello": {"image": "hello"}}


def test_the_example_in_the_fleet_file_is_right_once_it_is_uncommented(plan: Layout) -> None:
    example = fleet_text(plan).partition("# services:")[2]
    text = "\n".join(line.removeprefix("# ") for line in f"# services:{example}".splitlines())
    assert yaml.safe_load(text)["services"]["hello"]["ports"] == {"first": 8000, "container": 8000}


def test_each_command_of_the_lab_and_each_flag_is_in_its_page() -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "run-a-lab.md").read_text()
    for name, command in lab.commands.items():
        assert f"lab {name}" in page
        for option in command.params:
            assert option.param_type_name == "argument" or max(option.opts) in page
