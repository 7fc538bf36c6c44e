"""How a host's report travels in Serf's tags, which take 512 bytes encoded, all together.

Where it fits, it is readable, one tag for each service:

    flotilla = 1/1767607200000/7         the format, the serial, the generation of the host's file
    autoship = 1.0.0/7/ready/f           the version, the generation, the state, the ready copies as a hexadecimal mask

A service whose name is that of a tag of its own (``role``, ``fleet``, ``flotilla``) is written ``=role``. Where it does
not fit, there is one tag, with four letters of a digest for each name and six for each version:

    flotilla = 1~BASE64                  (URL-safe, unpadded) serial 8 bytes, generation 6, then for each service
                                         id 3, version and state 4, generation 5, ready 8 (big-endian)

Sixteen services always fit beside a fleet's name of 31 letters. Reading decides nothing about trust; whatever it gets,
it ends in a report or in `BrokenTags`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping

from flotilla.domain.member import Role
from flotilla.domain.report import MOST_SERVICES, HostReport, ServiceReport, State
from flotilla.domain.service_id import ID_LETTERS, VERSION_LETTERS, letters, number, same_id, service_id, short_version
from flotilla.errors import BrokenTags

MOST_BYTES = 512
LONGEST_FLEET = 31
FORMAT = "1"

ROLE = "role"
FLEET = "fleet"
REPORT = "flotilla"

_OWN = (ROLE, FLEET, REPORT)
_STATES = tuple(State)
_SERIAL_BYTES, _GENERATION_BYTES, _SERVICE_GENERATION_BYTES, _READY_BYTES = 8, 6, 5, 8
_HEAD = _SERIAL_BYTES + _GENERATION_BYTES
_EACH = 3 + 4 + _SERVICE_GENERATION_BYTES + _READY_BYTES
_LONGEST_COMMON = {ROLE: Role.HOST.value, FLEET: "f" * LONGEST_FLEET}


def common_tags(role: Role, fleet: str) -> dict[str, str]:
    """The tags of every member: what it is for, and of which fleet. At most 31 letters of fleet."""
    return {ROLE: role.value, FLEET: fleet}


def encoded_size(tags: Mapping[str, str]) -> int:
    """The bytes that Serf needs for tags: one of its own, then msgpack's old format (``serf.encodeTags``)."""
    texts = [len(text.encode("utf-8", "surrogatepass")) for pair in tags.items() for text in pair]
    return 1 + (1 if len(tags) < 16 else 3) + sum(length + (1 if length < 32 else 3) for length in texts)


def encode_tags(report: HostReport) -> dict[str, str]:
    """The tags that tell of a report; `common_tags` come on top, with room left for them. Equal reports give equal
    tags, and those of two serials alone differ in the tag ``flotilla`` alone.

    Raises `BrokenTags` where the report is none that a fleet file allows (too many services, two names with one id).
    """
    _check(report)
    tags = {REPORT: f"{FORMAT}/{report.serial}/{report.generation}"}
    for service in report.services:
        key = f"={service.name}" if service.name in _OWN else service.name
        tags[key] = f"{service.version}/{service.generation}/{service.state}/{service.ready:x}"
    if encoded_size(_LONGEST_COMMON | tags) > MOST_BYTES:
        return {REPORT: f"{FORMAT}~{_packed(report)}"}
    return tags


def decode_tags(tags: Mapping[str, str], services: Collection[str]) -> HostReport:
    """The report that tags tell of, its services sorted by name. ``services`` are the names that short ones can stand
    for; a short one of none of them is ``~`` and its four letters. Raises `BrokenTags`."""
    head = tags.get(REPORT)
    if head is None:
        raise BrokenTags(f"no tag {REPORT!r}: the member is no agent of flotilla, or has nothing to report yet")
    form = head[: len(head) - len(head.lstrip("0123456789"))]
    if form != FORMAT:
        if form.isascii() and form.isdigit() and len(form) < 6 and int(form) > int(FORMAT):
            raise BrokenTags(f"the tags are of format {form}, of a later flotilla than this one: upgrade this one")
        raise BrokenTags(f"the tag {REPORT!r} has no format that flotilla knows: {_shown(head)}")
    if head.startswith(f"{FORMAT}~"):
        return _unpacked(head[2:], services)
    parts = head.split("/")
    if len(parts) != 3:
        raise BrokenTags(f"the tag {REPORT!r} is not format/serial/generation: {_shown(head)}")
    found = tuple(_service(key, tags[key]) for key in sorted(tags) if key not in _OWN)
    return _sorted(_number(REPORT, parts[1]), _number(REPORT, parts[2]), found)


