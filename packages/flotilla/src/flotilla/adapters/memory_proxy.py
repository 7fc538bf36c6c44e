"""Fakes of HAProxy and of a gateway's files, for tests and for trying things out: they keep the rules that the
conformance suite states. What HAProxy runs lives on when whoever speaks to it dies, as in reality."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from flotilla.domain.load import Load, Part, Statistics
from flotilla.errors import ConfigurationRefused, ProxyError, StoreError
from flotilla.gateway.configuration import ServerKey, structure_of
from flotilla.gateway.running import Running, RunningServer
from flotilla.ports import Answer, Worker

CANDIDATE = "haproxy.cfg.new"
MAINT, CONFIGURED_MAINT, DRAINS = 0x01, 0x04, 0x08
_SERVER = re.compile(r"\s+server (\S+) (\S+):(\d+)(.*)")
_WEIGHT = re.compile(r" weight (\d+)")
_NUMBER = re.compile(r" id (\d+)")
_DESCRIPTION = re.compile(r"^\s+description '(.*)'$", re.MULTILINE)


class MemoryStore:
    """A gateway's files in memory; `ports.GatewayStore`. While ``full`` nothing can be written."""

    def __init__(self, offered: bytes | None = None) -> None:
        self.handed = offered
        self.full = False
        self.writes: list[str] = []
        self._files: dict[str, bytes] = {}
        self._candidate: str | None = None

    def offered(self) -> bytes | None:
        """See `flotilla.ports.GatewayStore`."""
        return self.handed

    def accepted(self) -> bytes | None:
        """See `flotilla.ports.GatewayStore`."""
        return self._files.get("gateway.json")

    def accept(self, data: bytes) -> None:
        """See `flotilla.ports.GatewayStore`."""
        self._write("gateway.json", data)

    def installed(self) -> str | None:
        """See `flotilla.ports.GatewayStore`."""
        data = self._files.get("haproxy.cfg")
        return None if data is None else data.decode()

    def candidate(self, text: str) -> str:
        """See `flotilla.ports.GatewayStore`."""
        self._write(CANDIDATE, text.encode())
        return CANDIDATE

    def install(self) -> None:
        """See `flotilla.ports.GatewayStore`."""
        if CANDIDATE not in self._files:
            raise StoreError("cannot write haproxy.cfg: there is no candidate")
        self._files["haproxy.cfg"] = self._files.pop(CANDIDATE)

    def memory(self) -> bytes | None:
        """See `flotilla.ports.GatewayStore`."""
        return self._files.get("members.json")

    def remember(self, data: bytes) -> None:
        """See `flotilla.ports.GatewayStore`."""
        self._write("members.json", data)

    def read(self, path: str) -> str | None:
        """What is in one of the files."""
        data = self._files.get(path)
        return None if data is None else data.decode()

    def lose(self, path: str) -> None:
        """The file is gone."""
        self._files.pop(path, None)

    def _write(self, path: str, data: bytes) -> None:
        if self.full:
            raise StoreError(f"cannot write {path}: No space left on device")
        self._files[path] = data
        self.writes.append(path)


