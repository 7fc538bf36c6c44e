"""How the requests of one service reach its copies: balance, patience, what is asked a second time, and of whom."""

from __future__ import annotations

from collections.abc import Iterable

from flotilla.domain.handed import GatewayService, Retry
from flotilla.errors import HandedFileError
from flotilla.gateway import pages, words
from flotilla.gateway.machine import buffer_bytes_of
from flotilla.gateway.servers import ERROR_LIMIT, LAST_RESORT, checked_options, unchecked_options

SAFE_METHODS = "GET HEAD OPTIONS"

_REPLAYED = "conn-failure empty-response junk-response response-timeout"
_BODY_TIME = "10s"


def backend(service: GatewayService, servers: int) -> list[str]:
    """The service's own backend, all but its servers. ``servers`` is how many all backends have: the pace of checks
    depends on it."""
    words.name(service.name, "services")
    host = words.host(service.host, f"{service.name}: host") if service.host else "localhost"
    return [
        f"backend {service.name}",
        *(f"    {line}" for line in _common(service)),
        "    option httpchk",
        f"    http-check send meth GET uri {words.path(service.health_path, f'{service.name}: health_path')}"
        f" ver HTTP/1.1 hdr Host {host} hdr User-Agent flotilla",
        "    http-check expect status 200-399",
        f"    default-server {checked_options(service, servers)}",
    ]


def last_resort(service: GatewayService) -> list[str]:
    """The same without checks, for when these have taken out every server: a wrong answer of theirs must not be the
    end of the service."""
    return [
        f"backend {service.name}{LAST_RESORT}",
        *(f"    {line}" for line in _common(service)),
        f"    default-server {unchecked_options(service)}",
    ]


def _common(service: GatewayService) -> Iterable[str]:
    yield from _balance(service)
    yield f"timeout server {words.milliseconds(service.timeout_s)}"
    yield f"retries {retries(service)}"
    yield from _body(service)
    yield from _retry(service)


def retries(service: GatewayService) -> int:
    """How often one request is tried again. A copy that refuses connections has none, which is what leastconn looks
    for, and consistent hashing goes to and fro between two such: until ten errors take each of them out, they draw
    whatever comes, and cost a request less than a millisecond a try. So ten for each copy that a host may lose at once,
    and at least for four. Tries that take time do not come to so many: `option abortonclose` ends them when the client
    has gone."""
    return min(max(40, ERROR_LIMIT * service.copies), 120)


def _balance(service: GatewayService) -> Iterable[str]:
    kind, _, header = service.balance.partition(":")
    if service.balance in ("leastconn", "roundrobin"):
        yield f"balance {service.balance}"
    elif kind == "header" and header:
        yield f"balance hdr({words.header(header, f'{service.name}: balance')})"
        yield "hash-type consistent"
    else:
        raise HandedFileError(f"{service.name}: balance is {service.balance!r}: leastconn, roundrobin or header:NAME")


def _body(service: GatewayService) -> Iterable[str]:
    """The longest body. One without a length (chunked, HTTP/2) is measured where all that is allowed fits into the
    buffer; a longer one is the service's own to refuse, since HAProxy does not count what it passes on."""
    most = max(0, service.max_body)
    yield f"http-request {pages.answer(413)} if {{ req.body_size gt {most} }}"
    if most < buffer_bytes_of(service) - 2 * 4096:
        plain = "!{ req.hdr(content-length) -m found } !{ method CONNECT } !{ req.hdr(upgrade) -m found }"
        yield f"http-request wait-for-body time {_BODY_TIME} if {plain}"
        yield f"http-request {pages.answer(413)} if {{ req.body_size gt {most} }}"


def _retry(service: GatewayService) -> Iterable[str]:
    """``connect``: only what never reached a copy. ``safe``: also GET, HEAD and OPTIONS. ``all``: everything; a body
    is waited for where its length is told and fits, since HAProxy replays only what it has whole. One that comes in
    pieces without a length is passed on at once, as streaming wants, and not replayed."""
    if service.retry is Retry.CONNECT:
        yield "retry-on conn-failure"
        return
    yield f"retry-on {_REPLAYED}"
    if service.retry is Retry.SAFE:
        yield f"http-request disable-l7-retry unless {{ method {SAFE_METHODS} }}"
    elif service.retry_body > 0:
        fits = f"{{ req.hdr_val(content-length) gt 0 }} {{ req.hdr_val(content-length) le {service.retry_body} }}"
        yield f"http-request wait-for-body time {_BODY_TIME} if {fits}"
