"""A whole fleet in memory for the operator's verbs: machines with Docker, agents that read their file, gateways that
tell what the agents say. Simple and at once: what takes time in the real one is tested on the real one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
from flotilla.adapters.memory_docker import MemoryContainer, MemoryDocker
from flotilla.adapters.memory_machine import File, MemoryMachine, MemoryMachines, MemoryWorkshop
from flotilla.domain.fleet import Fleet, Health, Ports, SecretHeader, Service, Smoke
from flotilla.domain.handed import GatewayFile, HostFile, decode_handed, handed_hash
from flotilla.domain.load import Load, Part
from flotilla.domain.member import Role, member_name
from flotilla.domain.report import State
from flotilla.domain.secret import FromFile
from flotilla.domain.status import (
    GossipStatus,
    MemberStatus,
    ProxyStatus,
    ServerStatus,
    ServiceOnMember,
    StatusDocument,
    encode_status,
)
from flotilla.operator.world import World
from flotilla.remote import Answer, Done, NoAnswer, Request

GATEWAYS = ("10.0.0.10", "10.0.0.11")
HOSTS = ("10.0.0.21", "10.0.0.22")
SHOP = Service(
    name="shop",
    image="shop",
    version="1.0.0",
    copies=2,
    ports=Ports(first=8000, container=80),
    health=Health(path="/readyz", deadline_s=5),
    smoke=Smoke(path="/smoke", headers={"Authorization": SecretHeader(secret="TOKEN", prefix="Bearer ")}),
    secrets={"TOKEN": FromFile(file=Path("token"))},
)
SECRET = "a-secret-that-nobody-may-see"


class Told:
    """Keeps what verbs say."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, machine: str, text: str) -> None:
        self.lines.append(f"{machine} {text}".strip())

    def amount(self, machine: str, what: str, count: int) -> None:
        """Not kept."""


