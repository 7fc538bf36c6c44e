"""What the gateway's configuration costs beside a bare HAProxy with the same servers, written by hand.

Both run HAProxy of the same image on a core of their own, with one thread; wrk and the servers, another HAProxy that
answers by itself, have the other core. Rounds are interleaved, and ratios are taken within a round. The access log of
both is formatted and written, to ``/dev/null``.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
from flotilla.domain.handed import GatewayFile, GatewayService
from flotilla.gateway.configuration import configuration
from flotilla.gateway.machine import Machine
from flotilla.gateway.rotation import Server
from flotilla.images import Target, build_argv, context, image_name
from serving_table import Section, Table, short, spread
from serving_table import Target as Held

HOSTS = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
FIRST, COPIES = 19_000, 4
DIRECT, BARE, CLOSING, GATEWAY = "no gateway", "by hand", "by hand, http-server-close", "flotilla"
PORTS = {DIRECT: FIRST, BARE: 18_480, CLOSING: 18_481, GATEWAY: 18_482}
STATUS_PORT = 18_489
LABEL = "flotilla.benchmark=gateway"
ANSWER = '{"service":"hello","version":"1.0.0","copy":"a"}'
CLIENT_CORE, PROXY_CORE = "0", str((os.cpu_count() or 1) - 1)
READY_S = 20.0

WRK = """\
FROM debian:trixie-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends wrk && rm -rf /var/lib/apt/lists/*
RUN printf '%s\\n' \\
    'function init(args)' \\
    '  if args[1] == "close" then wrk.headers["Connection"] = "close" end' \\
    '  if args[1] == "post" then wrk.method = "POST"; wrk.body = string.rep("x", 1000) end' \\
    'end' \\
    'function done(s, latency, requests)' \\
    '  local e = s.errors' \\
    '  local wrong = e.connect + e.read + e.write + e.status + e.timeout' \\
    '  local p50, p99 = latency:percentile(50), latency:percentile(99)' \\
    '  print(string.format("measured %d %d %f %f %d", s.requests, s.duration, p50, p99, wrong))' \\
    'end' > /load.lua
USER 65532
ENTRYPOINT ["wrk", "-s", "/load.lua"]
"""


class Kind(msgspec.Struct, frozen=True):
    """A sort of load: how many connections, and what wrk's script is told."""

    name: str
    connections: int
    word: str


ALONE = Kind("one connection", 1, "get")
MANY = Kind("32 kept connections", 32, "get")
NEW = Kind("32 at once, each request on a new connection", 32, "close")
POST = Kind("32 kept connections, POST of 1,000 bytes", 32, "post")
KINDS = (ALONE, MANY, NEW, POST)


class Run(msgspec.Struct, frozen=True):
    """What wrk saw in one round, and the CPU that the proxy used for a request."""

    requests_per_s: float
    p50_us: float
    p99_us: float
    cpu_us: float


def measure(folder: Path, rounds: int, seconds: int) -> Section:
    """Runs all of it. ``folder`` is where the configurations go."""
    runs: dict[tuple[str, str], list[Run]] = {}
    with _proxies(folder) as pids, _wrk() as wrk:
        for kind in KINDS:
            for place in PORTS:
                wrk(kind, place, 1)
        for _ in range(rounds):
            for kind in KINDS:
                for place in PORTS:
                    before = _cpu_s(pids.get(place, 0))
                    count, duration_us, p50, p99 = wrk(kind, place, seconds)
                    used = _cpu_s(pids.get(place, 0)) - before
                    runs.setdefault((kind.name, place), []).append(
                        Run(count / duration_us * 1e6, p50, p99, used / count * 1e6)
                    )
    return _section(runs, rounds, seconds)


def _section(runs: Mapping[tuple[str, str], Sequence[Run]], rounds: int, seconds: int) -> Section:
    rows = []
    for (kind, place), some in runs.items():
        rows.append(
            (
                f"{kind}: {place}",
                spread([one.requests_per_s for one in some]),
                spread([one.p50_us for one in some]),
                short(statistics.median(one.p99_us for one in some)),
                short(statistics.median(one.cpu_us for one in some)) if place != DIRECT else "",
            )
        )
    added = {
        place: [
            one.p50_us - bare.p50_us
            for one, bare in zip(runs[ALONE.name, place], runs[ALONE.name, DIRECT], strict=True)
        ]
        for place in (BARE, CLOSING, GATEWAY)
    }
    ratios = [mine / bare for mine, bare in zip(added[GATEWAY], added[BARE], strict=True)]
    targets = [
        Held("latency added at the median, of that by hand", statistics.median(ratios), "times", at_most=1.2),
        _throughput(runs, MANY, at_least=0.95),
        *(_throughput(runs, kind) for kind in (NEW, POST)),
        *(_cpu(runs, kind, beside) for kind in (MANY, NEW) for beside in (BARE, CLOSING)),
    ]
    about = (
        f"{len(HOSTS) * COPIES} servers that answer {len(ANSWER)} bytes; {rounds} rounds of {seconds} s, in turn; "
        f"medians of rounds, from the lowest to the highest. Added at the median, one connection: "
        + ", ".join(f"{place} {spread(values)} µs" for place, values in added.items())
        + f". The proxies have core {PROXY_CORE}, wrk and the servers core {CLIENT_CORE}."
    )
    heads = ("", "requests/s", "p50 µs", "p99 µs", "CPU µs")
    data = {f"{kind}: {place}": some for (kind, place), some in runs.items()}
    return Section("The gateway beside HAProxy by hand", about, Table(heads, rows), targets, data)


def _throughput(runs: Mapping[tuple[str, str], Sequence[Run]], kind: Kind, at_least: float | None = None) -> Held:
    pairs = zip(runs[kind.name, GATEWAY], runs[kind.name, BARE], strict=True)
    ratio = statistics.median(mine.requests_per_s / bare.requests_per_s for mine, bare in pairs)
    return Held(f"requests/s of those by hand, {kind.name}", ratio, "times", at_least=at_least)


def _cpu(runs: Mapping[tuple[str, str], Sequence[Run]], kind: Kind, beside: str) -> Held:
    mine, other = (statistics.median(one.cpu_us for one in runs[kind.name, place]) for place in (GATEWAY, beside))
    return Held(f"CPU of a request, {kind.name}, of that {beside}", mine / other, "times")


@contextmanager
def _proxies(folder: Path) -> Iterator[dict[str, int]]:
    """Starts the servers and the three proxies; gives each proxy's process."""
    done = subprocess.run(build_argv(Target.GATEWAY), input=context(), capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"the gateway's image: {done.stderr.decode()}")
    texts = {
        DIRECT: origin(),
        BARE: by_hand(PORTS[BARE], ""),
        CLOSING: by_hand(PORTS[CLOSING], "option http-server-close"),
        GATEWAY: generated(),
    }
    with ExitStack() as stack:
        pids = {}
        for place, text in texts.items():
            name = re.sub("[^a-z]+", "-", place)
            file = folder / f"{name}.cfg"
            file.write_text(text)
            core = CLIENT_CORE if place == DIRECT else PROXY_CORE
            pids[place] = stack.enter_context(_haproxy(f"bench-gateway-{name}", file, core))
        for place, port in PORTS.items():
            _wait_answers(place, port)
        yield pids


@contextmanager
def _haproxy(name: str, file: Path, core: str) -> Iterator[int]:
    argv = [
        "docker", "run", "--detach", "--name", name, "--label", LABEL, "--network", "host", "--cpuset-cpus", core,
        "--cap-drop", "ALL", "--cap-add", "NET_BIND_SERVICE",
        "--tmpfs", "/run/flotilla-haproxy:uid=7946,gid=7946", "--volume", f"{file.parent}:/etc/bench:ro",
        "--entrypoint", "sh", image_name(Target.GATEWAY),
        "-c", f"haproxy -c -q -f /etc/bench/{file.name} && exec haproxy -db -f /etc/bench/{file.name} > /dev/null",
    ]  # fmt: skip
    docker("rm", "--force", name, quiet=True)
    docker(*argv[1:])
    try:
        yield int(docker("inspect", "--format", "{{.State.Pid}}", name))
    finally:
        docker("rm", "--force", name)


@contextmanager
def _wrk() -> Iterator[Callable[[Kind, str, int], tuple[float, float, float, float]]]:
    """Gives what runs wrk: requests, duration in µs, p50 and p99 in µs."""
    image = "flotilla-bench-wrk"
    done = subprocess.run(["docker", "build", "--quiet", "--tag", image, "-"], input=WRK.encode(), capture_output=True)
    if done.returncode:
        raise SystemExit(f"the image of wrk: {done.stderr.decode()}")

    def run(kind: Kind, place: str, seconds: int) -> tuple[float, float, float, float]:
        said = docker(
            "run", "--rm", "--label", LABEL, "--network", "host", "--cpuset-cpus", CLIENT_CORE, image,
            "-t1", f"-c{kind.connections}", f"-d{seconds}s", f"http://{HOSTS[0]}:{PORTS[place]}/", "--", kind.word,
        )  # fmt: skip
        found = re.search(r"measured (\d+) (\d+) (\S+) (\S+) (\d+)", said)
        if found is None or int(found[5]) or not int(found[1]):
            raise SystemExit(f"{kind.name}, {place}: wrong answers or none: {said}")
        return float(found[1]), float(found[2]), float(found[3]), float(found[4])

    yield run


def origin() -> str:
    """The servers: one HAProxy that answers by itself on every port."""
    binds = "\n".join(f"    bind {host}:{FIRST}-{FIRST + COPIES - 1}" for host in HOSTS)
    answer = ANSWER.replace('"', '\\"')
    return f"""\
global
    nbthread 1
    maxconn 1500
defaults
    mode http
    timeout client 60s
    timeout connect 5s
    timeout server 60s
frontend origin
{binds}
    http-request return status 200 content-type application/json string "{answer}"
"""


def by_hand(port: int, option: str) -> str:
    """What somebody who knows HAProxy writes for these servers: checks, a log, retries, who asked."""
    servers = "\n".join(
        f"    server {host}:{each} {host}:{each} check" for host in HOSTS for each in range(FIRST, FIRST + COPIES)
    )
    return f"""\
global
    log stdout format raw local0 info
    nbthread 1
    maxconn 1500
defaults
    mode http
    log global
    option httplog
    option forwardfor
    option redispatch
    {option}
    retries 3
    timeout http-request 10s
    timeout client 60s
    timeout connect 5s
    timeout server 30s
frontend public
    bind 0.0.0.0:{port}
    default_backend hello
backend hello
    balance leastconn
    option httpchk
    http-check send meth GET uri /healthz ver HTTP/1.1 hdr Host localhost
    default-server inter 1s
{servers}
"""


def generated() -> str:
    """What the gateway writes for them."""
    service = GatewayService(name="hello", version="1.0.0", first_port=FIRST, copies=COPIES, health_path="/healthz")
    file = GatewayFile(
        fleet="bench",
        generation=1,
        gateways=("127.0.0.1",),
        hosts=HOSTS,
        admit=("127.0.0.0/8",),
        http_port=PORTS[GATEWAY],
        status_port=STATUS_PORT,
        services=(service,),
    )
    servers = [
        Server(service="hello", address=host, port=port, weight=100)
        for host in HOSTS
        for port in range(FIRST, FIRST + COPIES)
    ]
    machine = Machine(open_files=4_096, memory=1 << 30, cpus=1, ipv6=False)
    return configuration(file, servers, machine).text


def docker(*words: str, quiet: bool = False) -> str:
    """Runs ``docker``; what it says. Ends the run where it fails."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    if done.returncode and not quiet:
        raise SystemExit(f"docker {' '.join(words[:2])}: {done.stderr}")
    return done.stdout


def _wait_answers(place: str, port: int) -> None:
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        said = subprocess.run(
            ["curl", "--silent", "--fail", "--max-time", "1", f"http://{HOSTS[0]}:{port}/"], capture_output=True
        )
        if said.returncode == 0:
            return
        time.sleep(0.1)
    raise SystemExit(f"{place}: no answer on port {port}")


def _cpu_s(pid: int) -> float:
    """CPU seconds of a process so far (proc(5), fields 14 and 15 of ``stat``)."""
    if not pid:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
