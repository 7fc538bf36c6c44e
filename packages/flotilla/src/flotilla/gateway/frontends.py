"""What clients meet: the ports, the limits, the headers, the way from a request to its service, and the log.

A request goes to the service with the most specific route: one of its host before one of any host, and of these the
longest path, by whole segments. The path is first brought into its normal form (RFC 3986, 6.2.2), and goes to the
service in that form, so that both see the same one: no spelling leads around a route.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flotilla.domain.handed import GatewayFile, GatewayService
from flotilla.gateway import pages, words
from flotilla.gateway.machine import HEADERS, Machine
from flotilla.gateway.servers import LAST_RESORT, OWN

PUBLIC = f"{OWN}public"
STATUS = f"{OWN}status"
PROGRAM = f"{OWN}program"
CERTIFICATES = "/etc/flotilla-certificates"

_LONGEST_TARGET = 8 * 1024
_LOGGED_PATH, _LOGGED_HOST, _LOGGED_ID = 1024, 255, 128
_FORGED = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix",
           "X-Forwarded-Server", "X-Real-IP", "Forwarded", "Proxy")  # fmt: skip

_LOG_FIELDS = {
    "time": "%Ts.%ms",
    "id": '"%[var(txn.id),json(utf8ps)]"',
    "client": '"%ci"',
    "protocol": '"%[var(txn.protocol)]"',
    "method": '"%[var(txn.method),json(utf8ps)]"',
    "host": '"%[var(txn.host),json(utf8ps)]"',
    "path": '"%[var(txn.path),json(utf8ps)]"',
    "status": "%ST",
    "service": '"%[var(txn.service)]"',
    "copy": '"%[srv_name]"',
    "retries": '"%rc"',
    "end": '"%tsc"',
    "bytes_in": "%U",
    "bytes_out": "%B",
    "request_ms": "%TR",
    "queue_ms": "%Tw",
    "connect_ms": "%Tc",
    "answer_ms": "%Tr",
    "total_ms": "%Ta",
}


def log_format() -> str:
    """One JSON object a line. Without the query: it may hold secrets. ``-`` is what is not known, -1 a time that was
    not reached; ``retries`` begins with ``+`` where another copy was asked; ``end`` is HAProxy's state of the session
    when it ended (configuration manual, 8.5), ``----`` in order."""
    return "'{" + ",".join(f'"{name}":{value}' for name, value in _LOG_FIELDS.items()) + "}'"


def public(file: GatewayFile, machine: Machine) -> list[str]:
    """The frontend of all services."""
    return [
        f"frontend {PUBLIC}",
        *(f"    {line}" for line in _public_binds(file, machine)),
        f"    log-format {log_format()}",
        *(f"    {line}" for line in (*_noted(), *_limits(), *_headers(), *_to_https(file), *_routes(file))),
    ]


def status(file: GatewayFile, machine: Machine) -> list[str]:
    """The gateway's own pages, for the admitted networks and this machine."""
    friends = " ".join(words.network(network, "admit") for network in ("127.0.0.0/8", "::1", *file.admit))
    return [
        f"frontend {STATUS}",
        *(f"    bind {place}" for place in _places(file.status_port, machine)),
        "    no log",
        f"    http-request {pages.answer(403)} unless {{ src {friends} }}",
        "    http-request use-service prometheus-exporter if { path /metrics/haproxy }",
        f"    default_backend {PROGRAM}",
        "",
        f"backend {PROGRAM}",
        "    timeout server 10s",
        "    retries 1",
        f"    {pages.away('The gateway program')}",
        "    server program unix@/run/flotilla-haproxy/gateway.sock",
    ]


def _places(port: int, machine: Machine) -> list[str]:
    return [f"0.0.0.0:{port}", *([f"[::]:{port} v6only"] if machine.ipv6 else [])]


