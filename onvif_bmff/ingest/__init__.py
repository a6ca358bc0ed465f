"""Where do samples come from? MP4 files on disk as timed samples, and sources that pace or repeat them.

The room reads files; everything that only needs bytes is in ``media``.
"""

from onvif_bmff._lazy import attach
from onvif_bmff.ingest._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
