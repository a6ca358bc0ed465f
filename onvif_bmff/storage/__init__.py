"""Object stores: the only room that does input and output."""

from onvif_bmff._lazy import attach
from onvif_bmff.storage._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
