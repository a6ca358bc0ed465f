"""Requests and answers of the segment operations of release 26.06."""

from dataclasses import dataclass

from onvif_bmff.control.types.common import NO_EXTENSIONS, Extensions
from onvif_bmff.timing import UtcTime

__all__ = ["DateTimeRange", "RecordedSegmentItem", "SegmentListResult"]


@dataclass(frozen=True, slots=True)
class DateTimeRange:
    """tt:DateTimeRange: from an instant (``From``) until another, which is no part of it."""

    from_: UtcTime
    until: UtcTime
    extensions: Extensions = NO_EXTENSIONS


@dataclass(frozen=True, slots=True)
class RecordedSegmentItem:
    """A whole segment that can be exported.

    Args:
        start_time: its first instant.
        end_time: the first instant after it.
        media_type: as in RFC 6381, such as ``video/mp4; codecs="avc1.64001f"``.
        extensions: further elements and attributes.
    """

    start_time: UtcTime
    end_time: UtcTime
    media_type: str
    extensions: Extensions = NO_EXTENSIONS


@dataclass(frozen=True, slots=True)
class SegmentListResult:
    """Answer of ListRecordedSegments: segments in the order of their starts.

    With ``has_more_results``, the client requests the rest with ``From`` set to the last end in ``segment``.
    """

    segment: tuple[RecordedSegmentItem, ...]
    has_more_results: bool
