"""The engine: turns plans of the control service into targets and events of recorders."""

from onvif_bmff._lazy import attach
from onvif_bmff.engine._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
