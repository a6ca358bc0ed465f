"""Who asked us to record: the ONVIF recording control service (clause 5 and Annex A), thin and typed.

`RecordingService` has one method for each operation; all structures are immutable dataclasses with the
schema's names in snake_case. Nothing here does input or output: the clock, randomness, persistence and what
the device offers are handed in, and the engine that records asks the service what to do
(`onvif_bmff.control.engine_side`).
"""

from onvif_bmff._lazy import attach
from onvif_bmff.control._names import NAMES

__getattr__, __dir__, __all__ = attach(__name__, NAMES)
