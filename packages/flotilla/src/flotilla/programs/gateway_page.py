"""The status page: a function of the status document. Everything in it may come from a stranger, and is escaped.

It grows with the hosts, not with the servers; whatever is well is folded, and of long lists the rest is counted.
"""

from __future__ import annotations

import html
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from flotilla.domain.member import Role, Status
from flotilla.domain.report import State
from flotilla.domain.status import MemberStatus, ServerStatus, ServiceStatus, StatusDocument, Traffic
from flotilla.programs.gateway_page_style import SCRIPT, STYLE

ROWS = 200
DONE = 30
DASH = "&ndash;"
CHECKS = {
    "INI": "not checked yet",
    "L4OK": "accepts connections",
    "L4TOUT": "no connection in time",
    "L4CON": "no connection",
    "L6TOUT": "no TLS in time",
    "L6RSP": "no proper TLS",
    "L7OK": "well",
    "L7TOUT": "no answer in time",
    "L7RSP": "no proper answer",
    "L7STS": "answers that it is not well",
    "SOCKERR": "no socket",
}
"""HAProxy's results of checks (management guide, 9.1, ``check_status``)."""

NO_SERVERS: tuple[ServerStatus, ...] = ()
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


class _Host(msgspec.Struct):
    """What is shown of one host."""

    address: str
    state: str
    tone: str
    member: MemberStatus | None
    servers: Sequence[ServerStatus]


def page(told: StatusDocument) -> bytes:
    """The whole page."""
    warned = f"{_many(len(told.warnings), 'warning')} · " if told.warnings else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{warned}{_title(told)} · flotilla</title>
