"""Everything that flotilla raises on purpose.

FlotillaError
├── FleetFileError      the fleet file cannot be read, or has problems (all of them, each with its line)
├── HandedFileError     a file that `deploy` gave a host or a gateway cannot be read
├── GossipError         Serf cannot be reached, or refused
│   └── BrokenTags      a member's tags cannot be read, or a report cannot be put into tags
├── ProxyError          HAProxy cannot be reached, or refused a command
│   └── ConfigurationRefused   `haproxy -c` said no
├── StoreError          a program cannot write into its own folder
├── RemoteError         a command on another machine failed, or the machine cannot be reached
│   ├── Unreachable     no connection to it, or the connection was lost in the middle of a command
│   ├── CommandFailed   a command on it ended with another status than 0
│   └── CommandTooSlow  a command on it did not end in time
├── RemoteErrors        several machines each have one
├── OperatorError       a verb cannot do its work
│   ├── ChecksFailed    what is looked at before anything is changed is not as it must be: all of it at once
│   ├── Stopped         a verb stopped in the middle; the text says in which state
│   ├── NotInTime       what a verb waits for did not come
│   └── Refused         a verb will not do what it was asked, and says why
└── LabError            the lab cannot be made, or is not there
"""

from __future__ import annotations

from collections.abc import Sequence


class FlotillaError(Exception):
    """The base of all errors that flotilla raises on purpose; its text is for people."""


class FleetFileError(FlotillaError):
    """The fleet file cannot be read, or has problems; ``problems`` has a line of text for each."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class HandedFileError(FlotillaError):
    """A file that ``deploy`` gave a host or a gateway cannot be read."""


class GossipError(FlotillaError):
    """Serf cannot be reached, or refused what it was asked."""


class BrokenTags(GossipError):
    """A member's tags are no report, or a report cannot be put into tags; the text says which and why."""


class ProxyError(FlotillaError):
    """HAProxy cannot be reached, or refused a command."""


class ConfigurationRefused(ProxyError):
    """HAProxy refuses a configuration; the text is what it says of it."""


class StoreError(FlotillaError):
    """A program cannot read or write its own folder: the disk is full, say."""


class RemoteError(FlotillaError):
    """A command on another machine failed, or the machine cannot be reached. ``machine`` is its address."""

    def __init__(self, machine: str, text: str) -> None:
        super().__init__(f"{machine}: {text}")
        self.machine = machine
        self.text = text


class Unreachable(RemoteError):
    """No connection to the machine, or it was lost in the middle of a command. The text says what mends it."""


class CommandFailed(RemoteError):
    """A command ended with another status than 0. ``said`` is the tail of what it wrote."""

    def __init__(self, machine: str, command: str, status: int, said: str, mend: str = "") -> None:
        text = f"{command!r} ended with {status}" + (f": {said}" if said else ", without a word")
        super().__init__(machine, text + (f"\n{mend}" if mend else ""))
        self.command = command
        self.status = status
        self.said = said


class CommandTooSlow(RemoteError):
    """A command did not end in time. On the machine it may still run."""


class RemoteErrors(FlotillaError):
    """Several machines each have a problem; the text has all of them."""

    def __init__(self, errors: Sequence[FlotillaError]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = tuple(errors)


class OperatorError(FlotillaError):
    """A verb cannot do its work."""


class ChecksFailed(OperatorError):
    """What is looked at before anything is changed is not as it must be; the text has a line for each problem."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Stopped(OperatorError):
    """A verb stopped in the middle; the text says why, and in which state."""


class NotInTime(OperatorError):
    """What a verb waits for did not come in time."""


class Refused(OperatorError):
    """A verb will not do what it was asked; the text says why, and what to do instead."""


class LabError(FlotillaError):
    """The lab cannot be made, or is not there."""
