"""Serf: its agent as a child of this process, and its RPC."""

from flotilla.adapters.serf.process import SerfProcess
from flotilla.adapters.serf.rpc import Keys, SerfRpc
from flotilla.adapters.serf.settings import SerfSettings

__all__ = ["Keys", "SerfProcess", "SerfRpc", "SerfSettings"]
