"""Names and attributes of stored objects. ONVIF Recording Control 25.12, B.4, B.5 and B.9."""

from onvif_bmff._lazy import attach
from onvif_bmff.objects._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
