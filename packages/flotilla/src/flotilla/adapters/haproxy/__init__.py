"""HAProxy over its two sockets: the worker's runtime API and the master's."""

from flotilla.adapters.haproxy.proxy import Haproxy

__all__ = ["Haproxy"]
