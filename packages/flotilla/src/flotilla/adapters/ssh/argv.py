"""The command lines of `ssh`, and the one place where a command becomes a line for the other side's shell.

The first `ssh` of a machine makes the connection and holds it: its input is a pipe of ours, so that it ends with us,
however we end. All others are guests on its socket; they read no configuration and never connect by themselves.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from flotilla.domain.fleet import Ssh

CONNECT_TIMEOUT_S = 10
HELD = "flotilla: uid "
HOLD = f'echo "{HELD}$(id -u)" && {{ [ "$(id -u)" = 0 ] || sudo -n true; }} && echo held && exec cat >/dev/null'
"""What the holding connection runs: says who it is, tries sudo where it is not root, and waits for our end."""

INSTALL = (
    'umask 077; t=$(mktemp "$1.XXXXXXXX") && cat >"$t" && [ "$(stat -c %s "$t")" = "$4" ] && chown "$3" "$t" '
    '&& chmod "$2" "$t" && sync "$t" && mv -T "$t" "$1" && exit 0; s=$?; rm -f "$t"; exit "$((s ? s : 1))"'
)
"""Installs its input as a file, or leaves the old one: a connection lost in the middle is told by the length."""


def holding(address: str, ssh: Ssh, folder: Path, socket: Path, *, ask: bool) -> tuple[str, ...]:
    """The connection itself. ``ask``: it may ask at the terminal for passphrases and unknown host keys. Relative paths
    start at ``folder``; what ``ssh`` does not say is as in the user's own configuration."""
    options = [
        f"BatchMode={'no' if ask else 'yes'}",
        f"ConnectTimeout={CONNECT_TIMEOUT_S}",
        "ControlMaster=yes",
        "ControlPersist=no",
        f"ControlPath={socket}",
        "ServerAliveInterval=5",
        "ServerAliveCountMax=3",
        "ClearAllForwardings=yes",
        "ForwardAgent=no",
        "ForwardX11=no",
        "PermitLocalCommand=no",
        "RemoteCommand=none",
        "LogLevel=ERROR",
    ]
    if ssh.known_hosts is not None:
        known = folder / ssh.known_hosts.expanduser()
        options += [f'UserKnownHostsFile="{known}"', "GlobalKnownHostsFile=/dev/null", "StrictHostKeyChecking=yes"]
    if ssh.key is not None:
        options += ["IdentitiesOnly=yes", f'IdentityFile="{folder / ssh.key.expanduser()}"']
    if ssh.port is not None:
        options.append(f"Port={ssh.port}")
    if ssh.user is not None:
        options.append(f"User={ssh.user}")
    return ("ssh", "-T", *(part for option in options for part in ("-o", option)), "--", address, HOLD)


def guest(address: str, socket: Path, argv: Sequence[str], *, root: bool) -> tuple[str, ...]:
    """A command over the connection that is there. ``root``: the login is root's, no sudo is needed."""
    command = tuple(argv) if root else ("sudo", "-n", "--", *argv)
    return (*_on(socket), "-T", "-o", "ProxyCommand=false", "--", address, shlex.join(command))


def forwarding(address: str, socket: Path, at: Path, to: str, port: int) -> tuple[str, ...]:
    """Has the connection carry what comes to the socket ``at`` on to an address as the machine sees it."""
    shown = f"[{to}]" if ":" in to else to
    return (*_on(socket), "-O", "forward", "-L", f"{at}:{shown}:{port}", "--", address)


def installing(path: str, length: int, mode: int, owner: str) -> tuple[str, ...]:
    """Installs ``length`` bytes of input as a file, in one step."""
    return ("sh", "-c", INSTALL, "install", path, f"{mode:04o}", owner, str(length))


def _on(socket: Path) -> tuple[str, ...]:
    return ("ssh", "-F", "none", "-o", f"ControlPath={socket}", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes")
