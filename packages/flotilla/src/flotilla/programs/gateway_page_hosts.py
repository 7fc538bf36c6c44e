"""The status page's hosts: those that are not well first, the others folded where they are many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from flotilla.domain.member import Role, Status
from flotilla.domain.report import State
from flotilla.domain.status import MemberStatus, ServerStatus, StatusDocument
from flotilla.programs.gateway_page_parts import DASH, ROWS, cell, many, number, rest, row, table, text

FEW = 24
NO_SERVERS: tuple[ServerStatus, ...] = ()


class _Host(msgspec.Struct):
    """What is shown of one host."""

    address: str
    state: str
    tone: str
    member: MemberStatus | None
    servers: Sequence[ServerStatus]


def hosts(told: StatusDocument) -> str:
    """The section of all hosts."""
    by_address: defaultdict[str, list[ServerStatus]] = defaultdict(list)
    for server in told.servers:
        by_address[server.address].append(server)
    members = [member for member in told.members if member.role == Role.HOST]
    shown = {member.address for member in members}
    hosts = [_host(member.address, member, by_address.get(member.address, NO_SERVERS)) for member in members]
    hosts += [_host(address, None, servers) for address, servers in by_address.items() if address not in shown]
    ill = [host for host in hosts if host.tone not in ("good", "")]
    well = [host for host in hosts if host.tone == "good"]
    gone = [host for host in hosts if not host.tone]
    few = len(hosts) <= FEW
    parts = [_host_table("hosts", "Hosts", (*ill, *well) if few else ill)] if ill or (few and well) else []
    if well and not few:
        parts.append(_folded("well", f"{many(len(well), 'host')} well", _host_table("hosts-well", "Well", well)))
    if gone:
        parts.append(_folded("gone", f"{many(len(gone), 'host')} gone", _host_table("hosts-gone", "Gone", gone)))
    body = "".join(parts) or '<p class="soft">none is known yet</p>'
    return f'<section aria-labelledby="h"><h2 id="h">Hosts</h2>{body}</section>'


def _folded(name: str, title: str, body: str) -> str:
    return f'<details id="{name}"><summary id="{name}-summary">{title}</summary>{body}</details>'


def _host(address: str, member: MemberStatus | None, servers: Sequence[ServerStatus]) -> _Host:
    """A host with the one word for it and its tone: good, warn, bad, or none for one that is gone."""
    wanted = [server for server in servers if server.wanted is not None]
    up = sum(is_up(server) for server in wanted)
    left = sum(server.load.sessions + server.load.queue for server in servers if server.load)
    states = {service.state for service in member.services} if member else set()
    if member is None:
        state, tone = "not known any more", "warn" if left else ""
    elif member.problem:
        state, tone = ("serves by its last word" if up else "has no effect"), "bad"
    elif member.status in (Status.LEFT, Status.LEAVING, Status.NONE):
        state, tone = str(member.status), ""
    elif wanted and not up:
        state, tone = "down", "bad"
    elif member.status == Status.FAILED:
        state, tone = ("serves, Serf silent" if up else "failed"), ("warn" if up else "bad")
    elif states == {State.DRAIN}:
        state, tone = (f"drains, {many(left, 'request')} left" if left else "drained"), "warn"
    elif up < len(wanted) or not wanted:
        state, tone = "serves in part" if up else "no copy ready", "warn"
    else:
        state, tone = "serves", "good"
    return _Host(address, state, tone, member, servers)


def is_up(server: ServerStatus) -> bool:
    """Whether it takes requests."""
    return server.load is not None and server.load.status.startswith("UP")


def _host_table(name: str, title: str, hosts: Sequence[_Host]) -> str:
    columns = {
        "host": False, "state": False, "Serf": False, "copies up": True, "in flight": True, "requests": True,
        "5xx": True, "failed": True, "runs": False,
    }  # fmt: skip
    listed = table(name, title, columns, map(_host_row, hosts[:ROWS]))
    return listed + rest(len(hosts))


def _host_row(host: _Host) -> str:
    loads = [server.load for server in host.servers if server.load]
    wanted = [server for server in host.servers if server.wanted is not None]
    errors, failed = sum(load.answers_5xx for load in loads), sum(load.failed for load in loads)
    requests = sum(load.requests for load in loads)
    return row(
        text(host.address),
        cell(f'<span class="pill {host.tone}">{text(host.state)}</span>'),
        cell(text(host.member.status) if host.member else DASH),
        number(f"{sum(map(is_up, wanted)):,} of {len(wanted):,}" if wanted else DASH),
        number(f"{sum(load.sessions for load in loads):,}"),
        number(f"{requests:,}"),
        number(f"{errors:,}", "bad" if errors else ""),
        number(f"{failed:,}", "warn" if failed else ""),
        cell(_runs(host.member), "words"),
    )


def _runs(member: MemberStatus | None) -> str:
    if member is None:
        return DASH
    parts = [
        f"{one.name} {one.version} ({one.state}, {len(one.ready)} ready)"
        if one.state != State.READY
        else f"{one.name} {one.version} ({len(one.ready)} ready)"
        for one in member.services
    ]
    told = text(", ".join(parts) or "nothing")
    problem = f'<div class="bad">{text(member.problem)}</div>' if member.problem else ""
    return told + problem
