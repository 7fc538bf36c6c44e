"""Other machines over OpenSSH's own client, with one connection each."""

from flotilla.adapters.ssh.machine import SshMachine
from flotilla.adapters.ssh.machines import SshMachines, ssh_machines

__all__ = ["SshMachine", "SshMachines", "ssh_machines"]