def _public_binds(file: GatewayFile, machine: Machine) -> Iterable[str]:
    yield from (f"bind {place}" for place in _places(file.http_port, machine))
    if file.certificates:
        names = " ".join(f"crt {CERTIFICATES}/{words.file(each, 'certificates')}" for each in file.certificates)
        yield from (f"bind {place} ssl {names} alpn h2,http/1.1" for place in _places(file.https_port, machine))


def _noted() -> Iterable[str]:
    """What the log and the routes need, kept before anything is refused."""
    sane = f"{{ req.hdr(x-request-id) -m reg ^[A-Za-z0-9._:/+=-]{{1,{_LOGGED_ID}}}$ }}"
    return (
        f"http-request set-var(txn.id) req.hdr(x-request-id) if {{ req.hdr_cnt(x-request-id) eq 1 }} {sane}",
        "http-request set-var(txn.id) uuid unless { var(txn.id) -m found }",
        "http-request set-var(txn.protocol) req.ver",
        "http-request set-var(txn.method) method",
        f"http-request set-var(txn.host) req.hdr(host),host_only,lower,rtrim(.),bytes(0,{_LOGGED_HOST})",
        "http-request normalize-uri fragment-strip",
        "http-request normalize-uri percent-decode-unreserved",
        "http-request normalize-uri percent-to-uppercase",
        "http-request normalize-uri path-strip-dot",
        "http-request normalize-uri path-strip-dotdot full",
        f"http-request set-var(txn.path) path,bytes(0,{_LOGGED_PATH})",
    )


def _limits() -> Iterable[str]:
    return (
        f"http-request {pages.answer(431)} if {{ req.hdrs,length gt {HEADERS} }}",
        f"http-request {pages.answer(414)} if {{ url_len gt {_LONGEST_TARGET} }}",
    )


def _headers() -> Iterable[str]:
    yield from (f"http-request del-header {name}" for name in _FORGED)
    yield "http-request set-header X-Forwarded-For %[src]"
    yield "http-request set-header X-Forwarded-Proto https if { ssl_fc }"
    yield "http-request set-header X-Forwarded-Proto http unless { ssl_fc }"
    yield "http-request set-header X-Request-ID %[var(txn.id)]"
    yield "http-after-response set-header X-Request-ID %[var(txn.id)] if { var(txn.id) -m found }"


def _to_https(file: GatewayFile) -> Iterable[str]:
    if file.certificates:
        port = "" if file.https_port == 443 else f":{file.https_port}"
        place = f"https://%[var(txn.host)]{port}%[pathq]"
        yield f"http-request redirect location {place} code 308 unless {{ ssl_fc }}"


def _routes(file: GatewayFile) -> Iterable[str]:
    """The later of two rules that fit wins, so the least specific come first."""
    for service in reversed(by_specificity(file.services)):
        yield f"http-request set-var(txn.service) str({words.name(service.name, 'services')}){_fits(service)}"
    yield f"http-request {pages.answer(404)} unless {{ var(txn.service) -m found }}"
    for service in file.services:
        mine = f"{{ var(txn.service) -m str {service.name} }}"
        last = service.name + LAST_RESORT
        yield f"use_backend {last} if {mine} {{ nbsrv({service.name}) eq 0 }} {{ nbsrv({last}) gt 0 }}"
        yield f"use_backend {service.name} if {mine}"


def by_specificity(services: Sequence[GatewayService]) -> list[GatewayService]:
    """Routes of a host before those of any, longer paths before shorter ones; else by name."""
    return sorted(services, key=lambda each: (each.host is None, -len(_segments(each.path)), each.path, each.name))


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]


def _fits(service: GatewayService) -> str:
    host = f"{{ var(txn.host) -m str {words.host(service.host, f'{service.name}: host')} }}" if service.host else ""
    prefix = "/" + "/".join(_segments(service.path))
    if prefix == "/":
        return f" if {host}" if host else ""
    whole, inside = (words.path(each, f"{service.name}: path") for each in (prefix, f"{prefix}/"))
    rules = (f"{host} {{ path -m str {whole} }}", f"{host} {{ path -m beg {inside} }}")
    return f" if {rules[0]} || {rules[1]}"