class MemoryProxy:
    """HAProxy without sockets; `ports.Proxy`. It runs the store's configuration from `start` on. ``refuses`` says of a
    configuration what is wrong with it, None where nothing is; ``does_not_start`` likewise, where that shows only when
    a worker starts. While ``deaf`` it refuses every command."""

    def __init__(self, store: MemoryStore, refuses: Callable[[str], str | None] = lambda text: None) -> None:
        self._store = store
        self.refuses = refuses
        self.deaf = False
        self.does_not_start: Callable[[str], str | None] = lambda text: None
        self.servers: dict[ServerKey, RunningServer] = {}
        self.in_flight: dict[ServerKey, int] = {}
        self.commands: list[str] = []
        self.reloads = 0
        self.checks = 0
        self._structure: str | None = None
        self._pid = 0

    def start(self) -> None:
        """A worker with what is installed; without that HAProxy does not come up."""
        text = self._store.installed()
        if text is None or self.refuses(text) is not None:
            self.stop()
            return
        self._load(text)

    def stop(self) -> None:
        """HAProxy is gone."""
        self._pid = 0

    def checks_pass(self) -> None:
        """Every server answers its checks."""
        for key, server in self.servers.items():
            self.servers[key] = msgspec.structs.replace(server, operational=2)

    async def worker(self) -> Worker:
        """See `flotilla.ports.Proxy`."""
        self._there()
        return Worker(pid=self._pid, started_s=float(self._pid), structure=self._structure, version="3.0-memory")

    async def running(self) -> Running:
        """See `flotilla.ports.Proxy`."""
        self._there()
        servers = {
            key: msgspec.structs.replace(server, sessions=self.in_flight.get(key, 0), queue=0)
            if server.drains
            else server
            for key, server in self.servers.items()
        }
        return Running(structure=self._structure, servers=servers)

    async def run(self, commands: Sequence[str]) -> tuple[Answer, ...]:
        """See `flotilla.ports.Proxy`."""
        self._there()
        return tuple(self._ran(command) for command in commands)

    async def check(self, path: str) -> None:
        """See `flotilla.ports.Proxy`."""
        self.checks += 1
        text = self._store.read(path)
        words = f"cannot open {path}" if text is None else self.refuses(text)
        if words is not None:
            raise ConfigurationRefused(words)

    async def reload(self) -> None:
        """See `flotilla.ports.Proxy`."""
        self._there()
        text = self._store.installed() or ""
        if words := self.refuses(text) or self.does_not_start(text):
            raise ConfigurationRefused(f"it does not start with it: {words}")
        self.reloads += 1
        self._load(text)

    async def statistics(self, *, servers: bool = True) -> Statistics:
        """See `flotilla.ports.Proxy`."""
        self._there()
        backends = [Load(part=Part.BACKEND, backend=name) for name in sorted({key[0] for key in self.servers})]
        return Statistics(loads=(*backends, *(self._counted(key) for key in (self.servers if servers else ()))))

    def _there(self) -> None:
        if not self._pid:
            raise ProxyError("HAProxy is not there")

    def _load(self, text: str) -> None:
        found = _DESCRIPTION.search(text)
        self._structure = structure_of(found[1]) if found else None
        self.servers = {}
        backend = ""
        for line in text.splitlines():
            if line.startswith("backend "):
                backend = line.removeprefix("backend ")
            elif (parts := _SERVER.fullmatch(line)) and not backend.startswith("flotilla."):
                off = parts[4].endswith(" disabled")
                self._put(backend, parts[1], parts[2], parts[3], parts[4], MAINT | CONFIGURED_MAINT if off else 0)
        self._pid += 1

    def _put(self, backend: str, name: str, address: str, port: str, options: str, admin: int) -> None:
        weight, number = _WEIGHT.search(options), _NUMBER.search(options)
        self.servers[backend, name] = RunningServer(
            admin=admin,
            operational=0 if admin else 2,
            weight=int(weight[1]) if weight else 1,
            address=address.strip("[]"),
            port=int(port),
            id=int(number[1]) if number else len(self.servers) + 1,
            added=number is not None,
        )

    def _counted(self, key: ServerKey) -> Load:
        server = self.servers[key]
        up = "UP" if server.operational else "DOWN"
        status = "MAINT" if server.in_maintenance else "DRAIN" if server.drains else up
        return Load(
            part=Part.SERVER,
            backend=key[0],
            name=key[1],
            status=status,
            weight=server.weight,
            sessions=self.in_flight.get(key, 0),
        )

    def _ran(self, command: str) -> Answer:
        self.commands.append(command)
        if self.deaf:
            return Answer(text="Permission denied", failed=True)
        match command.split(" "):
            case ["add", "server", name, place, *options]:
                return self._add(name, place, " ".join(options))
            case ["del", "server", name]:
                return self._delete(name)
            case ["enable", "health", name]:
                return self._set(name)
            case ["set", "server", name, "weight", weight]:
                return self._set(name, weight=int(weight))
            case ["set", "server", name, "health", "down"]:
                return self._set(name, operational=0)
            case ["set", "server", name, "state", state]:
                admin = {"ready": 0, "drain": DRAINS, "maint": MAINT}[state]
                return self._set(name, admin=admin, **({} if state == "drain" else {"operational": 0 if admin else 2}))
        return Answer(text=f"Unknown command: {command!r}", failed=True)

    def _add(self, name: str, place: str, options: str) -> Answer:
        backend, _, server = name.partition("/")
        if (backend, server) in self.servers:
            return Answer(text="Already exists a server with the same name in backend.", failed=True)
        address, _, port = place.rpartition(":")
        self._put(backend, server, address, port, f" {options}", MAINT)
        return Answer(text="New server registered.", failed=False)

    def _delete(self, name: str) -> Answer:
        backend, _, one = name.partition("/")
        server = self.servers.get((backend, one))
        if server is None:
            return Answer(text="No such server.", failed=True)
        if not server.in_maintenance:
            return Answer(text="Only servers in maintenance mode can be deleted.", failed=True)
        if self.in_flight.get((backend, one)):
            return Answer(text="Server still has connections attached to it, cannot remove it.", failed=True)
        del self.servers[backend, one]
        return Answer(text="Server deleted.", failed=False)

    def _set(self, name: str, **values: int) -> Answer:
        backend, _, one = name.partition("/")
        server = self.servers.get((backend, one))
        if server is None:
            return Answer(text="No such server.", failed=True)
        self.servers[backend, one] = msgspec.structs.replace(server, **values)
        return Answer(text="", failed=False)
