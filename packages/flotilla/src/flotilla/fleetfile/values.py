"""The values of a fleet file that are texts of a kind: addresses, networks, names, images, paths, secrets."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import msgspec

from flotilla.domain.secret import FromCommand, FromEnvironment, FromFile
from flotilla.fleetfile.nodes import Keys, Node, Text
from flotilla.fleetfile.problems import Place, listed
from flotilla.fleetfile.readers import BROKEN, Leaf, Wrong, text, text_of
from flotilla.fleetfile.sections import Draft, Key, ListOf, Section

NAME = r"[a-z][a-z0-9-]{0,30}"
NAME_WHAT = "a name of small letters, digits and hyphens, a letter first, at most 31 characters"
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]{0,127}"
VARIABLE_WHAT = "a variable's name: letters, digits and underscores, no digit first"

_HOST_NAME = r"(?=.*[a-z])[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
_MOST_PATH = r"(?=.{1,1000}$)"
QUERY = rf"{_MOST_PATH}/[A-Za-z0-9._~!*+,;:=@%&/-]*(\?[A-Za-z0-9._~!*+,;:=@%&/?-]*)?"
ROUTE = rf"/|(?!.*(//|/\.\.?(/|$))){_MOST_PATH}/[A-Za-z0-9._~+,;:=@%/-]*(?<!/)"
ROUTE_HOST_NAME = r"(?=.{1,253}$)" + _HOST_NAME


def _address(node: Text) -> str:
    value = node.text
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise Wrong(_meant_by(value)) from None
    text_of(node)
    if isinstance(address, ipaddress.IPv6Address) and (address.scope_id or address.is_link_local):
        raise Wrong("a link-local address differs from machine to machine: write one of the network's")
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        raise Wrong(f"write {address.ipv4_mapped}")
    if address.is_unspecified or address.is_multicast or value == "255.255.255.255":
        raise Wrong("no machine has it as its own")
    return str(address)


def _meant_by(value: str) -> str:
    if re.fullmatch(r"[0-9.]+/[0-9]+", value):
        return "a network belongs into admit"
    if re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        return "the user belongs into ssh: {user: …}"
    if re.fullmatch(r"[0-9.]+:[0-9]+", value):
        return "leave out the port"
    if re.fullmatch(_HOST_NAME, value.lower(), re.ASCII):
        return f"write the address that the name stands for, which `getent ahosts {value}` prints"
    return ""


ADDRESS = Leaf("an IPv4 or IPv6 address", _address)


def _network(node: Text) -> str:
    value = text_of(node)
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise Wrong from None
    if str(network) != value.lower():
        raise Wrong(f"write {network}")
    if network.prefixlen == 0:
        raise Wrong("it admits every address there is: name the networks of your machines")
    return str(network)


NETWORK = Leaf("a network such as 10.0.0.0/24", _network)


def _path(node: Text) -> Path:
    value = text_of(node)
    if not value or not value.isprintable():
        raise Wrong
    return Path(value)


FILE = Leaf("the path of a file", _path)


def _certificate(node: Text) -> Path:
    path = _path(node)
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", path.name, re.ASCII):
        raise Wrong("its name has letters, digits, dots, hyphens and underscores, as it is on the gateways, too")
    return path


CERTIFICATE = Leaf("the path of a file", _certificate)

IMAGE = text(
    "an image's name without a tag",
    r"(?=.{1,200}$)([a-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*",
    {
        "@": "leave out the digest: what is pulled is told by version",
        r":[\w.-]+$": "the tag belongs into version",
        "[A-Z]": "images have small letters",
        "^https?://": "leave out the scheme",
    },
)
VERSION = text(
    "an image's tag: letters, digits, dots, hyphens and underscores, at most 128",
    r"(?!latest$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}",
    {"^latest$": "it names no version to go back to: give each build a tag of its own"},
)
REGISTRY = text(
    "a registry such as registry.example.com or 10.0.0.5:5000",
    r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9._-]+)*",
    {"://": "leave out the scheme", "[A-Z]": "write it in small letters", "/$": "leave out the slash at the end"},
)
ROUTE_HOST = text(
    "a host's name such as predict.example.com",
    ROUTE_HOST_NAME,
    {
        "[A-Z]": "write it in small letters",
        r"^\*": "a route is for one host: without a host it is for all",
        "://": "leave out the scheme",
        r":\d+$": "leave out the port",
        "/": "a path belongs into route.path",
    },
)
ROUTE_PATH = text(
    'a path that begins with "/"',
    ROUTE,
    {
        r"^[^/]": "write it from the root, with / first",
        r"[^/]/$": "leave out the slash at the end: what is below is the service's, too",
        r"\*": "what is below is the service's anyway",
        r"\?": "a query is no part of a route",
    },
)
QUERY_PATH = text('a path that begins with "/"', QUERY, {r"^[^/]": "write / first"})


def _user(node: Text) -> str:
    one = r"([a-z_][a-z0-9_-]{0,31}|[0-9]{1,9})"
    if not re.fullmatch(rf"{one}(:{one})?", node.text, re.ASCII):
        raise Wrong
    return node.text


USER = Leaf("a user's name or number, with a group's after a colon or without", _user)
SSH_USER = text("a user's name", r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
HEADER = r"[A-Za-z0-9][A-Za-z0-9-]{0,63}"
HEADER_WHAT = "a header's name: letters, digits and hyphens"
HEADER_NAME = text(HEADER_WHAT, HEADER)
HEADER_TEXT = text("a text of one line", r"[^\x00-\x08\x0a-\x1f\x7f]*")
METHOD = text("an HTTP method such as GET or POST", r"[A-Z]{1,16}", {"[a-z]": "write it in capitals"})
ANY_TEXT = text("a text")


WORDS = ListOf(
    'a list of words such as ["python", "-m", "shop"]',
    text("a word", mend="a command is words, not a shell's line"),
    1,
    unique=False,
    words=True,
)


class Source:
    """Reads where a secret comes from. What stands in its place is never shown: it may be the secret itself."""

    what = "one of {file: …}, {env: …} and {command: […]}"

    _kinds: ClassVar[Mapping[str, type[msgspec.Struct]]] = {
        "file": FromFile,
        "env": FromEnvironment,
        "command": FromCommand,
    }
    section = Section(
        FromFile, what, (Key("file", FILE), Key("env", text(VARIABLE_WHAT, VARIABLE)), Key("command", WORDS))
    )

    def read(self, node: Node, place: Place) -> object:
        if isinstance(node, Text):
            place.refuse(f"is {self.what}: a secret itself has no place in this file")
            return BROKEN
        draft = self.section.read(node, place)
        if not isinstance(draft, Draft) or not isinstance(node, Keys):
            return BROKEN
        if len(draft.places) != 1:
            if draft.places or not node.entries:
                place.refuse(
                    f"is {self.what}, not {listed(draft.places, 'and') if draft.places else 'an empty mapping'}"
                )
            return BROKEN
        return Draft(self._kinds[next(iter(draft.places))], draft.values, draft.places)
