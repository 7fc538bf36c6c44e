"""Secrets from where the fleet file says they are: read here, written to the hosts over the input of a command, and
shown nowhere."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from flotilla.adapters.words import tail
from flotilla.domain.fleet import Service
from flotilla.domain.secret import FromCommand, FromEnvironment, FromFile, Secret, SecretSource
from flotilla.errors import OperatorError
from flotilla.operator import files
from flotilla.operator.world import World
from flotilla.remote import Machine, Workshop
from flotilla.rollout.layout import SECRETS_FOLDER, secret_path

COMMAND_S = 60.0
MODE = 0o444
"""For whatever user a container has; the folders above keep out everybody else on the host."""


class SecretUnreadable(OperatorError):
    """A secret cannot be had from its source."""


async def read(workshop: Workshop, folder: Path, source: SecretSource) -> Secret:
    """The secret of one source. Raises `SecretUnreadable`."""
    if isinstance(source, FromFile):
        return Secret(_file(folder / source.file.expanduser()))
    if isinstance(source, FromEnvironment):
        value = os.environ.get(source.env)
        if not value:
            raise SecretUnreadable(f"the variable {source.env} is not set here")
        return Secret(value)
    return await _command(workshop, source)


async def read_all(world: World, services: Iterable[Service]) -> tuple[dict[str, dict[str, Secret]], list[str]]:
    """The services' secrets by service and name, and a line for each that cannot be had."""
    found: dict[str, dict[str, Secret]] = {}
    problems = []
    for service in services:
        found[service.name] = {}
        for name, source in service.secrets.items():
            try:
                found[service.name][name] = await read(world.workshop, world.fleet.folder, source)
            except SecretUnreadable as error:
                problems.append(f"services.{service.name}.secrets.{name}: {error}")
    return found, problems


def digests(secrets: Mapping[str, Secret]) -> dict[str, str]:
    """What stands for the secrets where copies are compared."""
    return {name: hashlib.sha256(secret.reveal().encode()).hexdigest() for name, secret in secrets.items()}


async def write(machine: Machine, service: str, secrets: Mapping[str, Secret]) -> None:
    """Gives a host a service's secrets."""
    if not secrets:
        return
    await files.ensure_folders(machine, (files.Folder(f"{SECRETS_FOLDER}/{service}", "700"),))
    for name, secret in secrets.items():
        await machine.put(secret_path(service, name), secret.reveal().encode(), mode=MODE)


def _file(path: Path) -> str:
    try:
        text = path.read_text()
    except OSError as error:
        raise SecretUnreadable(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SecretUnreadable(f"{path} is not UTF-8") from error
    return _not_empty(text, str(path))


async def _command(workshop: Workshop, source: FromCommand) -> Secret:
    done = await workshop.run(source.command, deadline_s=COMMAND_S)
    if done.status:
        raise SecretUnreadable(f"{source.command[0]!r} ended with {done.status}: {tail(done.err)}")
    try:
        return Secret(_not_empty(done.out.decode(), repr(source.command[0])))
    except UnicodeDecodeError as error:
        raise SecretUnreadable(f"{source.command[0]!r} writes something that is not UTF-8") from error


def _not_empty(text: str, what: str) -> str:
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise SecretUnreadable(f"{what} is empty")
    return text
