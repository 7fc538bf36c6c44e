"""The files that gateways and hosts get, made of the fleet: what each has to know and no secret among it."""

from __future__ import annotations

from collections.abc import Mapping

from flotilla.domain.fleet import BalanceByHeader, Fleet, Service
from flotilla.domain.handed import GatewayFile, GatewayService, HostFile, HostService
from flotilla.domain.report import State


def gateway_file(fleet: Fleet, generation: int) -> GatewayFile:
    """What every gateway of the fleet gets."""
    return GatewayFile(
        fleet=fleet.name,
        generation=generation,
        gateways=fleet.gateways,
        hosts=fleet.hosts,
        admit=fleet.admit,
        http_port=fleet.listen.http_port,
        https_port=fleet.listen.https_port,
        status_port=fleet.listen.status_port,
        certificates=tuple(path.name for path in fleet.listen.certificates),
        services=tuple(_gateway_service(service) for service in fleet.services),
    )


def _gateway_service(service: Service) -> GatewayService:
    balance = service.balance
    return GatewayService(
        name=service.name,
        version=service.version,
        first_port=service.ports.first,
        copies=service.copies,
        health_path=service.health.path,
        health_interval_s=service.health.interval_s,
        host=service.route.host,
        path=service.route.path,
        retry=service.retry,
        balance=f"header:{balance.header}" if isinstance(balance, BalanceByHeader) else balance,
        timeout_s=service.timeout_s,
        drain_s=service.drain_s,
        max_connections=service.max_connections,
        max_body=service.max_body,
        retry_body=service.retry_body,
    )


def host_file(
    fleet: Fleet,
    generation: int,
    *,
    drain: bool = False,
    states: Mapping[str, State] = {},
    generations: Mapping[str, int] = {},
) -> HostFile:
    """What a host gets. ``drain`` drains all of it. ``states`` and ``generations`` are by service, where one is not
    ready, or its copies were started from an earlier file than this one."""
    return HostFile(
        fleet=fleet.name,
        generation=generation,
        gateways=fleet.gateways,
        hosts=fleet.hosts,
        drain=drain,
        services=tuple(
            HostService(
                name=service.name,
                version=service.version,
                generation=generations.get(service.name, generation),
                first_port=service.ports.first,
                copies=service.copies,
                health_path=service.health.path,
                health_interval_s=service.health.interval_s,
                state=states.get(service.name, State.READY),
            )
            for service in fleet.services
        ),
    )
