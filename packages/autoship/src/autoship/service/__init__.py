"""The service: what is done for whom, in which order. Single event loop; asks a `History`, knows no HTTP."""

from autoship.domain.settings import Settings
from autoship.service.autoship import Autoship
from autoship.service.counters import Counters
from autoship.service.intake import Counts, Intake, Line, Rejected
from autoship.service.told import Compared, CustomerPage, ListedCustomer, OneOrder, compared

__all__ = [
    "Autoship",
    "Compared",
    "Counters",
    "Counts",
    "CustomerPage",
    "Intake",
    "Line",
    "ListedCustomer",
    "OneOrder",
    "Rejected",
    "Settings",
    "compared",
]
