"""From any state, after any events in any order, lost or doubled, gateways come to the same text, HAProxy to what it
says, and doing it again changes nothing."""

from __future__ import annotations

from collections.abc import Callable

from flotilla.domain.member import Member, Status
from flotilla.domain.report import HostReport, ServiceReport, State
from flotilla.gateway.change import ByCommands, ByReload, Nothing, carry_over, change
from flotilla.gateway.configuration import Configuration, configuration
from flotilla.gateway.known import Known, decode_known, encode_known, merge, overlay
from flotilla.gateway.rotation import rotation
from flotilla_haproxy_model import ModelHaproxy
from flotilla_members import FILE, MACHINE, NOW, a_gateway, a_host
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

HOSTS = ("10.0.0.21", "10.0.0.22", "10.0.0.77", "10.0.0.78", "10.9.0.1")  # two of the file, two more, an alien
hosts = st.sampled_from(HOSTS)


class Gateways(RuleBasedStateMachine):
    """One gossip, one gateway that may die between any two steps, and its HAProxy."""

    def __init__(self) -> None:
        super().__init__()
        self.members: dict[str, Member] = {"gateway": a_gateway()}
        self.serials = dict.fromkeys(HOSTS, 0)
        self.now_s = NOW
        self.known = Known()
        self.memory = encode_known(Known())
        self.haproxy = ModelHaproxy(self.wanted())
        self.haproxy.start()

    def wanted(self) -> Configuration:
        return configuration(FILE, rotation(self.known, FILE), MACHINE)

    def look(self) -> None:
        self.known = merge(self.known, list(self.members.values()), FILE, self.now_s)

    def report(self, host: str, ready: int, state: State) -> HostReport:
        self.serials[host] += 1
        services = (
            ServiceReport(name="api", version="1", generation=1, state=State.READY, ready=ready >> 1 & 0b11),
            ServiceReport(name="web", version="1", generation=1, state=state, ready=ready),
        )
        return HostReport(serial=self.serials[host], generation=1, services=services)

    @rule(host=hosts, ready=st.integers(0, 15), state=st.sampled_from(State), hinted=st.booleans())
    def a_host_reports(self, host: str, ready: int, state: State, hinted: bool) -> None:
        report = self.report(host, ready, state)
        self.members[host] = a_host(host, report)
        if hinted:
            self.known = overlay(self.known, f"host-{host}", report, FILE, self.now_s)

    @rule(host=hosts, status=st.sampled_from([Status.FAILED, Status.LEFT, Status.LEAVING, Status.ALIVE]))
    def serf_says(self, host: str, status: Status) -> None:
        if host in self.members:
            self.members[host] = a_host(host, self.report(host, 7, State.READY), status)

    @rule(host=hosts)
    def serf_forgets(self, host: str) -> None:
        self.members.pop(host, None)

    @rule(host=hosts, tags=st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2))
    def tags_break(self, host: str, tags: dict[str, str]) -> None:
        self.members[host] = a_host(host, tags=tags)

    @rule(times=st.integers(1, 2))
    def the_gateway_looks(self, times: int) -> None:
        for _ in range(times):
            self.look()

    @rule()
    def the_list_is_empty_once(self) -> None:
        self.known = merge(self.known, [], FILE, self.now_s)

    @rule(seconds=st.sampled_from([1, 59, 3600, 90_000]))
    def time_passes(self, seconds: int) -> None:
        self.now_s += seconds
        self.haproxy.uptime_s += seconds

    @rule()
    def the_gateway_remembers(self) -> None:
        self.memory = encode_known(self.known)

    @rule(lost=st.booleans())
    def the_gateway_starts_anew(self, lost: bool) -> None:
        self.known = Known() if lost else decode_known(self.memory)[0]

    @rule(write=st.booleans(), share=st.floats(0, 1), carried=st.booleans())
    def a_round_that_may_end_anywhere(self, write: bool, share: float, carried: bool) -> None:
        wanted = self.wanted()
        if write:
            self.haproxy.installed = wanted
        before = self.haproxy.running()
        step = change(before, wanted)
        if isinstance(step, ByCommands):
            held = self.serving() & {key for key, each in wanted.servers.items() if each.enabled}
            for command in step.commands[: round(share * len(step.commands))]:
                self.haproxy.run(command)
                assert held <= self.haproxy.taking().keys(), f"{command} took one out that should be in"
        elif isinstance(step, ByReload):
            self.haproxy.start()
            if carried and self.haproxy.structure == wanted.structure:
                for command in carry_over(before, wanted):
                    self.haproxy.run(command)

    def serving(self) -> set[tuple[str, str]]:
        return set(self.haproxy.taking())

    @rule()
    def haproxy_restarts(self) -> None:
        self.haproxy.start()

    @rule(up=st.booleans(), chosen=st.integers(0, 20))
    def a_check_turns(self, up: bool, chosen: int) -> None:
        self.each_server(chosen, lambda server: setattr(server, "up", up))

    @rule(sessions=st.integers(0, 2), chosen=st.integers(0, 20))
    def requests_come_or_go(self, sessions: int, chosen: int) -> None:
        self.each_server(chosen, lambda server: setattr(server, "sessions", sessions if server.takes else 0))

    def each_server(self, chosen: int, do: Callable[[object], None]) -> None:
        if servers := list(self.haproxy.servers.values()):
            do(servers[chosen % len(servers)])

    @invariant()
    def no_alien_is_in(self) -> None:
        assert not any(name.startswith("10.9.") for _, name in self.haproxy.servers)

    def teardown(self) -> None:
        """The network is whole again: everybody is seen, and requests end."""
        for host in HOSTS:
            self.members[host] = a_host(host, self.report(host, 7, State.READY))
        self.now_s += 61
        self.look()
        wanted = self.wanted()
        fresh = merge(Known(), list(self.members.values())[::-1], FILE, NOW)
        assert wanted.text == configuration(FILE, rotation(fresh, FILE), MACHINE).text
        self.converge(wanted)
        assert self.haproxy.taking() == {key: each.weight for key, each in wanted.servers.items() if each.enabled}
        assert self.haproxy.servers.keys() == wanted.servers.keys()
        self.haproxy.start()
        assert change(self.haproxy.running(), wanted) == Nothing()

    def converge(self, wanted: Configuration) -> None:
        self.haproxy.installed = wanted
        reloads = 0
        for _ in range(5):
            for server in self.haproxy.servers.values():
                server.sessions = 0
            step = change(self.haproxy.running(), wanted)
            if step == Nothing():
                return
            if isinstance(step, ByReload):
                reloads += 1
                assert reloads == 1, step.why
                self.haproxy.start()
            elif isinstance(step, ByCommands):
                for command in step.commands:
                    self.haproxy.run(command)
        raise AssertionError("no end")


TestGateways = Gateways.TestCase
TestGateways.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
