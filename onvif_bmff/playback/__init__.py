"""What was recorded, and give it back. ONVIF Recording Control 25.12, Annex B, from the receiver's side."""

from onvif_bmff.playback.clock import MediaClock
from onvif_bmff.playback.export import ExportReport, export_movie
from onvif_bmff.playback.fragments import StoredFragment, read_fragments
from onvif_bmff.playback.header import SegmentHeader, read_header
from onvif_bmff.playback.hls import hls_playlists
from onvif_bmff.playback.listing import listing_prefixes
from onvif_bmff.playback.played import PlayedSample, PlayedTrack
from onvif_bmff.playback.recorded import (
    Gap,
    LostObjects,
    Overlap,
    RecordedSegment,
    RecordedSpan,
    SpanState,
)
from onvif_bmff.playback.samples import SampleReader
from onvif_bmff.playback.seek import Piece, Seeker, SeekPoint
from onvif_bmff.playback.segment import Segment, read_segment
from onvif_bmff.playback.selection import Selection, SpanPart, select
from onvif_bmff.playback.source import MemorySource, StoreSource
from onvif_bmff.playback.timeline import Timeline

__all__ = [
    "ExportReport",
    "Gap",
    "LostObjects",
    "MediaClock",
    "MemorySource",
    "Overlap",
    "Piece",
    "PlayedSample",
    "PlayedTrack",
    "RecordedSegment",
    "RecordedSpan",
    "SampleReader",
    "SeekPoint",
    "Seeker",
    "Segment",
    "SegmentHeader",
    "Selection",
    "SpanPart",
    "SpanState",
    "StoreSource",
    "StoredFragment",
    "Timeline",
    "export_movie",
    "hls_playlists",
    "listing_prefixes",
    "read_fragments",
    "read_header",
    "read_segment",
    "select",
]
