"""Whatever a gateway's file may say, HAProxy takes the configuration that is made of it, without a warning."""

from __future__ import annotations

import io
import subprocess
import tarfile

from flotilla.domain.handed import GatewayFile, GatewayService, Retry
from flotilla.gateway.configuration import Machine, configuration
from flotilla.gateway.rotation import Server
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

CHECK = (
    "cd /tmp; tar xf -; for each in *.cfg; do "
    "haproxy -c -f $each >$each.said 2>&1 || { echo $each refused; cat $each.said; }; "
    "grep -qi 'warning\\|alert' $each.said && { echo $each; cat $each.said; }; done; ls *.cfg | wc -l"
)

names = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
paths = st.one_of(st.just("/"), st.from_regex(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]{1,8}){1,4}/?", fullmatch=True))
addresses = st.one_of(
    st.integers(1, 254).map(lambda number: f"10.0.0.{number}"),
    st.integers(1, 9999).map(lambda number: f"fd00::{number}"),
)


@st.composite
def services(draw: st.DrawFn, name: str) -> GatewayService:
    return GatewayService(
        name=name,
        version="1",
        first_port=draw(st.integers(1024, 60_000)),
        copies=draw(st.integers(1, 8)),
        health_path=draw(paths),
        health_interval_s=draw(st.floats(0.2, 60)),
        host=draw(st.none() | st.from_regex(r"[a-z0-9]{1,9}(\.[a-z0-9]{1,9}){0,3}", fullmatch=True)),
        path=draw(paths),
        retry=draw(st.sampled_from(Retry)),
        balance=draw(st.sampled_from(["leastconn", "roundrobin", "header:X-Customer", "header:a_b~!"])),
        timeout_s=draw(st.floats(0.1, 86_400)),
        drain_s=draw(st.floats(0, 86_400)),
        max_connections=draw(st.integers(1, 100_000)),
        max_body=draw(st.integers(0, 1 << 40)),
        retry_body=draw(st.integers(0, 1 << 20)),
    )


@st.composite
def texts(draw: st.DrawFn) -> str:
    named = draw(st.lists(names, max_size=5, unique=True))
    hosts = draw(st.lists(addresses, max_size=4, unique=True))
    file = GatewayFile(
        fleet="shop",
        generation=1,
        gateways=("10.0.0.10",),
        hosts=tuple(hosts[:2]),
        admit=tuple(draw(st.lists(st.sampled_from(["10.0.0.0/8", "fd00::/8", "10.1.2.3"]), max_size=3))),
        services=tuple(draw(services(name)) for name in named),
    )
    rotating = [
        Server(
            service=each.name, address=host, port=each.first_port, weight=draw(st.sampled_from([1, 10])),
            alive=draw(st.booleans()),
        )
        for each in file.services
        for host in hosts
    ]  # fmt: skip
    machine = Machine(
        open_files=draw(st.integers(1_000, 20_000)), memory=draw(st.integers(1 << 26, 1 << 36)),
        cpus=1, ipv6=draw(st.booleans()),
    )  # fmt: skip
    return configuration(file, rotating, machine).text


def test_haproxy_takes_every_configuration_without_a_warning(gateway_image: str) -> None:
    found: list[str] = []

    @settings(max_examples=100, phases=[Phase.generate], deadline=None, suppress_health_check=list(HealthCheck))
    @given(texts())
    def collect(text: str) -> None:
        found.append(text)

    collect()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for number, text in enumerate(found):
            entry = tarfile.TarInfo(f"{number:03}.cfg")
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    run = ["docker", "run", "--rm", "-i", "--label", "flotilla-test=gateway-accepts",

           "--tmpfs", "/tmp", "--entrypoint", "sh", gateway_image, "-c", CHECK]  # fmt: skip
    done = subprocess.run(run, input=out.getvalue(), capture_output=True, check=False)
    said = (done.stdout + done.stderr).decode()
    assert said.split() == [str(len(found))], said[:3000]
