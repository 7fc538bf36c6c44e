"""The status page: a function of the status document. Everything in it may come from a stranger, and is escaped.

It grows with the hosts, not with the servers; whatever is well is folded, and of long lists the rest is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from flotilla.domain.member import Role
from flotilla.domain.status import ServerStatus, ServiceStatus, StatusDocument, Traffic
from flotilla.programs.gateway_page_hosts import hosts, is_up
from flotilla.programs.gateway_page_parts import (
    DASH,
    ROWS,
    cell,
    clock,
    lasting,
    many,
    number,
    rest,
    row,
    share,
    table,
    text,
)
from flotilla.programs.gateway_page_style import SCRIPT, STYLE

DONE = 30
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


def page(told: StatusDocument) -> bytes:
    """The whole page."""
    warned = f"{many(len(told.warnings), 'warning')} · " if told.warnings else ""
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
<span class="fresh"><span id="fresh">{clock(told.now_s)} UTC</span><button id="pause" type="button" \
aria-pressed="false" hidden>Pause</button></span>
</header>
<main>
{_warnings(told.warnings)}
{_numbers(told)}
{_services(told.services)}
{hosts(told)}
{_ill(told.servers)}
{_gateways(told)}
{_done(told)}
</main>
<footer><p>{_foot(told)}</p></footer>
<script>{SCRIPT}</script>
</body>
</html>
""".encode()


def _title(told: StatusDocument) -> str:
    fleet = f"{told.fleet} at " if told.generation is not None else "Gateway "
    return text(fleet + told.address)


def _file(told: StatusDocument) -> str:
    if told.generation is None:
        return "no gateway.json yet"
    return f"generation {told.generation} · {text(told.hash)}"


def _foot(told: StatusDocument) -> str:
    worker = f" {text(told.proxy.worker)} ·" if told.proxy.worker else ""
    return (
        f'flotilla {text(told.program)} ·{worker} <a href="/status.json">status.json</a> ·'
        ' <a href="/metrics">metrics</a> · <a href="/metrics/haproxy">HAProxy\'s metrics</a>'
    )


def _warnings(warnings: Sequence[str]) -> str:
    if not warnings:
        return '<section class="well" aria-labelledby="w"><h2 id="w" class="good">All is well</h2></section>'
    items = "".join(f"<li>{text(one)}</li>" for one in warnings[:ROWS])
    return (
        '<section class="warnings" aria-labelledby="w">'
        f'<h2 id="w" class="bad">{many(len(warnings), "warning")}</h2><ul>{items}</ul></section>'
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
        "5xx, last minute": share(sum(one.answers_5xx for one in recent), requests),
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
    old = f" <small>+ {many(proxy.old_workers, 'old worker')}</small>" if proxy.old_workers else ""
    return f'<span class="good">in step</span>{old}'


def _services(services: Sequence[ServiceStatus]) -> str:
    columns = {
        "service": False, "version": False, "route": False, "copies up": True, "requests/s": True, "in flight": True,
        "waiting": True, "answer": True, "last minute": True, "5xx": True, "failed": True, "asked again": True,
    }  # fmt: skip
    rows = [_service(service) for service in services]
    body = table("services", "Services", columns, rows) if rows else '<p class="soft">none yet</p>'
    return f'<section aria-labelledby="s"><h2 id="s">Services</h2>{body}</section>'


def _service(service: ServiceStatus) -> str:
    recent = service.recent
    tone = "good" if service.up == service.servers else "warn" if service.up else "bad"
    return row(
        text(service.name),
        cell(text(service.version)),
        cell(text(service.route)),
        number(f"{service.up:,} of {service.servers:,}", tone if service.servers else "bad"),
        number(f"{service.rate:,}"),
        number(f"{service.sessions:,}"),
        number(f"{service.queue:,}", "warn" if service.queue else ""),
        number(f"{service.answer_ms:,} ms"),
        number(f"{recent.requests:,}"),
        *_errors(recent),
    )


def _errors(recent: Traffic) -> tuple[str, str, str]:
    return (
        number(share(recent.answers_5xx, recent.requests), "bad" if recent.answers_5xx else ""),
        number(share(recent.failed, recent.requests), "warn" if recent.failed else ""),
        number(f"{recent.retries:,}", "warn" if recent.retries else ""),
    )


def _ill(servers: Sequence[ServerStatus]) -> str:
    """The servers that do not take requests though they should, and those that end what they have."""
    ill = [server for server in servers if server.wanted is None or not is_up(server)]
    if not ill:
        return ""
    columns = {
        "copy": False, "service": False, "state": False, "last check": False, "weight": True, "in flight": True,
        "waiting": True, "since": True,
    }  # fmt: skip
    listed = table("copies", "Copies that are not up", columns, map(_server_row, ill[:ROWS]))
    return (
        f'<section aria-labelledby="c"><h2 id="c">{many(len(ill), "copy", "copies")} not up</h2>'
        f"{listed}{rest(len(ill))}</section>"
    )


def _server_row(server: ServerStatus) -> str:
    load = server.load
    ending = server.wanted is None
    state = "HAProxy does not have it" if load is None else f"{load.status}{', to be taken out' * ending}"
    return row(
        text(server.name),
        cell(text(server.service)),
        cell(f'<span class="pill {"warn" if ending else "bad"}">{text(state)}</span>'),
        cell(_check(load.check) if load else DASH),
        number(DASH if server.wanted is None else server.wanted),
        number(f"{load.sessions:,}" if load else DASH),
        number(f"{load.queue:,}" if load else DASH),
        number(lasting(load.since_s) if load else DASH),
    )


def _check(code: str) -> str:
    """What the last check found, in words, with HAProxy's code."""
    running, code = code.startswith("* "), code.removeprefix("* ")
    words = CHECKS.get(code)
    return text(f"{words} ({code})" if words else code) + (", asking again" if running else "")


def _gateways(told: StatusDocument) -> str:
    gateways = [member for member in told.members if member.role == Role.GATEWAY]
    if len(gateways) < 2:
        return ""
    rows = (
        row(
            text(one.address) + (" (this one)" if one.address == told.address else ""),
            cell(text(one.status)),
            cell(text(one.problem or ""), "words"),
        )
        for one in gateways[:ROWS]
    )
    listed = table("gateways", "Gateways", {"gateway": False, "Serf": False, "problem": False}, rows)
    return f'<section aria-labelledby="g"><h2 id="g">Gateways</h2>{listed}</section>'


def _done(told: StatusDocument) -> str:
    if not told.done:
        return ""
    items = "".join(
        f'<li><time datetime="{datetime.fromtimestamp(one.at_s, UTC).isoformat()}" class="soft">'
        f"{clock(one.at_s)}</time><span>{text(one.what)}"
        + (f' <span class="soft">— {text(one.why)}</span>' if one.why else "")
        + "</span></li>"
        for one in told.done[:DONE]
    )
    return f'<section aria-labelledby="d"><h2 id="d">Done lately</h2><ol class="done">{items}</ol></section>'
