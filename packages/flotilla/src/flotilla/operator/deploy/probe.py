"""Whether a new copy answers: its health path, then its smoke request, both asked from its own host. What it said, and
the tail of its log, come with the error."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from flotilla.domain.fleet import SecretHeader, Service, Smoke
from flotilla.domain.secret import Secret
from flotilla.errors import OperatorError
from flotilla.operator.commands import succeed, until
from flotilla.operator.containers import last_words
from flotilla.operator.world import World
from flotilla.remote import Answer, NoAnswer, Request

PROBE_S = 2.0
MOST_RESTARTS = 3
STATE = (
    "docker",
    "inspect",
    "--format",
    "{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}",
)
LONGEST_SHOWN = 300


class CopyFailed(OperatorError):
    """A new copy does not get healthy, or answers its smoke request with something else than it should."""


class _Seen(msgspec.Struct, frozen=True):
    healthy: bool
    why: str = ""


async def check(
    world: World, address: str, service: Service, index: int, name: str, secrets: Mapping[str, Secret]
) -> None:
    """Waits until a copy is healthy, and asks its smoke request. Raises `CopyFailed`."""
    why = await _healthy(world, address, service, index, name, secrets)
    if not why and service.smoke is not None:
        request = smoke_request(service.smoke, secrets)
        answer = await world.at(address).ask(
            address, service.ports.first + index, request, deadline_s=service.timeout_s
        )
        if not isinstance(answer, Answer) or answer.status != service.smoke.expect:
            asked = f"{request.method} {request.path}"
            why = f"its smoke request {asked} wants {service.smoke.expect}, and got {shown(answer, secrets)}"
    if why:
        log = await last_words(world.at(address), name)
        raise CopyFailed(f"{address}: {name}: {why}\nits log ends with:\n{_indented(hidden(log, secrets))}")


async def _healthy(
    world: World, address: str, service: Service, index: int, name: str, secrets: Mapping[str, Secret]
) -> str:
    """Why a copy did not get healthy, empty where it did."""
    machine = world.at(address)
    request = Request(path=service.health.path)
    last: Answer | NoAnswer = NoAnswer("it was not asked yet")

    async def look() -> _Seen | None:
        nonlocal last
        last = await machine.ask(address, service.ports.first + index, request, deadline_s=PROBE_S)
        if isinstance(last, Answer) and 200 <= last.status < 400:
            return _Seen(True)
        ended = ending(await succeed(machine, (*STATE, name)))
        return _Seen(False, ended) if ended else None

    seen = await until(world, service.health.deadline_s, look)
    said = f"GET {request.path} got {shown(last, secrets)}"
    if seen is None:
        return f"it did not get healthy within {service.health.deadline_s:g} s: {said}"
    return "" if seen.healthy else f"{seen.why}; {said}"


def ending(state: str) -> str:
    """Why a container will not come to life any more, from what `STATE` prints; empty where it may."""
    restarts, status, code, killed = state.split()
    memory = ", killed for want of memory" if killed == "true" else ""
    if status in ("exited", "dead"):
        return f"it has ended (status {code}{memory})"
    if int(restarts) >= MOST_RESTARTS:
        return f"it ends again and again (status {code}{memory}, started anew {restarts} times)"
    return ""


def smoke_request(smoke: Smoke, secrets: Mapping[str, Secret]) -> Request:
    """The smoke request with its secrets in it."""
    headers = {
        name: f"{value.prefix}{secrets[value.secret].reveal()}" if isinstance(value, SecretHeader) else value
        for name, value in smoke.headers.items()
    }
    body = None if smoke.body is None else smoke.body.encode()
    if body is not None and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json"
    return Request(method=smoke.method, path=smoke.path, headers=headers, body=body)


def shown(answer: Answer | NoAnswer, secrets: Mapping[str, Secret]) -> str:
    """An answer for people, short and without the secrets."""
    if isinstance(answer, NoAnswer):
        return answer.why
    text = re.sub(r"\s+", " ", hidden(answer.body.decode(errors="replace"), secrets)).strip()
    return f"{answer.status}" + (f": {text[:LONGEST_SHOWN]}" if text else "")


def hidden(text: str, secrets: Mapping[str, Secret]) -> str:
    """The text without the secrets, where a service prints its own."""
    for secret in secrets.values():
        text = text.replace(secret.reveal(), "…")
    return text


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
