"""What the fixture `make_history` is."""

from __future__ import annotations

from collections.abc import Callable

from autoship.ports import History

MakeHistory = Callable[..., History]
