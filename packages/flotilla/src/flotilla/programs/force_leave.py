"""Has a failed member be ``left``, by way of the Serf that runs in this container.

flotilla.programs.force_leave host-10.0.0.21
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from flotilla.adapters.serf.rpc import SerfRpc
from flotilla.adapters.serf.settings import CONFIG_FILE, rpc_of
from flotilla.errors import GossipError

RUN = Path("/run/flotilla")


def main(argv: Sequence[str] | None = None) -> int:
    """The program; its exit status."""
    parser = argparse.ArgumentParser(prog="flotilla.programs.force_leave", description="Has a failed member leave.")
    parser.add_argument("name", help="the member's name")
    name = parser.parse_args(argv).name
    try:
        rpc = SerfRpc(*rpc_of(RUN / CONFIG_FILE))
        asyncio.run(rpc.force_leave(name))
    except GossipError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
