"""Where does a segment start and end? Fragments, segments, spans and the recorder; see ``recorder``."""

from onvif_bmff._lazy import attach
from onvif_bmff.recording._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
