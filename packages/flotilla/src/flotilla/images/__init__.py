"""What goes into the images of the agent and of the gateway: the build context as bytes, the same for the same
sources."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
IN_CONTAINERS = ("__init__.py", "errors.py", "ports.py", "adapters", "agent", "domain", "gateway", "programs")

PROXIES = tuple(
    word
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    for word in ("--build-arg", name)
)
"""Hands the proxies of whoever builds to what is run in the build; those that are not set, not."""


class Target(StrEnum):
    """The images that there are, and the Dockerfile's stage of each."""

    AGENT = "agent"
    GATEWAY = "gateway"


def context() -> bytes:
    """The build context, an uncompressed tar: equal sources give equal bytes."""
    files = {"Dockerfile": PACKAGE / "images" / "Dockerfile"}
    for name in IN_CONTAINERS:
        path = PACKAGE / name
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                files[f"flotilla/{file.relative_to(PACKAGE)}"] = file
    return archive(files)


def archive(files: Mapping[str, Path]) -> bytes:
    """The files under these names as an uncompressed tar, with neither times nor owners."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, file in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = file.stat().st_size
            entry.mode = 0o644
            with file.open("rb") as content:
                tar.addfile(entry, content)
    return out.getvalue()


def revision() -> str:
    """Twelve hexadecimal digits of the sources' digest: images with equal ones do the same."""
    return hashlib.sha256(context()).hexdigest()[:12]


def image_name(target: Target) -> str:
    """The image's name with its tag, which changes with the sources."""
    return f"flotilla-{target}:{version('flotilla')}-{revision()}"


def build_argv(target: Target) -> tuple[str, ...]:
    """The command that builds an image from `context` on its standard input."""
    labels = ("--build-arg", f"VERSION={version('flotilla')}", "--build-arg", f"REVISION={revision()}")
    return ("docker", "build", "--quiet", "--target", target, "--tag", image_name(target), *PROXIES, *labels, "-")
