"""The commands that start flotilla's own containers: the agent on a host; the gateway program and HAProxy, which live
and die apart, on a gateway."""

from __future__ import annotations

from flotilla.rollout.layout import (
    AGENT,
    AGENT_FOLDER,
    CERTIFICATES_FOLDER,
    CERTIFICATES_MOUNT,
    GATEWAY,
    GATEWAY_FOLDER,
    GOSSIP_FOLDER,
    HANDED_MOUNT,
    HAPROXY_FOLDER,
    NO_NEW_PRIVILEGES,
    PROXY,
    SOCKETS_MOUNT,
    SOCKETS_VOLUME,
    USER,
    confined,
    mount,
)

_RUN = f"/run/flotilla:uid={USER},gid={USER},mode=0700"


def agent_argv(image: str, address: str) -> tuple[str, ...]:
    """Starts the agent of the host with this address."""
    return (
        *_start(AGENT),
        *NO_NEW_PRIVILEGES,
        *_program(AGENT_FOLDER, "128m"),
        image,
        "--address", address,
    )  # fmt: skip


def gateway_argv(image: str, address: str, nofile: int) -> tuple[str, ...]:
    """Starts the gateway program of the gateway with this address. ``nofile`` is how many files may be open, which
    has to be what `proxy_argv` gets: the program has HAProxy check each configuration, with what memory that takes.

    The kernel runs a program whose file has a capability only where it could be had; new privileges stay forbidden.
    """
    return (
        *_start(GATEWAY),
        "--cap-add", "NET_BIND_SERVICE",
        *NO_NEW_PRIVILEGES,
        *_program(GATEWAY_FOLDER, "512m"),
        *mount(HAPROXY_FOLDER, HAPROXY_FOLDER, read_only=False),
        *mount(CERTIFICATES_FOLDER, CERTIFICATES_MOUNT),
        *_sockets(),
        *_files(nofile),
        image,
        "--address", address,
    )  # fmt: skip


def proxy_argv(image: str, nofile: int) -> tuple[str, ...]:
    """Starts HAProxy, of the gateway's image, on the configuration that the gateway program wrote.

    It may bind ports below 1024 by a capability of its file, which new privileges it must be able to gain for.
    """
    return (
        *_start(PROXY),
        "--cap-add", "NET_BIND_SERVICE",
        *mount(HAPROXY_FOLDER, HAPROXY_FOLDER),
        *mount(CERTIFICATES_FOLDER, CERTIFICATES_MOUNT),
        *_sockets(),
        *_files(nofile),
        "--entrypoint", "haproxy",
        image,
        "-W", "-db",
        "-S", f"{SOCKETS_MOUNT}/master.sock",
        "-f", f"{HAPROXY_FOLDER}/haproxy.cfg",
    )  # fmt: skip


def _start(name: str) -> tuple[str, ...]:
    return (
        "docker", "run", "--detach",
        "--name", name,
        "--network", "host",
        "--restart", "always",
        "--read-only",
        *confined(),
    )  # fmt: skip


def _program(folder: str, memory: str) -> tuple[str, ...]:
    return (
        "--memory", memory,
        "--memory-swap", memory,
        "--tmpfs", _RUN,
        *mount(folder, HANDED_MOUNT),
        *mount(GOSSIP_FOLDER, GOSSIP_FOLDER, read_only=False),
    )  # fmt: skip


def _sockets() -> tuple[str, ...]:
    return ("--mount", f"type=volume,source={SOCKETS_VOLUME},target={SOCKETS_MOUNT}")


def _files(nofile: int) -> tuple[str, ...]:
    return ("--ulimit", f"nofile={nofile}:{nofile}")
