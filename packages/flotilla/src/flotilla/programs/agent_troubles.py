"""What is wrong with the agent's surroundings now: each trouble is said once when it begins or changes, and once when
it is over."""

from __future__ import annotations

from flotilla.adapters import log


class Troubles:
    """``now`` has words for each thing that is in trouble."""

    def __init__(self) -> None:
        self.now: dict[str, str] = {}

    def set(self, about: str, words: str | None) -> None:
        """It is in trouble, or (None) no more."""
        before = self.now.get(about)
        if words is None:
            if self.now.pop(about, None) is not None:
                log.say("mended", what=about)
        elif words != before:
            self.now[about] = words
            log.say("trouble", what=about, why=words)
