"""Docker on a machine that is nowhere: as much of its command line as the operator's verbs use, over containers and
images in memory. Containers run from the moment that they are started until they are stopped."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from flotilla.remote import Done

FLAGS = {"--detach", "--init", "--read-only", "--interactive", "--force", "--quiet", "--all", "--no-trunc"}
"""Those without a value, of all commands."""


class MemoryContainer(msgspec.Struct, kw_only=True):
    """One container; ``argv`` is what started it, after ``docker run``."""

    name: str
    image: str
    labels: dict[str, str]
    argv: tuple[str, ...]
    state: str = "running"
    restarts: int = 0
    log: str = ""


class MemoryDocker:
    """Answers ``docker …``. ``images`` are ids and users by reference; ``execs`` answer ``docker exec`` by program;
    ``started`` and ``stopped`` are told of containers."""

    def __init__(self, images: dict[str, tuple[str, str]] | None = None) -> None:
        self.images = dict(images or {})
        self.containers: dict[str, MemoryContainer] = {}
        self.execs: dict[str, Callable[[Sequence[str], bytes], Done]] = {}
        self.registry: dict[str, tuple[str, str]] = {}
        self.started: Callable[[MemoryContainer], None] = lambda container: None
        self.stopped: Callable[[MemoryContainer], None] = lambda container: None
        self.runs = True

    def __call__(self, arguments: Sequence[str], stdin: bytes) -> Done:
        """Runs a command of Docker's."""
        if not self.runs:
            return Done(1, b"", b"Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?\n")
        words = list(arguments)
        if words[0] == "--config":
            words = words[2:]
        name = "_image_inspect" if words[:2] == ["image", "inspect"] else f"_{words[0]}"
        command: Callable[[list[str], bytes], Done] = getattr(self, name)
        return command(words[2 if name == "_image_inspect" else 1 :], stdin)

    def _version(self, words: list[str], stdin: bytes) -> Done:
        return Done(0, b"26.1.5\n")

    def _login(self, words: list[str], stdin: bytes) -> Done:
        return Done(0) if stdin else Done(1, b"", b"no password\n")

    def _pull(self, words: list[str], stdin: bytes) -> Done:
        reference = _split(words)[1][0]
        if reference not in self.registry:
            return Done(1, b"", f"manifest for {reference} not found\n".encode())
        self.images[reference] = self.registry[reference]
        return Done(0)

    def _load(self, words: list[str], stdin: bytes) -> Done:
        """What `_save` wrote."""
        for line in stdin.decode().splitlines():
            reference, identity, user = line.split("\t")
            self.images[reference] = (identity, user)
        return Done(0)

    def _save(self, words: list[str], stdin: bytes) -> Done:
        reference = words[0]
        return Done(0, "\t".join((reference, *self.images[reference])).encode())

    def _build(self, words: list[str], stdin: bytes) -> Done:
        reference = _split(words)[0]["--tag"][0]
        self.images[reference] = (f"sha256:{reference}", "flotilla")
        return Done(0)

    def _image_inspect(self, words: list[str], stdin: bytes) -> Done:
        flags, (reference,) = _split(words)
        if reference not in self.images:
            return Done(1, b"", f"Error: No such image: {reference}\n".encode())
        identity, user = self.images[reference]
        return Done(0, flags["--format"][0].replace("{{.Id}}", identity).replace("{{.Config.User}}", user).encode())

    def _run(self, words: list[str], stdin: bytes) -> Done:
        flags, (image, *_) = _split(words)
        name = flags["--name"][0]
        if name in self.containers:
            return Done(125, b"", f'docker: Conflict. The container name "/{name}" is already in use.\n'.encode())
        if image not in self.images and image not in {identity for identity, _ in self.images.values()}:
            return Done(125, b"", f"docker: Unable to find image {image!r} locally\n".encode())
        labels = dict(label.split("=", 1) for label in flags.get("--label", []))
        container = MemoryContainer(name=name, image=image, labels=labels, argv=tuple(words))
        self.containers[name] = container
        self.started(container)
        return Done(0, b"0123456789ab\n")

    def _ps(self, words: list[str], stdin: bytes) -> Done:
        template = _split(words)[0]["--format"][0]
        return Done(0, "".join(f"{_filled(template, one)}\n" for one in self.containers.values()).encode())

    def _inspect(self, words: list[str], stdin: bytes) -> Done:
        container = self.containers[_split(words)[1][0]]
        return Done(0, f"{container.restarts} {container.state} 1 false\n".encode())

    def _stop(self, words: list[str], stdin: bytes) -> Done:
        container = self.containers[_split(words)[1][0]]
        container.state = "exited"
        self.stopped(container)
        return Done(0)

    def _rm(self, words: list[str], stdin: bytes) -> Done:
        for name in _split(words)[1]:
            container = self.containers.pop(name, None)
            if container is not None and container.state == "running":
                self.stopped(container)
        return Done(0)

    def _logs(self, words: list[str], stdin: bytes) -> Done:
        return Done(0, b"", self.containers[_split(words)[1][0]].log.encode())

    def _exec(self, words: list[str], stdin: bytes) -> Done:
        _, (_, _, _, program, *rest) = _split(words)
        return self.execs[program](rest, stdin)


def _split(words: list[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Flags with their values, and what comes after them."""
    flags: dict[str, list[str]] = {}
    place = 0
    while place < len(words) and words[place].startswith("-") and words[place] != "-":
        if words[place] in FLAGS:
            place += 1
            continue
        flags.setdefault(words[place], []).append(words[place + 1])
        place += 2
    return flags, words[place:]


def _filled(template: str, container: MemoryContainer) -> str:
    text = template.replace("{{.Names}}", container.name).replace("{{.State}}", container.state)
    text = text.replace("{{.Image}}", container.image)
    return re.sub(r'\{\{\.Label "([^"]+)"\}\}', lambda found: container.labels.get(found[1], ""), text)
