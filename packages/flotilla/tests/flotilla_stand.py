"""A gateway's loop over the fakes, with hosts that say what a test has them say: all state outlives the loop."""

from __future__ import annotations

import json

from flotilla.adapters.memory import MemoryGossip, MemoryNetwork
from flotilla.adapters.memory_proxy import MemoryProxy, MemoryStore
from flotilla.domain.handed import GatewayFile, GatewayService, encode_handed
from flotilla.domain.member import Role, member_name
from flotilla.domain.report import HostReport, ServiceReport, State
from flotilla.domain.tags import common_tags, encode_tags
from flotilla.gateway.configuration import Machine
from flotilla.ports import GatewayStore, Gossip, Proxy
from flotilla.programs.gateway_journal import Journal
from flotilla.programs.gateway_loop import GatewayLoop

GATEWAY = "10.0.0.10"
HOSTS = ("10.0.0.21", "10.0.0.22", "10.0.0.23")
MACHINE = Machine(open_files=20_000, memory=8 << 30, cpus=2)


def service(name: str = "shop", **more: object) -> GatewayService:
    return GatewayService(**{"name": name, "version": "1.0.0", "first_port": 8000, "copies": 2, **more})


def gateway_file(*services: GatewayService, generation: int = 1, hosts: tuple[str, ...] = HOSTS) -> GatewayFile:
    return GatewayFile(
        fleet="shop",
        generation=generation,
        gateways=(GATEWAY,),
        hosts=hosts,
        admit=("10.0.0.0/24",),
        services=services or (service(),),
    )


class Stand:
    """``now_s`` is the clock. `loop` is a gateway that has just started."""

    def __init__(self, file: GatewayFile | None = None) -> None:
        self.now_s = 1_000_000.0
        self.said: list[str] = []
        self.network = MemoryNetwork()
        self.gossip: MemoryGossip = self.network.start(
            member_name(Role.GATEWAY, GATEWAY), GATEWAY, common_tags(Role.GATEWAY, "shop")
        )
        self.store = MemoryStore(encode_handed(file or gateway_file()))
        self.proxy = MemoryProxy(self.store)
        self.hosts: dict[str, MemoryGossip] = {}
        self.serial = 0

    def loop(
        self, gossip: Gossip | None = None, proxy: Proxy | None = None, store: GatewayStore | None = None
    ) -> GatewayLoop:
        return GatewayLoop(
            gossip=gossip or self.gossip,
            proxy=proxy or self.proxy,
            store=store or self.store,
            machine=MACHINE,
            address=GATEWAY,
            journal=Journal(lambda: self.now_s, lambda done: self.said.append(f"{done.what}: {done.why}")),
            clock=lambda: self.now_s,
        )

    def hand(self, file: GatewayFile | bytes) -> None:
        self.store.handed = file if isinstance(file, bytes) else encode_handed(file)

    def tags(
        self, ready: int = 0b11, state: State = State.READY, services: tuple[str, ...] = ("shop",)
    ) -> dict[str, str]:
        self.serial += 1
        reports = tuple(
            ServiceReport(name=name, version="1.0.0", generation=1, state=state, ready=ready) for name in services
        )
        return encode_tags(HostReport(serial=self.serial, generation=1, services=reports))

    async def host(self, address: str, ready: int = 0b11, state: State = State.READY) -> None:
        """The host says this of itself; it joins if it is not there."""
        tags = self.tags(ready, state)
        there = self.hosts.get(address)
        if there is None or not there.up:
            name = member_name(Role.HOST, address)
            there = self.network.start(name, address, common_tags(Role.HOST, "shop") | tags)
            self.hosts[address] = there
            await there.join([GATEWAY])
        else:
            await there.set_tags(tags)

    async def tell(self, address: str, ready: int = 0b11, state: State = State.READY) -> bytes:
        """What the host would send as a query, ahead of its tags."""
        name = member_name(Role.HOST, address)
        return json.dumps({"name": name, "tags": self.tags(ready, state)}).encode()

    async def fleet(self) -> None:
        """All hosts of the file are there."""
        for address in HOSTS:
            await self.host(address)

    async def rounds(self, loop: GatewayLoop, count: int = 12) -> None:
        """So many rounds, two seconds apart, with the files written in between."""
        for _ in range(count):
            await loop.step()
            await loop.installer.settle()
            self.now_s += 2

    def serving(self) -> set[str]:
        """The servers of the service that get requests."""
        return {
            name
            for (backend, name), one in self.proxy.servers.items()
            if backend == "shop" and not one.in_maintenance and not one.drains
        }
