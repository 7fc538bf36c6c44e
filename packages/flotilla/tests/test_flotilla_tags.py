"""A host's report in Serf's tags: always fits, reads back, and whatever comes in ends in a report or in words."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from itertools import combinations

import msgspec
import pytest
from flotilla.domain.member import Role
from flotilla.domain.report import HostReport, ServiceReport, State
from flotilla.domain.service_id import same_id, same_version, service_id, short_version
from flotilla.domain.tags import (
    LONGEST_FLEET,
    MOST_BYTES,
    common_tags,
    decode_tags,
    encode_tags,
    encoded_size,
)
from flotilla.errors import BrokenTags
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,29}[a-z0-9])?", fullmatch=True) | st.sampled_from(
    ["role", "fleet", "flotilla"]
)
SERVICES = st.builds(
    ServiceReport,
    name=NAMES,
    version=st.text("abcABC019._-/~", max_size=20) | st.just("v" * 128),
    generation=st.integers(0, 2**40 - 1),
    state=st.sampled_from(State),
    ready=st.integers(0, 2**64 - 1),
)
REPORTS = st.builds(
    HostReport,
    serial=st.integers(0, 2**64 - 1),
    generation=st.integers(0, 2**48 - 1),
    services=st.lists(SERVICES, max_size=16, unique_by=lambda each: each.name).map(
        lambda found: tuple(sorted(found, key=lambda each: each.name))
    ),
).filter(lambda report: same_id(service.name for service in report.services) is None)


def shortened(report: HostReport) -> HostReport:
    """The report with the short versions that the compact form has."""
    services = (msgspec.structs.replace(each, version=short_version(each.version)) for each in report.services)
    return msgspec.structs.replace(report, services=tuple(services))


def longest() -> HostReport:
    """The largest report that a fleet file allows."""
    services = tuple(
        ServiceReport(
            name=f"{'a-very-long-name-of-a-service':29}{index:02}".replace(" ", "x"),
            version=f"{index:02}" + "v" * 126,
            generation=2**40 - 1,
            state=State.CANARY,
            ready=2**64 - 1,
        )
        for index in range(16)
    )
    return HostReport(serial=2**64 - 1, generation=2**48 - 1, services=services)


@given(REPORTS)
def test_a_report_reads_back_up_to_short_versions_and_fits(report: HostReport) -> None:
    tags = encode_tags(report)
    assert encoded_size(common_tags(Role.HOST, "f" * LONGEST_FLEET) | tags) <= MOST_BYTES
    back = decode_tags(common_tags(Role.HOST, "shop") | tags, [service.name for service in report.services])
    assert back == (shortened(report) if "~" in tags["flotilla"] else report)


@given(REPORTS, st.integers(0, 2**64 - 1))
def test_two_serials_differ_in_one_tag_and_equal_reports_in_none(report: HostReport, serial: int) -> None:
    tags, others = encode_tags(report), encode_tags(msgspec.structs.replace(report, serial=serial))
    assert encode_tags(report) == tags
    if tags.keys() == others.keys():
        assert {key for key in tags if tags[key] != others[key]} <= {"flotilla"}


WORDS = st.text(max_size=30) | st.sampled_from(["1/1/1", "1~", "1~AAAA", "9/1/1", "1.0.0/7/ready/f", "1.0.0/7/odd/f"])
PACKED = st.binary(max_size=80).map(lambda data: "1~" + base64.urlsafe_b64encode(data).decode().rstrip("="))


@given(
    st.dictionaries(st.text(max_size=10) | st.sampled_from(["flotilla", "role", "autoship", "=role"]), WORDS | PACKED),
    WORDS | PACKED | st.none(),
    st.lists(st.text(max_size=8), max_size=20),
)
def test_any_tags_give_a_report_or_broken_tags(tags: dict[str, str], head: str | None, services: list[str]) -> None:
    try:
        report = decode_tags(tags | ({} if head is None else {"flotilla": head}), services)
    except BrokenTags:
        return
    assert len(report.services) <= 16


def test_a_small_report_is_readable() -> None:
    service = ServiceReport(name="autoship", version="1.0.0", generation=7, state=State.READY, ready=0b1111)
    report = HostReport(serial=12, generation=7, services=(service,))
    assert encode_tags(report) == {"flotilla": "1/12/7", "autoship": "1.0.0/7/ready/f"}


def test_the_longest_report_is_compact_and_its_tags_need_no_more_than_serf_has() -> None:
    tags = common_tags(Role.HOST, "f" * LONGEST_FLEET) | encode_tags(longest())
    assert 490 <= encoded_size(tags) <= MOST_BYTES
    names = [service.name for service in longest().services]
    assert decode_tags(tags, names) == shortened(longest())
    assert decode_tags(tags, []).services[0].name.startswith("~")


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({}, "no tag 'flotilla'"),
        ({"flotilla": "2/1/1"}, "of a later flotilla than this one"),
        ({"flotilla": "x"}, "no format"),
        ({"flotilla": "1/1"}, "is not format/serial/generation"),
        ({"flotilla": "1/one/1"}, "'one' where a number belongs"),
        ({"flotilla": "1/1/18446744073709551616"}, "over 64 bits"),
        ({"flotilla": "1~&"}, "is not base64"),
        ({"flotilla": "1~AAAA"}, "is cut off"),
        ({"flotilla": "1/1/1", "rack": "3"}, "the tag 'rack' is not version/generation/state/ready"),
        ({"flotilla": "1/1/1", "shop": "1.0/1/ready/g"}, "'g' where a number belongs"),
        ({"flotilla": "1/1/1", **{f"s{index}": "1/1/ready/1" for index in range(17)}}, "17 services"),
    ],
)
def test_what_is_broken_is_told_in_words(tags: dict[str, str], words: str) -> None:
    with pytest.raises(BrokenTags, match=re.escape(words)):
        decode_tags(tags, [])


def test_a_report_that_no_fleet_file_allows_is_refused() -> None:
    service = ServiceReport(name="a", version="1", generation=1, state=State.READY, ready=1)
    report = HostReport(serial=1, generation=1, services=())
    for services, words in [
        (tuple(msgspec.structs.replace(service, name=f"s{index}") for index in range(17)), "17 services"),
        ((service, service), "twice"),
        ((msgspec.structs.replace(service, ready=2**64),), "the ready copies of a"),
        (tuple(msgspec.structs.replace(service, name=name) for name in twins()), "rename one"),
    ]:
        with pytest.raises(BrokenTags, match=words):
            encode_tags(msgspec.structs.replace(report, services=services))


def twins() -> tuple[str, str]:
    """Two names with one id."""
    seen: dict[str, str] = {}
    for index in range(100_000):
        if seen.setdefault(service_id(f"s{index}"), f"s{index}") != f"s{index}":
            return seen[service_id(f"s{index}")], f"s{index}"
    raise AssertionError("no two names with one id")


def test_a_short_name_that_could_be_two_services_is_neither() -> None:
    one, other = twins()
    report = msgspec.structs.replace(longest(), services=longest().services[:15])
    service = msgspec.structs.replace(report.services[0], name=one)
    tags = encode_tags(msgspec.structs.replace(report, services=(*report.services, service)))
    assert one in {each.name for each in decode_tags(tags, [one]).services}
    assert {one, other}.isdisjoint(each.name for each in decode_tags(tags, [one, other]).services)


def test_ids_are_the_same_for_ever() -> None:
    assert service_id("autoship") == "7d7y"
    assert short_version("1.0.0") == "~pnzooz"
    assert short_version(short_version("1.0.0")) == short_version("1.0.0")


def test_a_short_version_is_the_same_as_the_long_one_it_stands_for() -> None:
    versions = ["1.0.0", "1.0.1", short_version("1.0.1")]
    assert [same_version(one, other) for one, other in combinations(versions, 2)] == [False, False, True]


def serf_takes(image: str, tags: dict[str, str]) -> bool:
    """Whether a real Serf starts with these tags."""
    script = (
        "cat > /tmp/serf.json; timeout 5 serf agent -config-file=/tmp/serf.json > /tmp/log 2>&1 & "
        "for try in $(seq 40); do grep -q 'agent running' /tmp/log 2>/dev/null && exit 0; "
        "grep -qi 'exceeds limit' /tmp/log 2>/dev/null && exit 9; sleep 0.1; done; cat /tmp/log; exit 1"
    )
    run = ["docker", "run", "--rm", "-i", "--label", "flotilla.test=serf", "--tmpfs", "/tmp", "--entrypoint", "bash"]
    config = json.dumps({"node_name": "tags", "bind": "127.0.0.1", "tags": tags})
    done = subprocess.run([*run, image, "-c", script], input=config, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 9), done.stdout + done.stderr
    return done.returncode == 0


def test_a_real_serf_takes_the_longest_tags_and_counts_bytes_as_flotilla_does(agent_image: str) -> None:
    tags = common_tags(Role.HOST, "f" * LONGEST_FLEET) | encode_tags(longest())
    assert serf_takes(agent_image, tags)
    padded = {f"t{index}": "x" for index in range(17)} | {"pad": ""}
    padded["pad"] = "x" * (MOST_BYTES - encoded_size(padded) - 2)
    assert encoded_size(padded) == MOST_BYTES
    assert serf_takes(agent_image, padded)
    assert not serf_takes(agent_image, padded | {"pad": padded["pad"] + "x"})
