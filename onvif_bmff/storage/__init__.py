"""Where do the objects lie? The only room that reads and writes anything."""

from onvif_bmff._lazy import attach
from onvif_bmff.storage._names import NAMES

__getattr__, __dir__, __all__ = attach(__name__, NAMES)
