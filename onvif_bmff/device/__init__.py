"""A whole device in one process: the recording service with sources, stores, threads and a clock.

``RecordingDevice`` records what its service decides, from files that behave like cameras or from any other
``SampleSource``, into any ``ObjectStore``.
"""

from onvif_bmff._lazy import attach
from onvif_bmff.device._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
