"""What a verb needs: the fleet that should be, the machines, the operator's own, and who is told of progress."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from flotilla.domain.fleet import Fleet
from flotilla.remote import Machine, Machines, Workshop


class Voice(Protocol):
    """Is told of progress while a verb works."""

    def say(self, machine: str, text: str) -> None:
        """Something was done, or begins, on a machine; with an empty ``machine`` on all or none of them."""

    def amount(self, machine: str, what: str, count: int) -> None:
        """So many bytes of something have been sent so far."""


class World(NamedTuple):
    """All that a verb works with."""

    fleet: Fleet
    machines: Machines
    workshop: Workshop
    voice: Voice

    def at(self, address: str) -> Machine:
        """The machine of this address."""
        return self.machines.at(address)

    def say(self, machine: str, text: str) -> None:
        """Tells of progress."""
        self.voice.say(machine, text)


class Silence:
    """A voice that says nothing."""

    def say(self, machine: str, text: str) -> None:
        """Says nothing."""

    def amount(self, machine: str, what: str, count: int) -> None:
        """Says nothing."""
