"""The lab: the topology of production on one machine, each host a container with an engine and sshd of its own.

`Lab` makes it, finds it again, and makes the faults; `layout` decides names, addresses and commands without doing
anything; `engine` runs ``docker``. What is known of a lab is in Docker's labels, so that any command finds it again
after any crash.
"""

from flotilla.lab.lab import Condition, Lab
from flotilla.lab.layout import Layout, Machine
from flotilla.lab.removal import down, labs

__all__ = ["Condition", "Lab", "Layout", "Machine", "down", "labs"]
