"""A real HAProxy in a container of the gateway's image, and copies beside it in the same network
(`flotilla_gateway_copies`): many hosts, each an address of the container's loopback."""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from flotilla.gateway.change import ByCommands, Nothing, change
from flotilla.gateway.configuration import Configuration
from flotilla.gateway.running import INFO, SERVERS, Running, questions, running

COPIES = Path(__file__).with_name("flotilla_gateway_copies.py")
Value = TypeVar("Value")


def eventually(found: Callable[[], Value], deadline_s: float = 20) -> Value:
    """What ``found`` gives once it is true."""
    end = time.monotonic() + deadline_s
    while not (value := found()):
        assert time.monotonic() < end, f"not within {deadline_s} s: {value!r}"
        time.sleep(0.02)
    return value


class Box:
    """``ip`` is where its ports answer."""

    def __init__(self, image: str, label: str, certificate: bytes | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="flotilla-box-")
        root = Path(self._folder.name)
        self.sockets, self.config, self.certificates = root / "run", root / "haproxy", root / "certificates"
        for folder in (self.sockets, self.config, self.certificates):
            folder.mkdir()
            folder.chmod(0o777)
        root.chmod(0o755)
        if certificate is not None:
            (self.certificates / "a.pem").write_bytes(certificate)
        self._image, self._label = image, label
        self._ids: list[str] = []
        self.ip = ""

    def start(self, configuration: Configuration) -> None:
        """Starts HAProxy with a configuration, and the program of copies."""
        self.write(configuration)
        haproxy = self._run(
            "-v", f"{self.sockets}:/run/flotilla-haproxy", "-v", f"{self.config}:/var/lib/flotilla/haproxy:ro",
            "-v", f"{self.certificates}:/etc/flotilla-certificates:ro", "--cap-add", "NET_BIND_SERVICE",
            "--entrypoint", "haproxy", self._image, "-W", "-db", "-S", "/run/flotilla-haproxy/master.sock",
            "-f", "/var/lib/flotilla/haproxy/haproxy.cfg",
        )  # fmt: skip
        self.haproxy = haproxy
        shape = "{{.NetworkSettings.IPAddress}}"
        self.ip = _docker("inspect", "-f", shape, haproxy).strip()
        self._run(
            "--network", f"container:{haproxy}", "-v", f"{COPIES}:/copies.py:ro", "--entrypoint", "python3",
            self._image, "/copies.py",
        )  # fmt: skip
        eventually(lambda: self._answers(7000) and self._answers(8080))

    def stop(self) -> None:
        if self._ids:
            _docker("rm", "-f", *reversed(self._ids))
        self._folder.cleanup()

    def _run(self, *argv: str) -> str:
        flags = ("--label", f"flotilla-test={self._label}", "--read-only", "--cap-drop", "ALL")
        self._ids.append(_docker("run", "-d", *flags, *argv).strip())
        return self._ids[-1]

    def _answers(self, port: int) -> bool:
        try:
            socket.create_connection((self.ip, port), 1).close()
        except OSError:
            return False
        return True

    def write(self, configuration: Configuration) -> None:
        (self.config / "haproxy.cfg").write_text(configuration.text)

    def copies(self, mode: str, *places: str) -> None:
        self._control("/control?mode=" + mode + "".join(f"&place={place}" for place in places))

    def seen(self) -> list[dict[str, Any]]:
        """The requests that copies got since the last time."""
        return json.loads(self._control("/seen"))

    def go(self) -> None:
        self._control("/go")

    def _control(self, target: str) -> bytes:
        with urllib.request.urlopen(f"http://{self.ip}:7000{target}", timeout=10) as answer:
            return answer.read()

    def ask(self, question: str, name: str = "haproxy.sock") -> str:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(20)
            link.connect(str(self.sockets / name))
            link.sendall(question.encode() + b"\n")
            link.shutdown(socket.SHUT_WR)
            answer = b""
            while data := link.recv(65536):
                answer += data
        return answer.decode()

    def running(self) -> Running:
        info, servers = self.ask(INFO), self.ask(SERVERS)
        asked = questions(running(info, servers))
        return running(info, servers, "\n".join(self.ask(each) for each in asked))

    def run(self, commands: Sequence[str]) -> list[str]:
        return [self.ask(command).strip() for command in commands]

    def reload(self) -> None:
        said = self.ask("reload", "master.sock")
        assert said.startswith("Success=1"), said

    def converge(self, configuration: Configuration, rounds: int = 200) -> list[str]:
        """What the gateway program does; says the commands. No reload is expected."""
        self.write(configuration)
        done: list[str] = []
        for _ in range(rounds):
            step = change(self.running(), configuration)
            if isinstance(step, Nothing) and not step.waiting:
                return done
            if isinstance(step, ByCommands):
                said = self.run(step.commands)
                failed = [text for text in said if text and "registered" not in text and "deleted" not in text]
                assert not failed, (step.commands, failed)
                done += step.commands
            else:
                assert isinstance(step, Nothing), step
            time.sleep(0.02)
        raise AssertionError(f"no end after {rounds} rounds: {done}")

    def statuses(self) -> dict[tuple[str, str], str]:
        rows = (line.split(",") for line in self.ask("show stat -1 4 -1").splitlines() if not line.startswith("#"))
        return {(row[0], row[1]): row[17] for row in rows if len(row) > 17}

    def log(self) -> list[dict[str, Any]]:
        text = _docker("logs", self.haproxy, merged=True)
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def inside(self, port: int, path: str) -> bytes:
        """The answer that a client on the machine itself gets."""
        program = (
            "import http.client,sys; c=http.client.HTTPConnection('127.0.0.1',int(sys.argv[1])); "
            "c.request('GET',sys.argv[2]); a=c.getresponse(); print(a.status, a.read().decode())"
        )
        return _docker("exec", self._ids[1], "python3", "-c", program, str(port), path).encode()

    def words(self) -> str:
        """Everything that HAProxy said."""
        return _docker("logs", self.haproxy, merged=True)


def raw(ip: str, *parts: bytes | Callable[[], object], port: int = 8080, timeout_s: float = 15) -> bytes:
    """Sends bytes as they are, calls what can be called in between, and gives the whole answer."""
    with socket.create_connection((ip, port), timeout_s) as link:
        for part in parts:
            if isinstance(part, bytes):
                link.sendall(part)
            else:
                part()
        answer = b""
        while data := link.recv(65536):
            answer += data
    return answer


def get(ip: str, path: str, *headers: str, port: int = 8080) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: any.example", "Connection: close", *headers]
    return raw(ip, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), port=port)


def post(ip: str, path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: any.example", "Connection: close", f"Content-Length: {len(body)}"]
    head = ("\r\n".join([*lines, *headers]) + "\r\n\r\n").encode()
    return raw(
        ip, head, lambda: time.sleep(0.05), body[: len(body) // 2], lambda: time.sleep(0.05), body[len(body) // 2 :]
    )


def _later() -> None:
    time.sleep(0.05)  # so that what follows comes in a packet of its own


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def told(answer: bytes) -> dict[str, Any]:
    """What a copy says of the request that it answered."""
    assert status_of(answer) == 200, answer[:300]
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def _docker(*argv: str, merged: bool = False) -> str:
    done = subprocess.run(
        ["docker", *argv], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT if merged else subprocess.PIPE
    )
    assert done.returncode == 0, (argv, done.stderr)
    return done.stdout.decode("utf-8")
