"""What a fleet must survive, one function a fault: each makes it under load, waits for what comes of it, and ends it.

A fault is given the stage and the load under way. Afterwards the fleet has to be whole again by itself, and of all
requests no more may be lost than the fault's entry says.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

from flotilla.lab import Machine
from flotilla_load import Outcome, Result, Running
from flotilla_stage import AGENT, GATEWAY, PROXY, Stage

Act = Callable[[Stage, Running], None]
Judge = Callable[[Result], list[str]]


def nothing_lost(result: Result) -> list[str]:
    """Every request was answered as it should."""
    return [] if not result.lost else ["requests were lost"]


class Fault(NamedTuple):
    """``judge`` says what is wrong with what came of the requests."""

    name: str
    act: Act
    judge: Judge = nothing_lost


FAULTS: dict[str, Fault] = {}


def fault(judge: Judge = nothing_lost) -> Callable[[Act], Act]:
    """Enters a function in the table of faults, under its name."""

    def enter(act: Act) -> Act:
        FAULTS[act.__name__] = Fault(act.__name__, act, judge)
        return act

    return enter


def at_most(share: float) -> Judge:
    """So many of all requests may be lost: where a fault cannot cost nothing, this says what it costs."""
    return lambda result: [] if len(result.lost) <= share * len(result.answers) else [f"more than {share:.1%} lost"]


def only_answered(*statuses: int) -> Judge:
    """What is lost was answered with one of these statuses, or its kept connection was closed in its place, which
    HAProxy does where a client has to expect it (RFC 9112, 9.3.1)."""

    def judge(result: Result) -> list[str]:
        closed = [one for one in result.lost if one.outcome is Outcome.DROPPED and one.kept]
        others = [one for one in result.lost if one.status not in statuses and one not in closed]
        return [f"{len(others)} requests were lost without such an answer"] if others else []

    return judge


# Hosts come and go


@fault()
def a_host_leaves_and_joins(stage: Stage, running: Running) -> None:
    host = stage.lab.hosts[-1]
    stage.lab.run(host, ("docker", "stop", AGENT))
    stage.wait_up(stage.servers() - stage.servers([host]))
    running.go_on(1)
    stage.lab.run(host, ("docker", "start", AGENT))
    stage.wait_whole()


@fault()
def a_host_is_drained_and_undrained(stage: Stage, running: Running) -> None:
    host = stage.lab.hosts[0]
    stage.flotilla("drain", host.address)
    assert not stage.up() & stage.servers([host])
    running.go_on(1)
    stage.flotilla("undrain", host.address)
    stage.wait_whole()


@fault()
def a_host_is_killed(stage: Stage, running: Running) -> None:
    _killed(stage, running, [stage.lab.hosts[1]])


@fault()
def all_hosts_but_one_are_killed(stage: Stage, running: Running) -> None:
    _killed(stage, running, stage.lab.hosts[1:])


@fault(only_answered(503))
def all_hosts_are_killed(stage: Stage, running: Running) -> None:
    _killed(stage, running, stage.lab.hosts)
    for gateway in stage.lab.gateways:
        assert stage.get(gateway.address, 80, "/")


@fault()
def a_host_is_cut_off(stage: Stage, running: Running) -> None:
    host = stage.lab.hosts[2]
    stage.lab.cut(host)
    stage.wait(lambda: not stage.up() & stage.servers([host]))
    running.go_on(8)
    stage.lab.mend(host)
    stage.wait_whole()


@fault()
def gossip_is_cut_off_everywhere(stage: Stage, running: Running) -> None:
    stage.lab.drop_gossip()
    stage.wait(lambda: stage.status().gossip.hosts_alive == 0)
    running.go_on(60)
    status = stage.status()
    assert stage.up() == stage.servers()
    assert any("HAProxy's checks" in warning for warning in status.warnings), status.warnings
    stage.lab.drop_gossip(False)
    stage.wait(lambda: stage.status().gossip.hosts_alive == len(stage.lab.hosts))


@fault()
def two_hundred_changes_in_a_row(stage: Stage, running: Running) -> None:
    chance = random.Random(200)
    away: set[Machine] = set()
    for _ in range(200):
        host = chance.choice(stage.lab.hosts)
        if host in away:
            stage.lab.run(host, ("docker", "start", AGENT))
            away.discard(host)
        elif len(away) < len(stage.lab.hosts) - 1:
            kill = chance.random() < 0.5
            stage.lab.run(host, ("docker", "kill", AGENT) if kill else ("docker", "stop", AGENT))
            away.add(host)
    for host in away:
        stage.lab.run(host, ("docker", "start", AGENT))
    stage.wait_whole()


# Programs die


@fault()
def the_agent_is_killed(stage: Stage, running: Running) -> None:
    stage.kill_in(stage.lab.hosts[0], AGENT, "flotilla.programs.agent")
    running.go_on(5)
    stage.wait_whole()


@fault()
def serf_is_killed_on_a_host(stage: Stage, running: Running) -> None:
    stage.kill_in(stage.lab.hosts[0], AGENT, "serf agent")
    running.go_on(5)
    stage.wait_whole()


@fault()
def serf_is_killed_at_the_gateway(stage: Stage, running: Running) -> None:
    stage.kill_in(stage.lab.gateways[0], GATEWAY, "serf agent")
    running.go_on(5)
    stage.wait_whole()


@fault()
def the_gateway_program_is_killed_again_and_again(stage: Stage, running: Running) -> None:
    for host in stage.lab.hosts:
        stage.lab.run(host, ("docker", "stop", AGENT))
        stage.kill_in(stage.lab.gateways[0], GATEWAY, "flotilla.programs.gateway")
        stage.wait_up(stage.servers() - stage.servers([host]))
        stage.lab.run(host, ("docker", "start", AGENT))
        stage.wait_whole()


@fault(at_most(0.2))
def haproxys_worker_is_killed(stage: Stage, running: Running) -> None:
    workers = stage.processes(stage.lab.gateways[0], PROXY, "haproxy")
    stage.lab.run(stage.lab.gateways[0], ("kill", "-9", workers[-1]))
    stage.wait_whole()
    running.go_on(2)


@fault()
def dockers_engine_restarts_on_a_host(stage: Stage, running: Running) -> None:
    stage.lab.run(stage.lab.hosts[0], ("pkill", "-9", "-x", "dockerd"))
    stage.lab.run(stage.lab.hosts[0], ("ready", "60"), timeout_s=70)
    stage.wait_whole()


@fault()
def serfs_key_is_rotated(stage: Stage, running: Running) -> None:
    stage.flotilla("upgrade", "--rotate-keys")
    running.go_on(2)
    assert stage.status().gossip.hosts_alive == len(stage.lab.hosts)


# Copies misbehave


@fault()
def a_copy_hangs(stage: Stage, running: Running) -> None:
    _faulty(stage, running, hang_one_in=1, hang_health=True)


@fault()
def a_copy_closes_without_an_answer(stage: Stage, running: Running) -> None:
    _faulty(stage, running, close_one_in=2)


@fault(only_answered(500))
def a_copy_answers_500(stage: Stage, running: Running) -> None:
    _faulty(stage, running, error_one_in=1)


@fault(at_most(0.1))
def a_copy_sends_half_an_answer(stage: Stage, running: Running) -> None:
    _faulty(stage, running, half_one_in=2)


@fault()
def a_copy_is_slow(stage: Stage, running: Running) -> None:
    host = stage.lab.hosts[0]
    stage.control(host, 0, slow_s=2.0, slow_health_s=2.0)
    for _ in range(10):
        running.go_on(1)
        assert stage.up() == stage.servers(), "a live server is out"
    stage.well(host, 0)
    stage.wait_whole()


@fault()
def a_sick_copy_leaves_and_returns(stage: Stage, running: Running) -> None:
    host = stage.lab.hosts[0]
    stage.control(host, 0, sick=True)
    stage.wait_up(stage.servers() - {f"{host.address}:8000"})
    assert f"{host.address}:8100" in stage.up("neighbour")
    stage.control(host, 0, sick=False)
    stage.wait_whole()


@fault()
def a_lossy_network(stage: Stage, running: Running) -> None:
    for host in stage.lab.hosts:
        stage.lab.loss(host, 5)
    for _ in range(20):
        running.go_on(1)
        assert stage.up() == stage.servers(), "a live server is out"
    for host in stage.lab.hosts:
        stage.lab.loss(host, 0)
    stage.wait_whole()


def _killed(stage: Stage, running: Running, hosts: list[Machine] | tuple[Machine, ...]) -> None:
    for host in hosts:
        stage.lab.kill(host)
    stage.wait(lambda: not stage.up() & stage.servers(hosts))
    running.go_on(5)
    for host in hosts:
        stage.lab.start(host)
    stage.wait_whole()


def _faulty(stage: Stage, running: Running, **faults: object) -> None:
    host = stage.lab.hosts[0]
    stage.control(host, 0, **faults)
    running.go_on(10)
    stage.well(host, 0)
    stage.wait_whole()
