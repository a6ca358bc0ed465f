"""What was recorded, and how is it played? ONVIF Recording Control 25.12, Annex B, from the receiver's side."""

from onvif_bmff._lazy import attach
from onvif_bmff.playback._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
