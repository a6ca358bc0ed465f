"""Where do the samples of a file lie? Sample tables and track fragments, with a budget for hostile files."""

from onvif_bmff._lazy import attach
from onvif_bmff.demux._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
