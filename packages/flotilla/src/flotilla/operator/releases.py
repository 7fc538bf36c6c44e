"""What was deployed, and when: kept on the first gateway, so that each deploy knows the number of the last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from flotilla.errors import RemoteError
from flotilla.operator import files
from flotilla.operator.world import World

MOST = 100


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One deploy: when it began (seconds since the epoch), who began it, the services' versions, and how it ended
    (``deploying``, ``done``, or ``stopped: …``)."""

    generation: int
    at_s: float
    who: str
    versions: Mapping[str, str]
    ended: str = "deploying"


async def read(world: World) -> tuple[Release, ...]:
    """All that are remembered, the oldest first."""
    gateway = world.fleet.gateways[0]
    data = await files.read(world.at(gateway), files.RELEASES)
    if data is None:
        return ()
    try:
        return msgspec.json.decode(data, type=tuple[Release, ...])
    except msgspec.DecodeError as error:
        raise RemoteError(
            gateway, f"{files.RELEASES} cannot be read: {error}. Move it away to begin a new one"
        ) from error


async def remember(world: World, releases: Sequence[Release], release: Release) -> tuple[Release, ...]:
    """Puts a release in the place of the one of its generation, or at the end."""
    kept = (*(one for one in releases if one.generation != release.generation), release)[-MOST:]
    data = msgspec.json.format(msgspec.json.encode(kept), indent=2)
    await world.at(world.fleet.gateways[0]).put(files.RELEASES, data, mode=0o644)
    return kept


def next_generation(releases: Sequence[Release], handed: Iterable[int]) -> int:
    """One more than any that is remembered or was handed out."""
    return 1 + max((*(release.generation for release in releases), *handed), default=0)
