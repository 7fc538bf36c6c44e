"""Services of tests in containers: their images, built from what lies here, and containers that end with the test."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import io
import json
import subprocess
import tarfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
EXAMPLES = HERE.parent.parent.parent / "examples"
FAULTY_DOCKERFILE = b"""\
FROM debian:trixie-slim
RUN apt-get update -qq \\
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 \\
    && rm -rf /var/lib/apt/lists/*
COPY faulty_service.py /
USER 65532
EXPOSE 8000
ENTRYPOINT ["python3", "-u", "/faulty_service.py"]
"""


def faulty_image(version: str = "1", name: str = "flotilla-test-faulty") -> str:
    """The image of `faulty_service`, which calls itself ``version``."""
    files = {"Dockerfile": FAULTY_DOCKERFILE, "faulty_service.py": (HERE / "faulty_service.py").read_bytes()}
    files["Dockerfile"] += f"ENV VERSION={version}\n".encode()
    return _build(name, version, files)


def example_image(language: str, version: str = "1.0.0") -> str:
    """The image of ``examples/LANGUAGE``."""
    folder = EXAMPLES / language
    files = {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}
    return _build(f"hello-{language}", version, files)


def _build(name: str, version: str, files: Mapping[str, bytes]) -> str:
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    digest = hashlib.sha256(repr((version, sorted(files.items()))).encode()).hexdigest()[:12]
    tag = f"{name}:{version}-{digest}"
    argv = ["docker", "build", "--quiet", "--build-arg", f"VERSION={version}", "--tag", tag, "-"]
    done = subprocess.run(argv, input=context.getvalue(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return tag


class Container:
    """A container that runs, and the address that it has on Docker's bridge."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.address = docker(
            "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name
        ).strip()

    def ask(
        self,
        path: str = "/",
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        port: int = 8000,
    ) -> tuple[int, bytes]:
        """One request over a connection of its own: status and body."""
        connection = http.client.HTTPConnection(self.address, port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read()

    def control(self, **faults: object) -> None:
        """Tells a faulty service what to do wrong from now on."""
        status, said = self.ask("/control", "POST", json.dumps(faults).encode())
        assert status == 200, said

    def counts(self) -> dict[str, int]:
        """What a faulty service did so far."""
        counted: dict[str, int] = json.loads(self.ask("/counts")[1])
        return counted

    def wait_healthy(self, path: str = "/healthz", seconds: float = 30) -> None:
        """Until the health path answers 200; AssertionError, with the log, where it never does."""
        wait_for(lambda: self._status(path) == 200, seconds, f"{self.name} is not healthy", self.log)

    def state(self) -> dict[str, Any]:
        """Docker's word on it: ``Running``, ``ExitCode``, ``OOMKilled``."""
        said: dict[str, Any] = json.loads(docker("inspect", "--format", "{{json .State}}", self.name))
        return said

    def wait_ended(self, seconds: float = 30) -> int:
        """Until it has ended; its exit status."""
        wait_for(lambda: not self.state()["Running"], seconds, f"{self.name} still runs", self.log)
        status: int = self.state()["ExitCode"]
        return status

    def log(self) -> str:
        """What it wrote."""
        done = subprocess.run(["docker", "logs", self.name], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def _status(self, path: str) -> int:
        try:
            return self.ask(path)[0]
        except OSError:
            return 0


@contextmanager
def container(
    image: str, options: Sequence[str] = (), env: Mapping[str, str] | None = None, arguments: Sequence[str] = ()
) -> Iterator[Container]:
    """Runs a container as a fleet does: its root is read-only, and it has no capabilities. Removes it at the end."""
    name = f"load-{uuid.uuid4().hex[:8]}"
    hardened = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    variables = [word for key, value in (env or {}).items() for word in ("--env", f"{key}={value}")]
    docker(
        "run",
        "--detach",
        "--name",
        name,
        "--label",
        "flotilla.test=load",
        *hardened,
        *variables,
        *options,
        image,
        *arguments,
    )
    try:
        yield Container(name)
    finally:
        docker("rm", "--force", "--volumes", name)


def docker(*words: str) -> str:
    """Runs ``docker``; what it says on stdout."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def wait_for(condition: Any, seconds: float, why: str, more: Any = lambda: "") -> None:
    """Until the condition is true; AssertionError where it is not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{why} after {seconds} s\n{more()}"
        time.sleep(0.02)
