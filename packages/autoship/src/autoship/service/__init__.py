"""The service: what is done for whom, in which order. Single event loop; asks a `History`, knows no HTTP."""

from autoship.domain.settings import Settings
from autoship.service.autoship import Autoship
from autoship.service.intake import Counts, Intake, Line, Rejected

__all__ = ["Autoship", "Counts", "Intake", "Line", "Rejected", "Settings"]
