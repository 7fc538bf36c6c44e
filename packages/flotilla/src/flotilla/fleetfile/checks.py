"""What has to be right between the keys of a fleet file: each value may be good, and two of them not go together.

Runs on drafts, so that it tells of these problems even where other keys are broken.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from flotilla.domain.fleet import Health, Listen, Route
from flotilla.domain.service_id import service_id
from flotilla.fleetfile.problems import Place, nearest
from flotilla.fleetfile.sections import Draft, DraftList

SERF_PORT = 7946
SERF_RPC_PORT = 7373
SSH_PORT = 22
MOST_PORT = 65535
MOST_ARGUMENTS = 64 * 1024
_FRAMING = ("connection", "content-length", "host", "transfer-encoding")


def check(fleet: Draft) -> None:
    """Adds what does not go together to the problems of the draft's places."""
    _check_addresses(fleet)
    _check_registry(fleet)
    taken = _check_own_ports(fleet)
    services = [(draft, place) for draft, place in _mapping(fleet, "services") if isinstance(draft, Draft)]
    _check_ports(services, taken)
    _check_routes(services)
    _check_ids([(draft.values["name"], place) for draft, place in services])
    for service, place in services:
        _check_size(service, place)
        _check_health(service)
        _check_smoke(service)
        _check_environment(service)


def _get(draft: Draft, *names: str) -> Any:
    value: Any = draft
    for name in names:
        if not isinstance(value, Draft):
            return None
        value = value.values.get(name)
    return value


def _items(draft: Draft, *names: str) -> tuple[tuple[Any, Place], ...]:
    value = _get(draft, *names)
    return value.entries if isinstance(value, DraftList) else ()


def _mapping(draft: Draft, *names: str) -> list[tuple[Any, Place]]:
    value = _get(draft, *names)
    return [(each, value.places[name]) for name, each in value.values.items()] if isinstance(value, Draft) else []


def _names(draft: Draft, name: str) -> Mapping[str, Place]:
    """The names in a mapping, those with a broken value too."""
    value = _get(draft, name)
    return value.places if isinstance(value, Draft) else {}


def _check_addresses(fleet: Draft) -> None:
    gateways = dict(_items(fleet, "gateways"))
    for address, place in _items(fleet, "hosts"):
        if address in gateways:
            place.refuse(
                f"{address} is a gateway, too, in line {gateways[address].line}: both need Serf's port {SERF_PORT}, "
                "so give each a machine of its own"
            )
    machines = [*_items(fleet, "gateways"), *_items(fleet, "hosts")]
    networks = [ipaddress.ip_network(network) for network, _ in _items(fleet, "admit")]
    first = None
    for address, place in machines:
        parsed = ipaddress.ip_address(address)
        first = first or parsed
        if parsed.version != first.version:
            place.refuse(f"is an IPv{parsed.version} address, and {first} is not: the gossip goes over one of the two")
        if networks and not any(parsed in network for network in networks):
            place.refuse(f"{address} lies in no network of admit: add {ipaddress.ip_network(address)} or a wider one")


def _check_registry(fleet: Draft) -> None:
    registry = _get(fleet, "registry")
    if not isinstance(registry, Draft):
        return
    names = registry.places
    for given, missing in (("username", "password"), ("password", "username")):
        if given in names and missing not in names:
            names[given].refuse(f"needs {missing} beside it")


def _check_own_ports(fleet: Draft) -> dict[int, str]:
    """The ports that are no service's, each with what it is."""
    taken = {SERF_PORT: "Serf's port", SERF_RPC_PORT: "the port of Serf's RPC", SSH_PORT: "sshd's port"}
    taken[_get(fleet, "ssh", "port") or SSH_PORT] = "sshd's port"
    listen = _get(fleet, "listen")
    for name in ("http_port", "https_port", "status_port"):
        port = _get(fleet, "listen", name) or getattr(Listen(), name)
        if port in taken and isinstance(listen, Draft):
            place = listen.places.get(name) or next(iter(listen.places.values()))
            place.refuse(f"{port} is {taken[port]}, and cannot be {name}, too")
        taken.setdefault(port, f"the gateways' {name}")
    seen: dict[str, Place] = {}
    for path, place in _items(fleet, "listen", "certificates"):
        if seen.setdefault(path.name, place) is not place:
            place.refuse(f"has the name of the one in line {seen[path.name].line}: on a gateway they lie in one folder")
    return taken


