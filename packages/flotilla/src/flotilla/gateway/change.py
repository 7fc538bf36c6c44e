"""From what HAProxy runs to what it should: nothing, commands of its runtime API, or a reload.

Level-triggered: asked again every round, with no memory of its own, until it says `Nothing`. What is not done, or not
done yet, shows in what HAProxy runs, whoever died in between.

Commands bring servers in and out of rotation, and add and remove those of hosts that the file does not name; all else
takes a reload. Of HAProxy 3.0 (measured with 3.0.11):

- ``set server … state ready`` takes a server out of maintenance as UP at once; ``health down`` right after it holds it
  down until its checks pass. Before it, it is forgotten.
- ``add server`` ignores ``default-server`` and leaves the server in maintenance, its checks off. It takes every option
  that `servers` uses, ``slowstart``, ``observe`` and ``hash-key`` included, but ``tcp-ut`` and ``init-state``. What is
  added has therefore no ``tcp-ut``: once all is calm it is moved into the file by a reload.
- ``del server`` wants maintenance and no connection; the ``id`` that a server is added with shows later that it was.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from flotilla.gateway.configuration import Configuration, ServerKey, WantedServer
from flotilla.gateway.running import STOPPED, Running, RunningServer
from flotilla.gateway.words import address

FIRST_ADDED_ID = 1_000_000
"""``id`` of servers that are added by command, and up; HAProxy numbers those of the file from 1."""

CALM_S = 5
"""How long an added server is up before a reload moves it into the file."""

REST_S = 60
"""How long after the last start HAProxy is not reloaded for the sake of added servers alone."""


class Nothing(msgspec.Struct, frozen=True, tag="nothing"):
    """HAProxy runs what it should. ``waiting`` servers drain, and are removed in a later round."""

    waiting: int = 0


class ByCommands(msgspec.Struct, frozen=True, kw_only=True, tag="commands"):
    """To be sent in this order to the stats socket; one that fails is asked for again in the next round."""

    commands: tuple[str, ...]
    waiting: int = 0


class ByReload(msgspec.Struct, frozen=True, kw_only=True, tag="reload"):
    """Only the whole file does it, or does it sooner; ``why`` in words."""

    why: str


Change: TypeAlias = Nothing | ByCommands | ByReload


class _Steps:
    """The commands of one round, in the order in which they are safe: in first, then out."""

    def __init__(self, running: Running) -> None:
        self.into: list[str] = []
        self.out: list[str] = []
        self.added = 0
        self.waiting = 0
        self._last_id: dict[str, int] = {}
        for (backend, _), server in running.servers.items():
            self._last_id[backend] = max(self._last_id.get(backend, 0), server.id)

    def next_id(self, backend: str) -> int:
        """An id that no server of the backend has."""
        self._last_id[backend] = max(self._last_id.get(backend, 0), FIRST_ADDED_ID - 1) + 1
        return self._last_id[backend]


def change(running: Running, wanted: Configuration) -> Change:
    """The cheapest safe next step."""
    if running.structure is None:
        return ByReload(why="HAProxy does not run a configuration of this gateway")
    if running.structure != wanted.structure:
        return ByReload(why="more than servers differs between the file and what HAProxy runs")
    steps = _Steps(running)
    for key, server in wanted.servers.items():
        now = running.servers.get(key)
        if now is not None and (now.address, now.port) != (server.address, server.port):
            return ByReload(why=f"HAProxy runs {_name(key)} with another address")
        if now is None and server.fixed:
            return ByReload(why=f"HAProxy lacks {_name(key)}")
        if server.enabled:
            _bring_in(steps, key, server, now)
        elif now is not None:
            _take_out(steps, key, now, keep=True)
    for key, now in running.servers.items():
        if key not in wanted.servers:
            _take_out(steps, key, now, keep=False)
    return _cheapest(steps, running, wanted)


def carry_over(before: Running, wanted: Configuration) -> tuple[str, ...]:
    """For the worker of after a reload, which starts with every server up: the commands that hold down what was down
    in the worker ``before``, and what was not in rotation there, until checks bring it up. Where nothing was up before,
    what is new stays up."""
    usable = {key[0] for key, now in before.servers.items() if now.operational != STOPPED and not now.admin & ~0x04}
    commands = []
    for key, server in wanted.servers.items():
        if not (server.checked and server.enabled):
            continue
        now = before.servers.get(key)
        new = now is None or now.in_maintenance
        if (new and key[0] in usable) or (now is not None and not new and now.operational == STOPPED):
            commands.append(f"set server {_name(key)} health down")
    return tuple(commands)


def commands_ms(added: int, others: int, servers: int) -> float:
    """How long commands take where HAProxy has so many servers (measured, 10 to 24,000; a server is added by walking
    along those that its backend has)."""
    return added * (0.02 + servers * 1.2e-5) + others * 0.015


def reload_ms(servers: int) -> float:
    """How long ``haproxy -c`` and a reload take together (measured, 10 to 24,000 servers), and half a second for what
    a reload forgets: counters, health, and in the end the longest connections."""
    return 500 + 40 + servers * 0.02 + servers * servers * 3e-6


def _bring_in(steps: _Steps, key: ServerKey, server: WantedServer, now: RunningServer | None) -> None:
    name = _name(key)
    if now is None:
        place = f"{address(server.address, 'a server')}:{server.port}"
        number = steps.next_id(server.backend)
        steps.into.append(f"add server {name} {place} {server.options} weight {server.weight} id {number}")
        steps.added += 1
    elif now.weight != server.weight:
        steps.into.append(f"set server {name} weight {server.weight}")
    if server.checked and (now is None or not now.watched):
        steps.into.append(f"enable health {name}")
    if now is None or now.in_maintenance:
        steps.into.append(f"set server {name} state ready")
        if server.checked:
            steps.into.append(f"set server {name} health down")
    elif now.drains:
        steps.into.append(f"set server {name} state ready")


def _take_out(steps: _Steps, key: ServerKey, now: RunningServer, *, keep: bool) -> None:
    name = _name(key)
    if now.in_maintenance:
        if not keep:
            steps.out.append(f"del server {name}")
    elif not now.drains:
        steps.out.append(f"set server {name} state drain")
        steps.waiting += 1
    elif now.idle:
        steps.out.append(f"set server {name} state maint")
        if not keep:
            steps.out.append(f"del server {name}")
    else:
        steps.waiting += 1


def _cheapest(steps: _Steps, running: Running, wanted: Configuration) -> Change:
    commands = (*steps.into, *steps.out)
    if commands:
        takes = commands_ms(steps.added, len(commands) - steps.added, len(running.servers))
        if takes > (whole := reload_ms(len(wanted.servers))):
            return ByReload(why=f"{len(commands)} commands would take {takes:.0f} ms, a reload {whole:.0f} ms")
        return ByCommands(commands=commands, waiting=steps.waiting)
    moving = sum(_moves(now, wanted.servers.get(key)) for key, now in running.servers.items())
    if moving and running.uptime_s >= max(REST_S, len(running.servers) / 100):
        return ByReload(why=f"servers that were added by command move into the file: {moving}")
    return Nothing(waiting=steps.waiting)


def _moves(now: RunningServer, server: WantedServer | None) -> bool:
    """Whether a server was added by command, and has come to stay."""
    wanted = server is not None and server.checked and server.enabled
    return now.added and wanted and now.operational != STOPPED and now.since_s >= CALM_S


def _name(key: ServerKey) -> str:
    return f"{key[0]}/{key[1]}"
