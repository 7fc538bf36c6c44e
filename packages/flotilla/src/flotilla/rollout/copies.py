"""A copy of a service as a container: its name, the command that starts it, and the digest that says whether one that
runs is still what the fleet file wants."""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections.abc import Mapping

import msgspec

from flotilla.domain.fleet import Fleet, Service
from flotilla.rollout.layout import NO_NEW_PRIVILEGES, SECRETS_MOUNT, confined, mount, secret_path

DIGEST_DIGITS = 16


def container_name(fleet: Fleet, service: Service, index: int) -> str:
    """The name of the container of copy ``index``, the same for every version."""
    return f"{fleet.name}-{service.name}-{index}"


def host_name(service: Service, index: int, address: str) -> str:
    """What a copy calls itself (``uname -n``): the service, the copy and the host, within the 63 letters of a label."""
    return f"{service.name}-{index}-{address.replace('.', '-').replace(':', '-')}"[:63].rstrip("-")


def image_reference(fleet: Fleet, service: Service) -> str:
    """The image with its tag, in the fleet's registry unless its name has one already."""
    first, slash, _ = service.image.partition("/")
    elsewhere = bool(slash) and ("." in first or ":" in first or first == "localhost")
    server = f"{fleet.registry.server}/" if fleet.registry and not elsewhere else ""
    return f"{server}{service.image}:{service.version}"


def runs_as_root(service: Service, image_user: str) -> bool:
    """Whether copies would be root although the file does not say so: the image (``Config.User``) names nobody else."""
    return service.user is None and image_user.partition(":")[0] in ("", "0", "root")


def copy_digest(service: Service, image_id: str, secret_digests: Mapping[str, str]) -> str:
    """The identity of a copy: sixteen hexadecimal digits of the image and of all that `copy_argv` takes from the file.

    ``image_id`` is the image's own digest, so that it does not matter where it was pulled from; ``secret_digests`` are
    of the secrets' contents, by name. What concerns gateways alone is not in it, nor are the number of copies and the
    health of one, which its agent looks at from outside.
    """
    started_with = [
        service.name,
        service.version,
        image_id,
        service.ports.first,
        service.ports.container,
        service.memory,
        service.cpus,
        service.user,
        service.read_only,
        service.command,
        service.drain_s,
        sorted(service.env.items()),
        sorted((name, secret_digests[name]) for name in service.secrets),
    ]
    return hashlib.sha256(msgspec.json.encode(started_with)).hexdigest()[:DIGEST_DIGITS]


def copy_argv(
    fleet: Fleet, service: Service, index: int, address: str, image: str, digest: str, generation: int
) -> tuple[str, ...]:
    """The command that starts copy ``index`` on the host with this address.

    ``image`` is what to run: a reference, or better an id. Values of ``env`` are arguments, not lines of a file, so
    that each character of them arrives. It restarts ``always``: an Engine that comes back from a crash stops what
    still runs, and would then take ``unless-stopped`` copies for stopped by a person.
    """
    return (
        "docker", "run", "--detach",
        "--name", container_name(fleet, service, index),
        "--hostname", host_name(service, index, address),
        *_labels(fleet, service, index, digest, generation),
        "--publish", f"{_bracketed(address)}:{service.ports.first + index}:{service.ports.container}/tcp",
        "--restart", "always",
        "--init",
        "--stop-timeout", str(math.ceil(service.drain_s)),
        *confined(),
        *NO_NEW_PRIVILEGES,
        *_limits(service),
        *_settings(service),
        image,
        *service.command,
    )  # fmt: skip


def _labels(fleet: Fleet, service: Service, index: int, digest: str, generation: int) -> tuple[str, ...]:
    labels = {
        "fleet": fleet.name,
        "service": service.name,
        "copy": index,
        "version": service.version,
        "digest": digest,
        "generation": generation,
    }
    return tuple(word for name, value in labels.items() for word in ("--label", f"flotilla.{name}={value}"))


def _bracketed(address: str) -> str:
    return f"[{address}]" if ipaddress.ip_address(address).version == 6 else address


def _limits(service: Service) -> tuple[str, ...]:
    words: list[str] = []
    if service.memory is not None:
        words += ["--memory", str(service.memory), "--memory-swap", str(service.memory)]
    if service.cpus is not None:
        words += ["--cpus", str(service.cpus)]
    if service.user is not None:
        words += ["--user", service.user]
    if service.read_only:
        words += ["--read-only", "--tmpfs", "/tmp"]  # noqa: S108
    return tuple(words)


def _settings(service: Service) -> tuple[str, ...]:
    words: list[str] = []
    for name, value in sorted(service.env.items()):
        words += ["--env", f"{name}={value}"]
    for name in sorted(service.secrets):
        path = f"{SECRETS_MOUNT}/{name}"
        words += [*mount(secret_path(service.name, name), path), "--env", f"{name}_FILE={path}"]
    return tuple(words)
