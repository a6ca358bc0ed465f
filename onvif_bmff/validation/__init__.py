"""Is a recording valid? The rules of annex B and of CMAF that can be checked in a store; see ``rules``."""

from onvif_bmff._lazy import attach
from onvif_bmff.validation._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
