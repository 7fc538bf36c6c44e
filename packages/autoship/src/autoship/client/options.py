"""Where the service is and how it is spoken to: the address, the headers, the deadline. Checked once, when a client is
made: what is wrong here is a mistake in the application, and raises `ValueError`."""

from __future__ import annotations

import ipaddress
import re
import secrets
import sys
from importlib.metadata import version
from urllib.parse import urlsplit

import httpcore2
import msgspec

from autoship.client.calls import Call

MOST_ATTEMPTS = 5
DEADLINE_S = 10.0
KEEP_ALIVE_S = 30.0
"""Shorter than the service keeps a connection that nobody uses, so that it is mostly the client that closes it."""

MOST_CONNECTIONS = 100

TRACE_PARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
DEFAULT_PORTS = {"http": 80, "https": 443}


class Address(msgspec.Struct, frozen=True):
    """The service's address in its parts. ``prefix`` comes before every path; ``netloc`` is the Host header."""

    scheme: str
    host: str
    port: int
    prefix: str
    netloc: str

    def url(self, target: str) -> httpcore2.URL:
        """The address of ``target``, a path with its query."""
        return httpcore2.URL(scheme=self.scheme, host=self.host, port=self.port, target=self.prefix + target)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.prefix}"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How calls are made. ``token`` is left out of the repr."""

    deadline_s: float = DEADLINE_S
    attempts: int = MOST_ATTEMPTS
    token: str | None = None
    user_agent: str | None = None
    request_id: str | None = None
    traceparent: str | None = None

    def __post_init__(self) -> None:
        if not self.deadline_s > 0:
            raise ValueError("deadline_s is a number of seconds over 0")
        if self.attempts < 1:
            raise ValueError("attempts is 1 (never again) or more")
        for name in ("token", "user_agent", "request_id"):
            value = getattr(self, name)
            if value is not None and not (value and value.isascii() and value.isprintable() and value == value.strip()):
                raise ValueError(f"{name} is printable ASCII, for it goes into a header")
        if self.traceparent is not None and not TRACE_PARENT.fullmatch(self.traceparent):
            raise ValueError("traceparent is as W3C Trace Context has it: 00-<32 hex digits>-<16 hex digits>-01")

    def __repr__(self) -> str:
        token = None if self.token is None else "***"
        return f"Options(deadline_s={self.deadline_s}, attempts={self.attempts}, token={token})"

    def name_of_request(self) -> str:
        """The request id that was given, or a new one: the same for all attempts of a call."""
        return self.request_id or secrets.token_hex(16)

    def headers(self, call: Call[object], address: Address, request_id: str) -> list[tuple[str, str]]:
        """The headers of a request."""
        headers = [
            ("Host", address.netloc),
            ("User-Agent", f"{self.user_agent} {AGENT}" if self.user_agent else AGENT),
            ("Accept", "*/*"),
            ("Accept-Encoding", "identity"),
            ("X-Request-ID", request_id),
        ]
        if call.body is not None:
            headers.append(("Content-Type", call.media_type))
        if self.token is not None:
            headers.append(("Authorization", f"Bearer {self.token}"))
        if self.traceparent is not None:
            headers.append(("traceparent", self.traceparent))
        return headers


AGENT = f"autoship-client/{version('autoship')} Python/{sys.version_info.major}.{sys.version_info.minor}"


def address_of(url: str) -> Address:
    """The parts of an address such as ``http://127.0.0.1:8000``; raises `ValueError`."""
    parts = urlsplit(url)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"the service's address is http://… or https://…, not {url!r}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("the service's address holds no user and no password: give a token")
    if parts.query or parts.fragment:
        raise ValueError("the service's address ends with its path: no query, no fragment")
    if not re.fullmatch(r"[!$-;=@-Z_a-z~%]*", parts.path):
        raise ValueError("the path in the service's address is percent-encoded")
    host = _host(parts.hostname)
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    shown = f"[{host}]" if ":" in host else host
    netloc = shown if port == DEFAULT_PORTS[parts.scheme] else f"{shown}:{port}"
    return Address(parts.scheme, host, port, parts.path.rstrip("/"), netloc)


def _host(name: str) -> str:
    if ":" in name:
        return str(ipaddress.ip_address(name))
    try:
        host = name.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValueError(f"no host has the name {name!r}: {error}") from error
    if not re.fullmatch(r"[a-z0-9._-]+", host):
        raise ValueError(f"no host has the name {name!r}")
    return host
