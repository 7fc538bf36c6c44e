"""Where flotilla's things are on every machine, by path and by name. They are part of what an upgrade has to find."""

from __future__ import annotations

STATE = "/var/lib/flotilla"
AGENT_FOLDER = f"{STATE}/agent"
GATEWAY_FOLDER = f"{STATE}/gateway"
GOSSIP_FOLDER = f"{STATE}/gossip"
HAPROXY_FOLDER = f"{STATE}/haproxy"
CERTIFICATES_FOLDER = f"{STATE}/certificates"
SECRETS_FOLDER = f"{STATE}/secrets"

HANDED_MOUNT = "/etc/flotilla"
CERTIFICATES_MOUNT = "/etc/flotilla-certificates"
SECRETS_MOUNT = "/run/secrets"
SOCKETS_MOUNT = "/run/flotilla-haproxy"
SOCKETS_VOLUME = "flotilla-run"

AGENT = "flotilla-agent"
GATEWAY = "flotilla-gateway"
PROXY = "flotilla-haproxy"

USER = 7946
"""The user, and the group, that flotilla's own programs run as."""


def secret_path(service: str, name: str) -> str:
    """Where a service's secret lies on a host."""
    return f"{SECRETS_FOLDER}/{service}/{name}"


def mount(source: str, target: str, *, read_only: bool = True) -> tuple[str, ...]:
    """Arguments that show a container a file or a folder of the machine, which has to be there."""
    return ("--mount", f"type=bind,source={source},target={target}" + (",readonly" if read_only else ""))


def confined() -> tuple[str, ...]:
    """Arguments for containers that gain nothing: no capabilities, logs that stay small, processes that stay few."""
    return (
        "--cap-drop", "ALL",
        "--pids-limit", "4096",
        "--log-driver", "local", "--log-opt", "max-size=10m", "--log-opt", "max-file=5",
    )  # fmt: skip


NO_NEW_PRIVILEGES = ("--security-opt", "no-new-privileges")
