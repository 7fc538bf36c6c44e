"""What a person who looks at a gateway should know first, in words, the worst first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from flotilla.domain.member import Role, Status
from flotilla.domain.report import State
from flotilla.domain.service_id import same_version
from flotilla.domain.status import StatusDocument

SILENT_S = 5.0
NAMED = 5
"""Of more than this, the rest is counted."""

TOLD_ELSEWHERE = ("HAProxy", "the gossip", "gateway.json", "the configuration by the new gateway.json")


def warnings(told: StatusDocument, troubles: Mapping[str, str]) -> tuple[str, ...]:
    """All there is to warn of."""
    return (
        *_of_the_file(told),
        *_of_the_proxy(told),
        *_of_services(told),
        *_of_the_gossip(told),
        *_of_members(told),
        *_of_copies(told),
        *(f"{about}: {words}" for about, words in troubles.items() if about not in TOLD_ELSEWHERE),
        *_of_generations(told),
    )


def _of_the_file(told: StatusDocument) -> Iterator[str]:
    if told.file_problem:
        yield f"gateway.json: {told.file_problem}"
    if told.refusal:
        goes_on = f"; generation {told.generation} goes on" if told.generation is not None else ""
        yield (
            f"HAProxy refuses the configuration of generation {told.refusal.generation}"
            f" (asked {_times(told.refusal.times)}){goes_on}: {told.refusal.words}"
        )


def _of_the_proxy(told: StatusDocument) -> Iterator[str]:
    if told.proxy.problem:
        yield told.proxy.problem


def _of_services(told: StatusDocument) -> Iterator[str]:
    if not told.proxy.answers:
        return
    for service in told.services:
        if service.servers == 0:
            yield f"{service.name}: no copy is in rotation, its requests are answered 503"
        elif service.up == 0:
            yield f"{service.name}: none of its {service.servers} copies answers HAProxy's checks"


def _of_the_gossip(told: StatusDocument) -> Iterator[str]:
    gossip, hosts = told.gossip, told.gossip.hosts_alive + told.gossip.hosts_failed
    if told.generation is None and told.offered_generation is None:
        return
    if gossip.answered_s is None:
        yield f"Serf has not answered yet ({gossip.problem or 'it is being asked'}); serving what is remembered"
    elif gossip.answered_s > SILENT_S:
        yield (
            f"Serf has been silent for {gossip.answered_s:.0f} s ({gossip.problem or 'no answer'});"
            " serving on by HAProxy's checks"
        )
    elif hosts and not gossip.hosts_alive:
        yield f"Serf sees none of {hosts} hosts; serving on by HAProxy's checks"
    elif gossip.hosts_failed:
        failed = [one.address for one in told.members if one.role == Role.HOST and one.status == Status.FAILED]
        yield f"Serf sees {gossip.hosts_failed} of {hosts} hosts as failed: {_some(failed)}"
    known = {member.address for member in told.members}
    if unseen := [address for address in gossip.missing if address not in known]:
        yield f"never seen in the gossip, though the file names them: {_some(unseen)}"


def _of_members(told: StatusDocument) -> Iterator[str]:
    """Each problem once, with the members that have it."""
    having: defaultdict[str, list[str]] = defaultdict(list)
    for member in told.members:
        if member.problem:
            having[member.problem].append(f"{member.name} ({member.address})")
    for problem, names in list(having.items())[:NAMED]:
        yield f"{_some(names)}: {problem}"
    if len(having) > NAMED:
        yield f"{len(having) - NAMED} more kinds of problems with members: see the table"


def _of_copies(told: StatusDocument) -> Iterator[str]:
    """The hosts that have a service, are alive, do not drain it, and have no copy of it ready."""
    idle: defaultdict[str, list[str]] = defaultdict(list)
    for member in told.members:
        if member.role == Role.HOST and member.status == Status.ALIVE:
            for service in member.services:
                if service.state == State.READY and not service.ready:
                    idle[service.name].append(member.address)
    for name, addresses in sorted(idle.items()):
        yield f"{name}: no copy is ready on {_some(addresses)}"


def _of_generations(told: StatusDocument) -> Iterator[str]:
    others: defaultdict[int, list[str]] = defaultdict(list)
    versions: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    of_file = {service.name: service.version for service in told.services}
    for member in told.members:
        if member.role != Role.HOST or member.status != Status.ALIVE or member.problem:
            continue
        if member.generation is not None and member.generation != told.generation:
            others[member.generation].append(member.address)
        for service in member.services:
            wanted = of_file.get(service.name)
            if wanted is not None and not same_version(service.version, wanted):
                versions[service.name, service.version].append(member.address)
    for generation, addresses in sorted(others.items()):
        yield f"of generation {generation}, not {told.generation}: {_some(addresses)}"
    for (name, version), addresses in sorted(versions.items()):
        yield f"{name} {version}, not {of_file[name]}: {_some(addresses)}"


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return ", ".join(listed[:NAMED]) + more


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