<style>{STYLE}</style>
<noscript><meta http-equiv="refresh" content="5"></noscript>
</head>
<body>
<header>
<h1>{_title(told)}</h1>
<span class="soft" id="file">{_file(told)}</span>
<span class="fresh"><span id="fresh">{_clock(told.now_s)} UTC</span><button id="pause" type="button" \
aria-pressed="false" hidden>Pause</button></span>
</header>
<main>
{_warnings(told.warnings)}
{_numbers(told)}
{_services(told.services)}
{_hosts(told)}
{_ill(told.servers)}
{_gateways(told)}
{_done(told)}
</main>
<footer><p>{_foot(told)}</p></footer>
<script>{SCRIPT}</script>
</body>
</html>
""".encode()


def _text(value: object) -> str:
    """A text that can neither be markup nor turn what stands beside it around."""
    shown = _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", str(value))
    return html.escape(shown)


def _title(told: StatusDocument) -> str:
    fleet = f"{told.fleet} at " if told.generation is not None else "Gateway "
    return _text(fleet + told.address)


def _lasting(time_s: int) -> str:
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if time_s >= 2 * unit:
            return f"{time_s // unit:,} {name}"
    return f"{time_s:,} s"


def _clock(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%H:%M:%S")


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _share(part: int, whole: int) -> str:
    if not part:
        return "0"
    if not whole:
        return DASH
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.2g} %" if percent >= 0.01 else "&lt; 0.01 %"


def _file(told: StatusDocument) -> str:
    if told.generation is None:
        return "no gateway.json yet"
    return f"generation {told.generation} · {_text(told.hash)}"


def _foot(told: StatusDocument) -> str:
    worker = f" {_text(told.proxy.worker)} ·" if told.proxy.worker else ""
    return (
        f'flotilla {_text(told.program)} ·{worker} <a href="/status.json">status.json</a> ·'
        ' <a href="/metrics">metrics</a> · <a href="/metrics/haproxy">HAProxy\'s metrics</a>'
    )


def _warnings(warnings: Sequence[str]) -> str:
    if not warnings:
        return '<section class="well" aria-labelledby="w"><h2 id="w" class="good">All is well</h2></section>'
    items = "".join(f"<li>{_text(one)}</li>" for one in warnings[:ROWS])
    return (
        '<section class="warnings" aria-labelledby="w">'
        f'<h2 id="w" class="bad">{_many(len(warnings), "warning")}</h2><ul>{items}</ul></section>'
    )


def _numbers(told: StatusDocument) -> str:
    recent = [service.recent for service in told.services]
    up = sum(service.up for service in told.services)
    servers = sum(service.servers for service in told.services)
    gossip, hosts = told.gossip, told.gossip.hosts_alive + told.gossip.hosts_failed
    requests = sum(one.requests for one in recent)
    numbers = {
        "requests a second": f"{sum(service.rate for service in told.services):,}",
        "in flight": f"{sum(service.sessions for service in told.services):,}",
        "waiting": f"{sum(service.queue for service in told.services):,}",
        "5xx, last minute": _share(sum(one.answers_5xx for one in recent), requests),
        "copies up": f"{up:,} <small>of {servers:,}</small>",
        "hosts in Serf": f"{gossip.hosts_alive:,} <small>of {hosts:,}</small>",
        "Serf answered": "never" if gossip.answered_s is None else f"{gossip.answered_s:.1f} s <small>ago</small>",
        "HAProxy": _proxy(told),
    }
    items = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in numbers.items())
    return f'<section aria-label="In numbers"><dl class="numbers">{items}</dl></section>'


def _proxy(told: StatusDocument) -> str:
    proxy = told.proxy
    if not proxy.answers:
        return '<span class="bad">silent</span>'
    if not proxy.converged:
        return '<span class="warn">changing</span>'
    old = f" <small>+ {_many(proxy.old_workers, 'old worker')}</small>" if proxy.old_workers else ""
    return f'<span class="good">in step</span>{old}'


def _table(name: str, title: str, columns: Mapping[str, bool], rows: Iterable[str]) -> str:
    """A table that scrolls by itself where it is too wide; ``columns`` are numbers where True."""
    head = "".join(f'<th scope="col"{" class=n" if number else ""}>{it}</th>' for it, number in columns.items())
    return (
        f'<div class="wide" id="{name}" role="region" aria-label="{title}: table" tabindex="0">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(head: str, *cells: str) -> str:
    return f'<tr><th scope="row">{head}</th>{"".join(cells)}</tr>'


def _n(value: object, tone: str = "") -> str:
    return f'<td class="n {tone}">{value}</td>' if tone else f'<td class="n">{value}</td>'


def _td(value: str, kind: str = "") -> str:
    return f'<td class="{kind}">{value}</td>' if kind else f"<td>{value}</td>"


def _services(services: Sequence[ServiceStatus]) -> str:
    columns = {
        "service": False, "version": False, "route": False, "copies up": True, "requests/s": True, "in flight": True,
        "waiting": True, "answer": True, "last minute": True, "5xx": True, "failed": True, "asked again": True,
    }  # fmt: skip
    rows = [_service(service) for service in services]
    body = _table("services", "Services", columns, rows) if rows else '<p class="soft">none yet</p>'
    return f'<section aria-labelledby="s"><h2 id="s">Services</h2>{body}</section>'


def _service(service: ServiceStatus) -> str:
    recent = service.recent
    tone = "good" if service.up == service.servers else "warn" if service.up else "bad"
    return _row(
        _text(service.name),
        _td(_text(service.version)),
        _td(_text(service.route)),
        _n(f"{service.up:,} of {service.servers:,}", tone if service.servers else "bad"),
        _n(f"{service.rate:,}"),
        _n(f"{service.sessions:,}"),
        _n(f"{service.queue:,}", "warn" if service.queue else ""),
        _n(f"{service.answer_ms:,} ms"),
        _n(f"{recent.requests:,}"),
        *_errors(recent),
    )


def _errors(recent: Traffic) -> tuple[str, str, str]:
    return (
        _n(_share(recent.answers_5xx, recent.requests), "bad" if recent.answers_5xx else ""),
        _n(_share(recent.failed, recent.requests), "warn" if recent.failed else ""),
        _n(f"{recent.retries:,}", "warn" if recent.retries else ""),
    )


def _hosts(told: StatusDocument) -> str:
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
    few = len(hosts) <= 24
    parts = [_host_table("hosts", "Hosts", (*ill, *well) if few else ill)] if ill or (few and well) else []
    if well and not few:
        parts.append(_folded("well", f"{_many(len(well), 'host')} well", _host_table("hosts-well", "Well", well)))
    if gone:
        parts.append(_folded("gone", f"{_many(len(gone), 'host')} gone", _host_table("hosts-gone", "Gone", gone)))
    body = "".join(parts) or '<p class="soft">none is known yet</p>'
    return f'<section aria-labelledby="h"><h2 id="h">Hosts</h2>{body}</section>'


def _folded(name: str, title: str, body: str) -> str:
    return f'<details id="{name}"><summary id="{name}-summary">{title}</summary>{body}</details>'


def _host(address: str, member: MemberStatus | None, servers: Sequence[ServerStatus]) -> _Host:
    """A host with the one word for it and its tone: good, warn, bad, or none for one that is gone."""
    wanted = [server for server in servers if server.wanted is not None]
    up = sum(_is_up(server) for server in wanted)
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
        state, tone = (f"drains, {_many(left, 'request')} left" if left else "drained"), "warn"
    elif up < len(wanted) or not wanted:
        state, tone = "serves in part" if up else "no copy ready", "warn"
    else:
        state, tone = "serves", "good"
    return _Host(address, state, tone, member, servers)


def _is_up(server: ServerStatus) -> bool:
    return server.load is not None and server.load.status.startswith("UP")


def _host_table(name: str, title: str, hosts: Sequence[_Host]) -> str:
    columns = {
        "host": False, "state": False, "Serf": False, "copies up": True, "in flight": True, "requests": True,
        "5xx": True, "failed": True, "runs": False,
    }  # fmt: skip
    table = _table(name, title, columns, map(_host_row, hosts[:ROWS]))
    return table + _rest(len(hosts))


def _rest(count: int) -> str:
    return f'<p class="soft">and {count - ROWS:,} more: all are in status.json</p>' if count > ROWS else ""


def _host_row(host: _Host) -> str:
    loads = [server.load for server in host.servers if server.load]
    wanted = [server for server in host.servers if server.wanted is not None]
    errors, failed = sum(load.answers_5xx for load in loads), sum(load.failed for load in loads)
    requests = sum(load.requests for load in loads)
    return _row(
        _text(host.address),
        _td(f'<span class="pill {host.tone}">{_text(host.state)}</span>'),
        _td(_text(host.member.status) if host.member else DASH),
        _n(f"{sum(map(_is_up, wanted)):,} of {len(wanted):,}" if wanted else DASH),
        _n(f"{sum(load.sessions for load in loads):,}"),
        _n(f"{requests:,}"),
        _n(f"{errors:,}", "bad" if errors else ""),
        _n(f"{failed:,}", "warn" if failed else ""),
        _td(_runs(host.member), "words"),
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
    told = _text(", ".join(parts) or "nothing")
    problem = f'<div class="bad">{_text(member.problem)}</div>' if member.problem else ""
    return told + problem


def _ill(servers: Sequence[ServerStatus]) -> str:
    """The servers that do not take requests though they should, and those that end what they have."""
    ill = [server for server in servers if server.wanted is None or not _is_up(server)]
    if not ill:
        return ""
    columns = {
        "copy": False, "service": False, "state": False, "last check": False, "weight": True, "in flight": True,
        "waiting": True, "since": True,
    }  # fmt: skip
    table = _table("copies", "Copies that are not up", columns, map(_server_row, ill[:ROWS]))
    return (
        f'<section aria-labelledby="c"><h2 id="c">{_many(len(ill), "copy").replace("copys", "copies")} not up</h2>'
        f"{table}{_rest(len(ill))}</section>"
    )


def _server_row(server: ServerStatus) -> str:
    load = server.load
    ending = server.wanted is None
    state = "HAProxy does not have it" if load is None else f"{load.status}{', to be taken out' * ending}"
    return _row(
        _text(server.name),
        _td(_text(server.service)),
        _td(f'<span class="pill {"warn" if ending else "bad"}">{_text(state)}</span>'),
        _td(_check(load.check) if load else DASH),
        _n(DASH if server.wanted is None else server.wanted),
        _n(f"{load.sessions:,}" if load else DASH),
        _n(f"{load.queue:,}" if load else DASH),
        _n(_lasting(load.since_s) if load else DASH),
    )


def _check(code: str) -> str:
    """What the last check found, in words, with HAProxy's code."""
    running, code = code.startswith("* "), code.removeprefix("* ")
    words = CHECKS.get(code)
    return _text(f"{words} ({code})" if words else code) + (", asking again" if running else "")


def _gateways(told: StatusDocument) -> str:
    gateways = [member for member in told.members if member.role == Role.GATEWAY]
    if len(gateways) < 2:
        return ""
    rows = (
        _row(
            _text(one.address) + (" (this one)" if one.address == told.address else ""),
            _td(_text(one.status)),
            _td(_text(one.problem or ""), "words"),
        )
        for one in gateways[:ROWS]
    )
    table = _table("gateways", "Gateways", {"gateway": False, "Serf": False, "problem": False}, rows)
    return f'<section aria-labelledby="g"><h2 id="g">Gateways</h2>{table}</section>'


def _done(told: StatusDocument) -> str:
    if not told.done:
        return ""
    items = "".join(
        f'<li><time datetime="{datetime.fromtimestamp(one.at_s, UTC).isoformat()}" class="soft">'
        f"{_clock(one.at_s)}</time><span>{_text(one.what)}"
        + (f' <span class="soft">— {_text(one.why)}</span>' if one.why else "")
        + "</span></li>"
        for one in told.done[:DONE]
    )
    return f'<section aria-labelledby="d"><h2 id="d">Done lately</h2><ol class="done">{items}</ol></section>'
