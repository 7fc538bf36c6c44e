"""Members and files for the tests of the gateway's pure part."""

from __future__ import annotations

from flotilla.domain.handed import GatewayFile, GatewayService
from flotilla.domain.member import Member, Role, Status, member_name
from flotilla.domain.report import HostReport, ServiceReport, State
from flotilla.domain.tags import common_tags, encode_tags
from flotilla.gateway.configuration import Machine

NOW = 1_800_000_000.0
MACHINE = Machine(open_files=20_000, memory=2 << 30, cpus=2)
FILE = GatewayFile(
    fleet="shop",
    generation=1,
    gateways=("10.0.0.10",),
    hosts=("10.0.0.21", "10.0.0.22"),
    admit=("10.0.0.0/24",),
    services=(
        GatewayService(name="web", version="1.0.0", first_port=8000, copies=3),
        GatewayService(name="api", version="2.0.0", first_port=9000, copies=2, path="/api"),
    ),
)


def a_report(serial: int = 1, ready: int = 0b11, state: State = State.READY, name: str = "web") -> HostReport:
    service = ServiceReport(name=name, version="1.0.0", generation=1, state=state, ready=ready)
    return HostReport(serial=serial, generation=1, services=(service,))


def a_host(
    address: str = "10.0.0.21",
    report: HostReport | None = None,
    status: Status = Status.ALIVE,
    name: str | None = None,
    fleet: str = "shop",
    tags: dict[str, str] | None = None,
) -> Member:
    told = encode_tags(report or a_report()) if tags is None else tags
    return Member(
        name=member_name(Role.HOST, address) if name is None else name,
        address=address,
        status=status,
        tags={**common_tags(Role.HOST, fleet), **told},
    )


def a_gateway(address: str = "10.0.0.10", status: Status = Status.ALIVE) -> Member:
    tags = common_tags(Role.GATEWAY, "shop")
    return Member(name=member_name(Role.GATEWAY, address), address=address, status=status, tags=tags)
