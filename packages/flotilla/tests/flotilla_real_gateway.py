"""A whole gateway in containers on a bridge: the program, HAProxy, and hosts whose copies are a few lines of Python."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from flotilla.adapters.serf import SerfRpc, SerfSettings
from flotilla.adapters.serf.settings import configuration
from flotilla.domain.handed import GATEWAY_FILE, GatewayFile, GatewayService, Retry, encode_handed
from flotilla.domain.member import Role, member_name
from flotilla.domain.report import HostReport, ServiceReport, State
from flotilla.domain.status import StatusDocument, decode_status
from flotilla.domain.tags import common_tags, encode_tags
from flotilla_bridge import KEY, LABEL, START, TOKEN, Bridge, bridge, docker

COPIES = """
import http.server, threading, time
class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/slow": time.sleep(4)
        body = b"%d" % self.server.server_address[1]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
for port in (8000, 8001):
    server = http.server.ThreadingHTTPServer(("", port), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
threading.Event().wait()
"""
HOST = 'python3 -c "$COPIES" & ' + START
INSIDE = "/var/lib/flotilla/haproxy"


class RealHost:
    """A host whose Serf says what a test has it say. Each call has a connection of its own: the loops differ."""

    def __init__(self, container: str, address: str) -> None:
        self.container = container
        self.address = address
        self.serial = int(time.time() * 1000)

    async def say(self, state: State = State.READY, ready: int = 0b11) -> None:
        self.serial += 1
        with self.rpc() as rpc:
            await rpc.set_tags(tags(self.serial, state, ready))

    async def hint(self, state: State, ready: int = 0b11) -> None:
        self.serial += 1
        told = {"name": member_name(Role.HOST, self.address), "tags": tags(self.serial, state, ready)}
        with self.rpc() as rpc:
            await rpc.query("flotilla-report", json.dumps(told).encode())

    async def leave(self) -> None:
        with self.rpc() as rpc:
            await rpc.leave()

    @contextlib.contextmanager
    def rpc(self) -> Iterator[SerfRpc]:
        rpc = SerfRpc(self.address, 7373, TOKEN)
        try:
            yield rpc
        finally:
            rpc.close()


def tags(serial: int, state: State = State.READY, ready: int = 0b11) -> dict[str, str]:
    one = ServiceReport(name="shop", version="1.0.0", generation=1, state=state, ready=ready)
    return encode_tags(HostReport(serial=serial, generation=1, services=(one,)))


class RealGateway:
    """``own`` is the volume of the gateway's own folder. `up` starts all; `status` is what the program tells."""

    def __init__(self, made: Bridge, folder: Path, own_bytes: int | None = None) -> None:
        self.bridge = made
        self.handed = folder / "handed"
        self.handed.mkdir()
        self.handed.chmod(0o755)
        self.address, self.haproxy_address = made.address(), made.address()
        self.hosts: dict[str, RealHost] = {}
        self.named = [made.address() for _ in range(3)]
        self.own, self.run, self.gossip = (f"{made.name}-{name}" for name in ("own", "run", "gossip"))
        size = ["--driver", "local", "--opt", "type=tmpfs", "--opt", "device=tmpfs"] if own_bytes else []
        size += ["--opt", f"o=size={own_bytes},uid=7946,gid=7946,mode=0700"] if own_bytes else []
        docker("volume", "create", "--label", LABEL, *size, self.own)
        for name in (self.run, self.gossip):
            docker("volume", "create", "--label", LABEL, name)
        made._volumes += [self.own, self.run, self.gossip]
        give = f"printf '%s' '[\"{KEY}\"]' > /g/keyring.json && chown -R 7946:7946 /g /o /r && chmod 700 /g /o /r"
        mounts = ["-v", f"{self.gossip}:/g", "-v", f"{self.own}:/o", "-v", f"{self.run}:/r"]
        docker("run", "--rm", "--user", "0", *mounts, "--entrypoint", "sh", made.image, "-c", give)

    def file(self, *, generation: int = 1, **more: Any) -> GatewayFile:
        wanted = {"name": "shop", "version": "1.0.0", "first_port": 8000, "copies": 2, "retry": Retry.ALL, **more}
        return GatewayFile(
            fleet="shop",
            generation=generation,
            gateways=(self.address,),
            hosts=tuple(self.named),
            admit=(str(self.address).rsplit(".", 1)[0] + ".0/24",),
            certificates=wanted.pop("certificates", ()),
            services=(GatewayService(**wanted),),
        )

    def hand(self, file: GatewayFile | bytes) -> None:
        beside = self.handed / "new"
        beside.write_bytes(file if isinstance(file, bytes) else encode_handed(file))
        beside.chmod(0o644)
        beside.rename(self.handed / GATEWAY_FILE)

    def up(self) -> None:
        """The program and HAProxy, and every host that the file names."""
        self.program()
        eventually(lambda: self.inside("test", "-f", f"{INSIDE}/haproxy.cfg") == 0, 20)
        self.haproxy()
        for address in self.named:
            self.host(address)

    def program(self) -> None:
        self.bridge.run(
            "gateway", self.address,
            "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--memory", "128m",
            "--restart", "always", "--tmpfs", "/run/flotilla:uid=7946,gid=7946,mode=0700",
            "-v", f"{self.handed}:/etc/flotilla:ro", "-v", f"{self.gossip}:/var/lib/flotilla/gossip",
            "-v", f"{self.own}:{INSIDE}", "-v", f"{self.run}:/run/flotilla-haproxy",
            self.bridge.image, "--address", self.address,
        )  # fmt: skip

    def haproxy(self) -> None:
        self.bridge.run(
            "haproxy", self.haproxy_address,
            "--read-only", "--cap-drop", "ALL", "--cap-add", "NET_BIND_SERVICE", "--restart", "always",
            "-v", f"{self.own}:{INSIDE}:ro", "-v", f"{self.run}:/run/flotilla-haproxy",
            "--entrypoint", "haproxy", self.bridge.image,
            "-W", "-db", "-S", "/run/flotilla-haproxy/master.sock", "-f", f"{INSIDE}/haproxy.cfg",
        )  # fmt: skip

    def host(self, address: str) -> RealHost:
        name = member_name(Role.HOST, address)
        own = common_tags(Role.HOST, "shop") | tags(int(time.time() * 1000))
        start_host(self.bridge, name, address, own, self.address)
        self.hosts[address] = RealHost(self.bridge.container(name), address)
        return self.hosts[address]

    def container(self, name: str) -> str:
        return self.bridge.container(name)

    def inside(self, *argv: str) -> int:
        """Runs something in the program's container; its exit status."""
        done = subprocess.run(["docker", "exec", self.container("gateway"), *argv], check=False, capture_output=True)
        return done.returncode

    def kill_worker(self) -> None:
        docker("exec", self.container("haproxy"), "sh", "-c", "kill -9 $(cat /proc/1/task/1/children)")

    def get(self, path: str, port: int = 8404) -> tuple[int, bytes]:
        """An answer of the gateway's pages, or on port 80 of the services."""
        address = f"http://{self.haproxy_address}:{port}{path}"
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def status(self) -> StatusDocument | None:
        with contextlib.suppress(OSError):
            code, body = self.get("/status.json")
            return decode_status(body) if code == 200 else None
        return None

    def serving(self) -> set[str]:
        """The copies that take requests."""
        told = self.status()
        servers = told.servers if told else ()
        return {one.name for one in servers if one.wanted is not None and one.load and one.load.status.startswith("UP")}

    def in_step(self) -> bool:
        """Whether HAProxy and its file are as they should be, and nothing is to be warned of but that hosts are of
        another generation: nobody deploys here."""
        told = self.status()
        if told is None or not (told.proxy.converged and told.proxy.installed):
            return False
        return all(one.startswith("of generation") for one in told.warnings)

    def copies(self, *addresses: str) -> set[str]:
        return {f"{address}:{port}" for address in addresses or self.named for port in (8000, 8001)}


def start_host(made: Bridge, name: str, address: str, own: dict[str, str], join: str) -> None:
    """A bare Serf as of `Bridge.serf`, with two copies beside it."""
    settings = SerfSettings(name=name, address=address, tags=own, join=(join,), gossip=Path("/tmp/g"))
    config = json.loads(configuration(settings, TOKEN)) | {"rpc_addr": "0.0.0.0:7373"}
    environment = ["-e", f"CONFIG={json.dumps(config)}", "-e", f"KEYS={json.dumps([KEY])}", "-e", f"COPIES={COPIES}"]
    made.run(name, address, *environment, "--entrypoint", "sh", made.image, "-c", HOST)


def eventually(true: Callable[[], object], within_s: float = 20.0) -> float:
    """Waits until it is true; says how long that took."""
    begun = time.monotonic()
    while not (said := true()):
        if time.monotonic() - begun > within_s:
            raise AssertionError(f"not within {within_s:g} s: {said!r}")
        time.sleep(0.02)
    return time.monotonic() - begun


async def soon(true: Callable[[], object], within_s: float = 20.0) -> float:
    """The same, beside the load."""
    return await asyncio.to_thread(eventually, true, within_s)


@contextlib.contextmanager
def real_gateway(image: str, folder: Path, own_bytes: int | None = None) -> Iterator[RealGateway]:
    with bridge(image) as made:
        gateway = RealGateway(made, folder, own_bytes)
        gateway.hand(gateway.file())
        gateway.up()
        eventually(lambda: gateway.serving() == gateway.copies(), 40)
        eventually(gateway.in_step, 20)
        yield gateway


class Load:
    """Requests on kept and on new connections, and what became of them."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.served = 0
        self.lost: list[str] = []
        self.longest_s = 0.0
        self.ending = False

    async def client(self, kept: bool) -> None:
        reader = writer = None
        request = f"GET / HTTP/1.1\r\nHost: shop\r\nConnection: {'keep-alive' if kept else 'close'}\r\n\r\n".encode()
        while not self.ending:
            begun = time.monotonic()
            try:
                async with asyncio.timeout(10):
                    if writer is None or writer.is_closing():
                        reader, writer = await asyncio.open_connection(self.address, 80)
                    writer.write(request)
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                    await reader.readexactly(length)
                if b" 200 " not in head.split(b"\r\n")[0] + b" ":
                    self.lost.append(head.split(b"\r\n")[0].decode())
                self.served += 1
                if not kept or b"connection: close" in head.lower():
                    writer.close()
                    writer = None
            except (OSError, TimeoutError, EOFError) as error:
                self.lost.append(f"{type(error).__name__}: {error}")
                if writer is not None:
                    writer.close()
                writer = None
            self.longest_s = max(self.longest_s, time.monotonic() - begun)
            await asyncio.sleep(0.01)
        if writer is not None:
            writer.close()


@contextlib.asynccontextmanager
async def under_load(gateway: RealGateway) -> AsyncIterator[Load]:
    """Load for as long as the block, at least a hundred requests of it."""
    load = Load(gateway.haproxy_address)
    clients = [asyncio.create_task(load.client(kept)) for kept in (True, False, True, False)]
    try:
        await soon(lambda: load.served > 50)
        yield load
        before = load.served
        await soon(lambda: load.served > before + 50)
    finally:
        load.ending = True
        await asyncio.gather(*clients)