class FleetInMemory:
    """``asked`` are the requests that copies got, ``answers`` what copies answer by version, where not 200; ``mute``
    are hosts whose agents are no members."""

    def __init__(self, folder: Path, services: Sequence[Service] = (SHOP,), hosts: Sequence[str] = HOSTS) -> None:
        (folder / "token").write_text(f"{SECRET}\n")
        self.fleet = Fleet(
            name="fleet",
            folder=folder,
            gateways=GATEWAYS,
            hosts=tuple(hosts),
            admit=("10.0.0.0/24",),
            services=tuple(services),
        )
        self.voice = Told()
        self.asked: list[tuple[str, Request]] = []
        self.answers: dict[str, Answer | NoAnswer] = {}
        self.in_flight: dict[tuple[str, str], int] = {}
        self.history: list[str] = []
        self.mute: set[str] = set()
        self.dockers: dict[str, MemoryDocker] = {}
        self.here = MemoryDocker({f"shop:{version}": (f"sha256:{version}", "app") for version in ("1.0.0", "1.0.1")})
        self.workshop = MemoryWorkshop({"docker": self.here})
        self.machines = MemoryMachines([self._machine(address) for address in (*GATEWAYS, *HOSTS, "10.0.0.24")])

    def world(self, **changes: object) -> World:
        """What verbs get; ``changes`` are of the fleet file."""
        self.fleet = msgspec.structs.replace(self.fleet, **changes)
        return World(self.fleet, self.machines, self.workshop, self.voice)

    def version(self, version: str) -> World:
        """The fleet with another version of its first service."""
        first, *others = self.fleet.services
        return self.world(services=(msgspec.structs.replace(first, version=version), *others))

    def ran(self) -> list[tuple[str, ...]]:
        """All commands on all machines."""
        return [argv for address in self.dockers for argv in self.machines.at(address).ran]

    def changes(self) -> list[tuple[str, ...]]:
        """Those that change something."""
        verbs = {"run", "rm", "stop", "load", "pull", "build"}
        files = ("install", "rm")
        return [argv for argv in self.ran() if argv[0] in files or (argv[0] == "docker" and argv[1] in verbs)]

    def host_file(self, address: str) -> HostFile:
        """What a host was told."""
        content = self.machines.at(address).files["/var/lib/flotilla/agent/host.json"].content
        assert content is not None
        return decode_handed(HostFile, content)

    def watch_host_files(self) -> dict[str, list[HostFile]]:
        """All that hosts are told from now on."""
        told: dict[str, list[HostFile]] = {address: [] for address in HOSTS}
        for address in HOSTS:
            self.machines.at(address).watching = lambda path, content, at=address: (
                told[at].append(decode_handed(HostFile, content)) if path.endswith("/host.json") else None
            )
        return told

    def running(self, address: str) -> dict[str, str]:
        """The copies on a host and their versions."""
        return {
            name: one.labels["flotilla.version"]
            for name, one in self.dockers[address].containers.items()
            if "flotilla.service" in one.labels and one.state == "running"
        }

    def _machine(self, address: str) -> MemoryMachine:
        docker = self.dockers[address] = MemoryDocker()
        machine = MemoryMachine(address, {"docker": docker, "sh": lambda arguments, stdin: Done(0)})
        docker.started = lambda container: self._started(address, container)
        docker.stopped = lambda container: self._stopped(address, container)
        if address in GATEWAYS:
            machine.web[address, 8404] = lambda request: self._status(address)
            docker.execs["flotilla.programs.keys"] = self._keys
        machine.files["/proc/net/tcp"] = machine.files["/proc/net/tcp6"] = _file(b"  sl  local_address\n")
        return machine

    def _started(self, address: str, container: MemoryContainer) -> None:
        service = container.labels.get("flotilla.service")
        if service is None:
            return
        self.history.append(f"{address} starts {container.name} {container.labels['flotilla.version']}")
        version = container.labels["flotilla.version"]
        port = int(container.argv[container.argv.index("--publish") + 1].split(":")[1])

        def web(request: Request) -> Answer | NoAnswer:
            self.asked.append((container.name, request))
            return self.answers.get(version, Answer(status=200))

        self.machines.at(address).web[address, port] = web

    def _stopped(self, address: str, container: MemoryContainer) -> None:
        if "flotilla.service" not in container.labels:
            return
        service = container.labels["flotilla.service"]
        serving = any(one.address == address and one.service == service for one in self._servers())
        state = "in rotation" if serving else "out"
        self.history.append(f"{address} stops {container.name} {container.labels['flotilla.version']}, {state}")

    def _keys(self, arguments: Sequence[str], stdin: bytes) -> Done:
        verb, key = arguments[0], stdin.decode()
        machines = [self.machines.at(address) for address in (*self.fleet.gateways, *self.fleet.hosts)]
        for machine in machines:
            path = "/var/lib/flotilla/gossip/keyring.json"
            keys = json.loads(machine.files[path].content or b"")
            if verb == "install":
                keys.append(key)
            elif verb == "use":
                keys = [key, *(one for one in keys if one != key)]
            else:
                keys.remove(key)
            machine.files[path] = _file(json.dumps(keys).encode())
        said = {"alive": len(machines), "answered": len(machines), "refusal": None, "problems": {}, "held": {}}
        return Done(0, json.dumps(said).encode())

    def _alive(self) -> dict[str, HostFile]:
        return {
            address: self.host_file(address)
            for address, docker in self.dockers.items()
            if "flotilla-agent" in docker.containers
            and self.machines.at(address).away is None
            and address not in self.mute
        }

    def _servers(self) -> tuple[ServerStatus, ...]:
        found = []
        for address, file in self._alive().items():
            for service in file.services:
                drains = file.drain or service.state == State.DRAIN
                left = self.in_flight.get((address, service.name), 0)
                for index in range(service.copies):
                    name = f"{self.fleet.name}-{service.name}-{index}"
                    one = self.dockers[address].containers.get(name)
                    if (drains and not left) or one is None or one.state != "running":
                        continue
                    status = "DRAIN" if drains else "UP"
                    load = Load(part=Part.SERVER, backend=service.name, status=status, sessions=left)
                    found.append(
                        ServerStatus(
                            service=service.name,
                            name=f"{address}:{service.first_port + index}",
                            address=address,
                            wanted=None if drains else 100,
                            load=load,
                        )
                    )
        return tuple(found)

    def _status(self, address: str) -> Answer | NoAnswer:
        if not {"flotilla-gateway", "flotilla-haproxy"} <= set(self.dockers[address].containers):
            return NoAnswer("nothing listens there")
        content = self.machines.at(address).files["/var/lib/flotilla/gateway/gateway.json"].content
        assert content is not None
        file = decode_handed(GatewayFile, content)
        for key in self.in_flight:  # one request ends with each look
            self.in_flight[key] = max(0, self.in_flight[key] - 1)
        members = [
            MemberStatus(name=member_name(Role.GATEWAY, one), address=one, role="gateway", status="alive")
            for one in GATEWAYS
        ]
        for host, told in self._alive().items():
            services = tuple(
                ServiceOnMember(
                    name=one.name,
                    version=one.version,
                    generation=one.generation,
                    state=State.DRAIN if told.drain else one.state,
                    ready=(0, 1),
                )
                for one in told.services
            )
            members.append(
                MemberStatus(
                    name=member_name(Role.HOST, host),
                    address=host,
                    role="host",
                    status="alive",
                    generation=told.generation,
                    services=services,
                )
            )
        document = StatusDocument(
            now_s=0,
            program="1",
            fleet=file.fleet,
            address=address,
            generation=file.generation,
            hash=handed_hash(file),
            offered_generation=file.generation,
            offered_hash=handed_hash(file),
            file_problem=None,
            warnings=(),
            gossip=GossipStatus(answered_s=0, problem=None, hosts_alive=len(members) - 2, hosts_failed=0),
            proxy=ProxyStatus(answers=True, problem=None, worker="1", converged=True, installed=True),
            refusal=None,
            services=(),
            members=tuple(members),
            servers=self._servers(),
            done=(),
        )
        return Answer(status=200, body=encode_status(document))


def _file(content: bytes) -> File:
    return File(content, 0o644, "0:0")
