"""``init``: a fleet file to begin with, explained line by line. Never writes over one that is there."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from pathlib import Path

from flotilla.errors import Refused
from flotilla.fleetfile import parse

TEXT = """\
# What should be. flotilla --fleet {file} provision makes it so on machines, deploy brings the services there.

fleet: {name}                       # a word for all of it; containers' names begin with it

gateways: [{gateways}]   # machines for HAProxy: clients come here
hosts: [{hosts}]      # machines for copies of the services
admit: [{admit}]       # networks whose hosts may join; gateways listen to no others

# How they are reached; what is not said is as in ~/.ssh/config. known_hosts makes it strict with that file alone.
# ssh: {{user: deploy, port: 22, key: ~/.ssh/id_ed25519, known_hosts: known_hosts}}

# Where images are pulled from. Without it, they go from this machine over SSH.
# registry: {{server: registry.example.com, username: deploy, password: {{env: REGISTRY_PASSWORD}}}}

# services:
#   hello:
#     image: hello
#     version: "1.0.0"
#     copies: 2                                  # on each host
#     ports: {{first: 8000, container: 8000}}      # on the host 8000 and 8001, in the container 8000
#     health: {{path: /healthz}}                   # 200 to 399 when it may get requests
#     smoke: {{path: /}}                           # asked of each new copy before it gets any
#     route: {{path: /}}                           # and, or, host: hello.example.com
#     memory: 256m
#     env: {{LOG_LEVEL: info}}
#     secrets: {{TOKEN: {{file: secrets/token}}}}    # in the container /run/secrets/TOKEN, and TOKEN_FILE says so
"""


def text(name: str, gateways: Sequence[str], hosts: Sequence[str], file: str) -> str:
    """The fleet file. Raises `Refused` where an address is none."""
    return TEXT.format(
        name=name,
        gateways=", ".join(_addresses(gateways)),
        hosts=", ".join(_addresses(hosts)),
        admit=", ".join(networks((*gateways, *hosts))),
        file=file,
    )


def write(path: Path, name: str, gateways: Sequence[str], hosts: Sequence[str]) -> None:
    """Writes it. Raises `Refused` where something is there, or it cannot be written, and `FleetFileError` where it
    would not be right."""
    content = text(name, gateways, hosts, str(path))
    parse(content, path.parent, file=str(path))
    try:
        with path.open("x") as file:
            file.write(content)
    except FileExistsError:
        raise Refused(f"{path}: is there already, and stays as it is") from None
    except OSError as error:
        raise Refused(f"{path}: cannot be written: {error.strerror}") from error


def networks(addresses: Sequence[str]) -> list[str]:
    """The networks of 256 (IPv6: /64) addresses that these are in, each once."""
    found = []
    for address in addresses:
        version = ipaddress.ip_address(address).version
        network = ipaddress.ip_network(f"{address}/{24 if version == 4 else 64}", strict=False)
        found.append(f'"{network}"' if version == 6 else str(network))
    return list(dict.fromkeys(found))


def _addresses(given: Sequence[str]) -> list[str]:
    for address in given:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise Refused(f"{address}: is no address; machines are named by addresses, such as 10.0.0.21") from None
    return [f'"{address}"' if ":" in address else address for address in given]
