from onvif_bmff.jobs.sent_keys import SentRing as SentRing
from onvif_bmff.jobs.sources import StoreAddress as StoreAddress
from onvif_bmff.jobs.sources import StoreSource as StoreSource
from onvif_bmff.jobs.sources import check_can_travel as check_can_travel
from onvif_bmff.jobs.sources import opened as opened
from onvif_bmff.jobs.tasks import Shared as Shared
from onvif_bmff.jobs.tasks import Workers as Workers
from onvif_bmff.jobs.tasks import WorkersLostError as WorkersLostError
from onvif_bmff.jobs.validating import validate_by_workers as validate_by_workers

__all__ = [
    "SentRing",
    "Shared",
    "StoreAddress",
    "StoreSource",
    "Workers",
    "WorkersLostError",
    "check_can_travel",
    "opened",
    "validate_by_workers",
]
