"""What the fleet file comes to on machines, as values: the files that are handed out, the identity of a copy, and the
argv of every `docker run`. Touches nothing; who carries it out is `flotilla.operator`."""

from __future__ import annotations

from flotilla.rollout.copies import container_name, copy_argv, copy_digest, image_reference, runs_as_root
from flotilla.rollout.files import gateway_file, host_file
from flotilla.rollout.programs import agent_argv, gateway_argv, proxy_argv

__all__ = [
    "agent_argv",
    "container_name",
    "copy_argv",
    "copy_digest",
    "gateway_argv",
    "gateway_file",
    "host_file",
    "image_reference",
    "proxy_argv",
    "runs_as_root",
]
