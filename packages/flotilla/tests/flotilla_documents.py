"""Status documents: of a fleet that is well, of one where all sorts of things are wrong, of a large one."""

from __future__ import annotations

import random
from collections.abc import Sequence

from flotilla.domain.load import Load, Part
from flotilla.domain.status import (
    Done,
    GossipStatus,
    MemberStatus,
    ProxyStatus,
    Refusal,
    ServerStatus,
    ServiceOnMember,
    ServiceStatus,
    StatusDocument,
    Traffic,
)
from flotilla.programs.gateway_warnings import warnings
from msgspec.structs import replace

NOW = 1_767_607_205.3
NASTY = '<script>document.title="x"</script>\u202e\x1b[31m\'"&'


def ordinary(hosts: int = 3, copies: int = 4, services: Sequence[str] = ("shop",)) -> StatusDocument:
    """All is well."""
    chance = random.Random(5)
    members, servers = [], []
    for n in range(hosts):
        address = f"10.0.{n // 200}.{21 + n % 200}"
        runs = tuple(
            ServiceOnMember(name=name, version="1.0.0", generation=7, state="ready", ready=tuple(range(copies)))
            for name in services
        )
        members.append(
            MemberStatus(
                name=f"host-{address}", address=address, role="host", status="alive", generation=7, services=runs
            )
        )
        for place, name in enumerate(services):
            for port in range(8000 + 100 * place, 8000 + 100 * place + copies):
                load = Load(
                    part=Part.SERVER,
                    backend=name,
                    name=f"{address}:{port}",
                    status="UP",
                    weight=100,
                    sessions=chance.randint(0, 4),
                    requests=chance.randint(10_000, 14_000),
                    answer_ms=11,
                    check="L7OK",
                    since_s=3600,
                )
                servers.append(ServerStatus(service=name, name=load.name, address=address, wanted=100, load=load))
    told = tuple(
        ServiceStatus(
            name=name,
            version="1.0.0",
            route=f"/{name}",
            servers=hosts * copies,
            up=hosts * copies,
            sessions=23,
            rate=402,
            answer_ms=11,
            recent=Traffic(span_s=60, requests=24_011),
        )
        for name in services
    )
    return warned(
        StatusDocument(
            now_s=NOW,
            program="0.1.0",
            fleet="shop",
            address="10.0.0.10",
            generation=7,
            hash="6d1c9b0a2f3e",
            offered_generation=None,
            offered_hash=None,
            file_problem=None,
            warnings=(),
            gossip=GossipStatus(answered_s=0.1, problem=None, hosts_alive=hosts, hosts_failed=0),
            proxy=ProxyStatus(answers=True, problem=None, worker="HAProxy 3.0", converged=True, installed=True),
            refusal=None,
            services=told,
            members=tuple(members),
            servers=tuple(servers),
            done=(Done(at_s=NOW - 12, kind="servers", what="10.0.0.21: 4 servers out", why="it drains"),),
        )
    )


def warned(document: StatusDocument) -> StatusDocument:
    return replace(document, warnings=warnings(document, {}))


def broken() -> StatusDocument:
    """One host drains, one is down, one runs another version, a stranger is there, a configuration is refused."""
    document = ordinary()
    members, servers = list(document.members), list(document.servers)
    members[0] = replace(members[0], services=(replace(members[0].services[0], state="drain"),))
    for n in range(4):
        servers[n] = replace(servers[n], wanted=None, load=replace(servers[n].load, status="DRAIN", sessions=2))
        down = replace(servers[4 + n].load, status="DOWN", check="* L4TOUT", failed=31, sessions=0)
        servers[4 + n] = replace(servers[4 + n], load=down)
    members[1] = replace(members[1], status="failed")
    other = replace(members[2].services[0], version="1.0.1", ready=(0, 1, 2))
    members[2] = replace(members[2], generation=6, services=(other,))
    servers[8] = replace(servers[8], load=replace(servers[8].load, status="DOWN 1/2", check="L7STS", answers_5xx=412))
    stranger = MemberStatus(name=f"host-{NASTY}", address="192.168.7.7", role="host", status="alive", problem=NASTY)
    gone = replace(members[2], name="host-10.0.0.50", address="10.0.0.50", status="left", services=())
    gateways = [
        MemberStatus(name=f"gateway-10.0.0.{n}", address=f"10.0.0.{n}", role="gateway", status="alive")
        for n in (10, 11)
    ]
    recent = Traffic(span_s=60, requests=24_011, answers_5xx=412, failed=31, retries=30)
    return warned(
        replace(
            document,
            members=(*members, stranger, gone, *gateways),
            servers=tuple(servers),
            offered_generation=8,
            gossip=replace(document.gossip, hosts_alive=2, hosts_failed=1, missing=("10.0.0.77",)),
            proxy=replace(document.proxy, old_workers=1, installed=False, converged=False),
            refusal=Refusal(generation=8, since_s=NOW - 60, times=5, words=f"[ALERT] {NASTY}\nline 2"),
            services=(replace(document.services[0], up=3, servers=8, queue=3, recent=recent),),
            done=(Done(at_s=NOW, kind="x", what=NASTY, why=NASTY * 20), *document.done),
        )
    )


def large() -> StatusDocument:
    """A thousand hosts with twelve copies each; some are not well."""
    document = ordinary(1000, 6, ("shop", "other"))
    servers = list(document.servers)
    for n in range(0, len(servers), 97):
        servers[n] = replace(servers[n], load=replace(servers[n].load, status="DOWN", check="L4CON"))
    return warned(replace(document, servers=tuple(servers)))


def cut_off() -> StatusDocument:
    """Gossip is cut off everywhere, HTTP goes on."""
    document = ordinary()
    members = tuple(replace(member, status="failed") for member in document.members)
    return warned(replace(document, members=members, gossip=replace(document.gossip, hosts_alive=0, hosts_failed=3)))


def fresh() -> StatusDocument:
    """A gateway that has just been installed."""
    document = ordinary(0, 0, ())
    return warned(
        replace(
            document,
            generation=None,
            hash=None,
            file_problem="there is none yet: waiting for a deploy to hand it out",
            gossip=GossipStatus(answered_s=None, problem=None, hosts_alive=0, hosts_failed=0),
            proxy=ProxyStatus(
                answers=False, problem="HAProxy is not there", worker="", converged=False, installed=False
            ),
            done=(),
        )
    )


ALL = {"ordinary": ordinary, "broken": broken, "large": large, "cut off": cut_off, "fresh": fresh}
