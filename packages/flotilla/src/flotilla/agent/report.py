"""What a host says of itself: its file and what is known of its copies, as a report; and when a report is news."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from flotilla.agent.health import Copy
from flotilla.domain.handed import HostFile, HostService, decode_handed
from flotilla.domain.report import MOST_COPIES, HostReport, ServiceReport, State
from flotilla.domain.tags import LONGEST_FLEET, encode_tags
from flotilla.errors import BrokenTags, HandedFileError


class Place(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Where one copy answers for its health. Whatever of it changes makes it another copy."""

    service: str
    index: int
    port: int
    path: str


def read_host_file(data: bytes) -> HostFile:
    """The host's file, checked as far as the agent depends on it. Raises `HandedFileError`."""
    file = decode_handed(HostFile, data)
    if not 0 < len(file.fleet) <= LONGEST_FLEET:
        raise HandedFileError(f"the fleet's name has {len(file.fleet)} letters: 1 to {LONGEST_FLEET} are possible")
    for service in file.services:
        if not 0 <= service.copies <= MOST_COPIES:
            raise HandedFileError(f"{service.name}: {service.copies} copies: 0 to {MOST_COPIES} are possible")
        if service.copies and not 0 < service.first_port <= 65536 - service.copies:
            raise HandedFileError(f"{service.name}: first_port {service.first_port} with {service.copies} copies")
        if not service.health_interval_s >= 0.05:
            raise HandedFileError(f"{service.name}: health_interval_s {service.health_interval_s}: at least 0.05")
        if not service.health_path.startswith("/") or set(service.health_path) & set(" \r\n"):
            raise HandedFileError(f"{service.name}: health_path {service.health_path!r} is no path")
    try:
        encode_tags(report(file, {}, 0))
    except BrokenTags as error:
        raise HandedFileError(str(error)) from error
    return file


def places(service: HostService) -> Iterator[Place]:
    """Where the copies of a service answer."""
    for index in range(service.copies):
        yield Place(service=service.name, index=index, port=service.first_port + index, path=service.health_path)


def report(file: HostFile, copies: Mapping[Place, Copy], serial: int) -> HostReport:
    """What the host says, its services sorted by name. A copy that nothing is known of is not ready."""
    services = (
        ServiceReport(
            name=service.name,
            version=service.version,
            generation=service.generation,
            state=State.DRAIN if file.drain else service.state,
            ready=sum(1 << place.index for place in places(service) if copies.get(place, Copy()).ready),
        )
        for service in sorted(file.services, key=lambda service: service.name)
    )
    return HostReport(serial=serial, generation=file.generation, services=tuple(services))


def next_report(file: HostFile, copies: Mapping[Place, Copy], last: HostReport | None, now_s: float) -> HostReport:
    """The report to publish: ``last`` itself where there is nothing new, else one with a larger serial. Serials are
    milliseconds of the clock, so that they grow where the last one is forgotten too."""
    if last is not None and (same := report(file, copies, last.serial)) == last:
        return same
    return report(file, copies, max(int(now_s * 1000), 0 if last is None else last.serial + 1))


def recalled(file: HostFile, last: HostReport | None) -> dict[Place, Copy]:
    """What the last report of a life before lets one believe of the copies, until they have answered: those that were
    ready still are, if they are of the same version and generation."""
    known = {} if last is None else {service.name: service for service in last.services}
    return {
        place: Copy(ready=bool(before.ready >> place.index & 1))
        for service in file.services
        if (before := known.get(service.name)) is not None
        and (before.version, before.generation) == (service.version, service.generation)
        for place in places(service)
    }
