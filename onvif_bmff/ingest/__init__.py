"""Where do samples come from? MP4 files on disk as timed samples, and sources that pace or repeat them.

The room reads files; everything that only needs bytes is in ``media``.
"""

from onvif_bmff.ingest.mp4 import Fragment, FragmentStage, Mp4Input, open_mp4
from onvif_bmff.ingest.pacing import loop_samples, pace_samples

__all__ = ["Fragment", "FragmentStage", "Mp4Input", "loop_samples", "open_mp4", "pace_samples"]