def _check(report: HostReport) -> None:
    names = [service.name for service in report.services]
    if len(names) > MOST_SERVICES:
        raise BrokenTags(f"{len(names)} services on one host: tags have room for {MOST_SERVICES}")
    if len(set(names)) != len(names):
        raise BrokenTags("the same service twice in one report")
    if twins := same_id(names):
        raise BrokenTags(f"the services {twins[0]!r} and {twins[1]!r} have the same id in tags: rename one")
    for what, value, size in [
        ("the serial", report.serial, _SERIAL_BYTES),
        ("the generation", report.generation, _GENERATION_BYTES),
        *((f"the generation of {each.name}", each.generation, _SERVICE_GENERATION_BYTES) for each in report.services),
        *((f"the ready copies of {each.name}", each.ready, _READY_BYTES) for each in report.services),
    ]:
        if not 0 <= value < 256**size:
            raise BrokenTags(f"{what} is {value}: tags have room for 0 to {256**size - 1}")


def _packed(report: HostReport) -> str:
    data = report.serial.to_bytes(_SERIAL_BYTES) + report.generation.to_bytes(_GENERATION_BYTES)
    for service in report.services:
        data += number(service_id(service.name)).to_bytes(3)
        data += (number(short_version(service.version)[1:]) << 2 | _STATES.index(service.state)).to_bytes(4)
        data += service.generation.to_bytes(_SERVICE_GENERATION_BYTES) + service.ready.to_bytes(_READY_BYTES)
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unpacked(text: str, services: Collection[str]) -> HostReport:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise BrokenTags(f"the tag {REPORT!r} is not base64: {_shown(text)}") from error
    if len(data) < _HEAD or (len(data) - _HEAD) % _EACH:
        raise BrokenTags(f"the tag {REPORT!r} is cut off: {len(data)} bytes")
    names: dict[str, str] = {}
    for name in sorted(services):
        names[service_id(name)] = name if service_id(name) not in names else f"~{service_id(name)}"
    found = tuple(_unpacked_service(data[at : at + _EACH], names) for at in range(_HEAD, len(data), _EACH))
    serial, generation = data[:_SERIAL_BYTES], data[_SERIAL_BYTES:_HEAD]
    return _sorted(int.from_bytes(serial), int.from_bytes(generation), found)


def _unpacked_service(data: bytes, names: Mapping[str, str]) -> ServiceReport:
    key, version = int.from_bytes(data[:3]), int.from_bytes(data[3:7])
    if version & 3 >= len(_STATES) or key >= 32**ID_LETTERS:
        raise BrokenTags(f"the tag {REPORT!r} has a service that flotilla cannot have written: {data.hex()}")
    short = letters(key, ID_LETTERS)
    return ServiceReport(
        name=names.get(short, f"~{short}"),
        version="~" + letters(version >> 2, VERSION_LETTERS),
        generation=int.from_bytes(data[7 : 7 + _SERVICE_GENERATION_BYTES]),
        state=_STATES[version & 3],
        ready=int.from_bytes(data[-_READY_BYTES:]),
    )


def _service(key: str, value: str) -> ServiceReport:
    parts = value.rsplit("/", 3)
    if len(parts) != 4 or parts[2] not in _STATES:
        raise BrokenTags(f"the tag {_shown(key)} is not version/generation/state/ready: {_shown(value)}")
    name = key[1:] if key[:1] == "=" and key[1:] in _OWN else key
    return ServiceReport(
        name=name,
        version=parts[0],
        generation=_number(key, parts[1]),
        state=State(parts[2]),
        ready=_number(key, parts[3], hexadecimal=True),
    )


def _sorted(serial: int, generation: int, services: tuple[ServiceReport, ...]) -> HostReport:
    if len(services) > MOST_SERVICES:
        raise BrokenTags(f"{len(services)} services in the tags of one host: at most {MOST_SERVICES}")
    if len({service.name for service in services}) != len(services):
        raise BrokenTags("the same service twice in the tags")
    ordered = tuple(sorted(services, key=lambda service: service.name))
    return HostReport(serial=serial, generation=generation, services=ordered)


def _number(key: str, text: str, hexadecimal: bool = False) -> int:
    digits = "0123456789abcdef" if hexadecimal else "0123456789"
    if not 0 < len(text) <= 20 or text.strip(digits):
        raise BrokenTags(f"the tag {_shown(key)} has {_shown(text)} where a number belongs")
    value = int(text, 16 if hexadecimal else 10)
    if value >= 1 << 64:
        raise BrokenTags(f"the tag {_shown(key)} has a number over 64 bits: {_shown(text)}")
    return value


def _shown(text: str) -> str:
    return repr(text[:40] + "…" if len(text) > 40 else text)
