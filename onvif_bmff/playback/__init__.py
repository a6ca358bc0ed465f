"""What was recorded, and give it back. ONVIF Recording Control 25.12, Annex B, from the receiver's side."""

from onvif_bmff.playback.listing import listing_prefixes
from onvif_bmff.playback.recorded import (
    Gap,
    LostObjects,
    Overlap,
    RecordedSegment,
    RecordedSpan,
    SpanState,
)
from onvif_bmff.playback.timeline import Timeline

__all__ = [
    "Gap",
    "LostObjects",
    "Overlap",
    "RecordedSegment",
    "RecordedSpan",
    "SpanState",
    "Timeline",
    "listing_prefixes",
]
