"""The ONVIF recording control service (clause 5 and Annex A).

``RecordingService`` has one method for each operation; all structures are immutable dataclasses with the
schema's names in snake_case. Nothing here does input or output: the clock, randomness, persistence and the
resources of the device are passed in, and the engine that records reads its plans from the service
(``onvif_bmff.control.device_side``).
"""

from onvif_bmff._lazy import attach
from onvif_bmff.control._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