def _check_ports(services: list[tuple[Draft, Place]], taken: Mapping[int, str]) -> None:
    ranges: list[tuple[int, int, str]] = []
    for service, _ in services:
        first = _get(service, "ports", "first")
        if first is None:
            continue
        place = service.values["ports"].places["first"]
        last = first + (_get(service, "copies") or 1) - 1
        ports = _range(first, last)
        if last > MOST_PORT:
            place.refuse(f"{ports} goes past {MOST_PORT}: begin lower")
        for port, what in sorted(taken.items()):
            if first <= port <= last:
                place.refuse(f"{ports} has {port} in it, which is {what}" if last > first else f"{port} is {what}")
        for other_first, other_last, name in ranges:
            if first <= other_last and other_first <= last:
                place.refuse(
                    f"{ports} overlaps {_range(other_first, other_last)} of {name}: give each copy a port of its own"
                )
        ranges.append((first, last, service.values["name"]))


def _range(first: int, last: int) -> str:
    return f"{first} to {last}" if last > first else str(first)


def _check_routes(services: list[tuple[Draft, Place]]) -> None:
    seen: dict[tuple[str | None, str], str] = {}
    for service, place in services:
        route = service.values.get("route", Draft(Route, {}, {}))
        if "route" in service.places and ("route" not in service.values or route.places.keys() != route.values.keys()):
            continue
        key = (_get(route, "host"), _get(route, "path") or Route().path)
        name = service.values["name"]
        other = seen.setdefault(key, name)
        if other != name:
            what = f"host {key[0]}, path {key[1]}" if key[0] else f"path {key[1]}"
            service.places.get("route", place).refuse(
                f"has the same route as {other} ({what}): give one of them a path or a host of its own"
            )


def _check_ids(services: list[tuple[str, Place]]) -> None:
    seen: dict[str, str] = {}
    for name, place in services:
        other = seen.setdefault(service_id(name), name)
        if other != name:
            place.refuse(f"its name has the same short form in Serf's tags as {other}: rename one")


def _check_size(service: Draft, place: Place) -> None:
    texts = [word for word, _ in _items(service, "command")]
    env = _get(service, "env")
    texts += [f"{name}={value}" for name, value in env.values.items()] if isinstance(env, Draft) else []
    size = sum(len(text.encode()) + 1 for text in texts)
    if size > MOST_ARGUMENTS:
        place.refuse(f"command and env have {size:,} bytes, more than a command line takes: at most {MOST_ARGUMENTS:,}")


def _check_health(service: Draft) -> None:
    interval, deadline = _get(service, "health", "interval_s"), _get(service, "health", "deadline_s")
    interval, deadline = interval or Health().interval_s, deadline or Health().deadline_s
    if interval > deadline:
        places = service.values["health"].places
        next(iter(places.values())).refuse(
            f"a check every {interval:g} s never comes within deadline_s of {deadline:g}"
        )


def _check_smoke(service: Draft) -> None:
    secrets = _names(service, "secrets")
    seen: set[str] = set()
    headers = _get(service, "smoke", "headers")
    for name, place in (headers.places if isinstance(headers, Draft) else {}).items():
        if name.lower() in _FRAMING:
            place.refuse("is made from the request itself: leave it out")
        if name.lower() in seen:
            place.refuse("is there twice, in other letters: keep one")
        seen.add(name.lower())
        value = headers.values.get(name)
        secret = value.values.get("secret") if isinstance(value, Draft) else None
        if secret is not None and secret not in secrets:
            near = nearest(secret, list(secrets)) if secrets else None
            hint = f"did you mean {near}?" if near else "add it there"
            value.places["secret"].refuse(f"{secret} is not among the service's secrets: {hint}")


def _check_environment(service: Draft) -> None:
    secrets = _names(service, "secrets")
    for name, place in _names(service, "env").items():
        if name in secrets:
            place.refuse(f"is a secret, too, in line {secrets[name].line}: keep one")
        if name.endswith("_FILE") and name.removesuffix("_FILE") in secrets:
            secret = name.removesuffix("_FILE")
            place.refuse(f"is set by the secret {secret} in line {secrets[secret].line}, to the path of its file")
    for name, place in secrets.items():
        if name.removesuffix("_FILE") in secrets and name.endswith("_FILE"):
            place.refuse(f"is the variable that the secret {name.removesuffix('_FILE')} sets: rename one")
