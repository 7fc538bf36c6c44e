"""The measure of truth: past orders walked in time, each predicted before its outcome is revealed. No I/O, no clock."""

from autoship.replay.baselines import BaselineKey, baselines
from autoship.replay.outcome import Outcome
from autoship.replay.summary import Summary, summarise
from autoship.replay.walk import newest, walk

__all__ = ["BaselineKey", "Outcome", "Summary", "baselines", "newest", "summarise", "walk"]
