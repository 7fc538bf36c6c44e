"""The service: what is done for whom, in which order. Single event loop; asks a `History`, knows no HTTP."""

from autoship.service.autoship import Autoship
from autoship.service.counters import Counters
from autoship.service.intake import Counts, Intake, Line, Rejected
from autoship.service.settings import Settings

__all__ = ["Autoship", "Counters", "Counts", "Intake", "Line", "Rejected", "Settings"]
