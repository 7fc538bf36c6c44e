"""Everything that flotilla raises on purpose.

FlotillaError
├── FleetFileError      the fleet file cannot be read, or has problems (all of them, each with its line)
├── HandedFileError     a file that `deploy` gave a host or a gateway cannot be read
├── GossipError         Serf cannot be reached, or refused
│   └── BrokenTags      a member's tags cannot be read, or a report cannot be put into tags
├── ProxyError          HAProxy cannot be reached, or refused a command
│   └── ConfigurationRefused   `haproxy -c` said no
├── RemoteError         a command on another machine failed, or the machine cannot be reached
└── LabError            the lab cannot be made, or is not there
"""

from __future__ import annotations


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


class RemoteError(FlotillaError):
    """A command on another machine failed, or the machine cannot be reached."""


class LabError(FlotillaError):
    """The lab cannot be made, or is not there."""
