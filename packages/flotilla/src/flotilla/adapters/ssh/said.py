"""What `ssh` and `sudo` say, in words with the mend."""

from __future__ import annotations

import re

from flotilla.domain.fleet import Ssh

CHANGED = re.compile(r"REMOTE HOST IDENTIFICATION HAS CHANGED|host key .* has changed", re.I)
UNKNOWN = re.compile(r"No \S+ host key is known|Host key verification failed|authenticity of host", re.I)
KEY = re.compile(
    r"(?:Identity file|no such identity:|Load key) \"?([^\"\s]+?)\"?(?:: | not )(.+)|UNPROTECTED PRIVATE KEY"
)
NETWORK = (
    ("No route to host", "no way leads there (No route to host): is it up, and is the address right?"),
    ("Network is unreachable", "no way leads there (Network is unreachable): is this machine's network up?"),
    ("Connection timed out", "it does not answer (timed out): is it up, and does a firewall keep this machine out?"),
    ("Operation timed out", "it does not answer (timed out): is it up, and does a firewall keep this machine out?"),
    ("timed out", "it does not answer (timed out): is it up, and does a firewall keep this machine out?"),
    ("Connection refused", "nothing listens there (Connection refused): does sshd run on that port?"),
    ("Could not resolve hostname", "its name has no address: the fleet file wants addresses"),
    ("Too many authentication failures", "it had enough of keys: name the right one in the fleet file (ssh.key)"),
    ("Connection closed", "sshd closed the connection before the login: too many logins, or a ban of this machine?"),
    ("Connection reset", "sshd closed the connection before the login: too many logins, or a ban of this machine?"),
)


def unreachable(text: str, address: str, ssh: Ssh) -> str:
    """Why there is no connection, from what `ssh` wrote: a reason that people can act on, and its own last words."""
    login = f"{ssh.user}@{address}" if ssh.user else address
    port = f" -p {ssh.port}" if ssh.port else ""
    file = f" -f {ssh.known_hosts}" if ssh.known_hosts else ""
    name = f"[{address}]:{ssh.port}" if ssh.port not in (None, 22) else address
    if CHANGED.search(text):
        return (
            "its host key is not the one that is known. If the machine was made anew, have the old key forgotten: "
            f"ssh-keygen{file} -R '{name}'. If not, somebody may sit between"
        )
    if UNKNOWN.search(text):
        known = str(ssh.known_hosts) if ssh.known_hosts else "~/.ssh/known_hosts"
        return (
            f"its host key is not known. Compare it with what the machine says of itself, and keep it: "
            f"ssh-keyscan{port} {address} >> {known}"
            + ("" if ssh.known_hosts else f", or log in once: ssh{port} {login}")
        )
    if key := KEY.search(text):
        return f"the key cannot be used ({_last(key[0])}): mend ssh.key in the fleet file, or the file's mode (0600)"
    if "Permission denied" in text:
        return (
            f"it lets {ssh.user or 'this user'} not in ({_last(text)}): put the public key into that user's "
            f"~/.ssh/authorized_keys (ssh-copy-id{port} {login}), name the right key in the fleet file (ssh.key), "
            "or unlock it for this terminal (ssh-add)"
        )
    for words, told in NETWORK:
        if words in text:
            return told
    if "sudo" in text:
        return sudo_refused(text, ssh)
    return f"no connection: {_last(text) or 'ssh ended without a word'}"


def sudo_refused(text: str, ssh: Ssh) -> str:
    """Why commands cannot be run as root, from what `sudo` or the shell wrote."""
    user = ssh.user or "the user"
    if "not found" in text:
        return f"{user} is not root, and there is no sudo: log in as root (ssh.user in the fleet file), or install sudo"
    return (
        f"sudo wants a password of {user}: log in as root (ssh.user in the fleet file), or have sudo ask for none: "
        f"echo '{user} ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/flotilla"
    )


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
