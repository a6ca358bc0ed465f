"""What is a sample? Samples, tracks, and what a codec has to know; see ``track`` and ``codec``."""

from onvif_bmff._lazy import attach
from onvif_bmff.media._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
