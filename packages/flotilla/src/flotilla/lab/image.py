"""The image of a lab's machines: what goes into it, its name, and the command that builds it."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

from flotilla.images import PROXIES, archive

FOLDER = Path(__file__).parent / "machine"


def context() -> bytes:
    """The build context, an uncompressed tar: equal sources give equal bytes."""
    return archive({file.name: file for file in sorted(FOLDER.iterdir()) if file.is_file()})


def revision() -> str:
    """Twelve hexadecimal digits of the sources' digest."""
    return hashlib.sha256(context()).hexdigest()[:12]


def image_name() -> str:
    """The image's name with its tag, which changes with the sources."""
    return f"flotilla-lab-machine:{version('flotilla')}-{revision()}"


def build_argv() -> tuple[str, ...]:
    """The ``docker`` command that builds the image from `context` on its standard input."""
    labels = ("--build-arg", f"VERSION={version('flotilla')}", "--build-arg", f"REVISION={revision()}")
    return ("build", "--quiet", "--tag", image_name(), *PROXIES, *labels, "-")
