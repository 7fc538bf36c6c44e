"""Which servers get requests, and how much of them: a function of what is known and of the gateway's file alone."""

from __future__ import annotations

import msgspec

from flotilla.domain.handed import GatewayFile
from flotilla.gateway.known import Known

FULL_WEIGHT = 100
CANARY_WEIGHT = 10


class Server(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One copy in rotation. ``alive``: Serf says so of its host (a server of one that failed is left to HAProxy's
    checks, and is no last resort)."""

    service: str
    address: str
    port: int
    weight: int
    alive: bool = True

    @property
    def name(self) -> str:
        """What HAProxy calls it."""
        return f"{self.address}:{self.port}"


def rotation(known: Known, file: GatewayFile) -> tuple[Server, ...]:
    """One server for each ready copy of each service that is ready or a canary, sorted."""
    raise NotImplementedError
