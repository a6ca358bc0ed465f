"""How is a sample coded? One codec a folder, found by its sample entry; see ``registry``."""

from onvif_bmff._lazy import attach
from onvif_bmff.codecs._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
