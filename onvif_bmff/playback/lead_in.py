"""Where to begin reading for pictures that are shown before the key frame of their segment, as in open groups."""

from dataclasses import replace
from typing import TYPE_CHECKING

from onvif_bmff.errors import BoxError, MediaError, ObjectDamagedError, ObjectNotFoundError
from onvif_bmff.media.track import TrackType
from onvif_bmff.objects.extensions import media_in
from onvif_bmff.playback.recorded import RecordedSegment
from onvif_bmff.playback.seek import Seeker
from onvif_bmff.timing import UtcTime

if TYPE_CHECKING:
    from onvif_bmff.playback.selection import SpanPart

__all__ = ["reaching_back", "shown_before", "with_lead_in"]

_MOST = 1_000_000
"""Pictures are not shown longer (µs) before the key frame that precedes them: see ``first_shown``."""


def with_lead_in(part: "SpanPart", start: UtcTime | None, seeker: Seeker) -> "SpanPart":
    """Return a part of a span from the segment before on, if at its ``start`` pictures are shown that lead a key frame.

    They need pictures of the group before, which lies in that segment. Costs a request where ``start`` lies in the
    first second of a segment of pictures.

    Raises:
        StoreError: the store failed.
    """
    segments = part.span.segments
    if start is None or not part.first:
        return part
    before, segment = segments[part.first - 1], segments[part.first]
    passed = start.microseconds_since(segment.start)
    if not 0 <= passed < _MOST or before.key.counter + 1 != segment.key.counter:
        return part
    return replace(part, first=part.first - 1) if passed < shown_before(segment, seeker) else part


def reaching_back(part: "SpanPart", start: UtcTime) -> "SpanPart":
    """Return a part of a span from the segment on in which its ``start`` lies, if that is before the part."""
    segments, first = part.span.segments, part.first
    while first and segments[first].start > start:
        first -= 1
    return replace(part, first=first)


def shown_before(segment: RecordedSegment, seeker: Seeker) -> int:
    """Return how long pictures are shown before the key frame that a segment begins with, in microseconds.

    0 where there are no pictures, and where the segment cannot be read: who reads it says so.

    Raises:
        StoreError: the store failed.
    """
    if TrackType.VIDEO not in media_in(segment.key.extension):
        return 0
    try:
        return seeker.shown_before(segment)
    except (BoxError, MediaError, ObjectNotFoundError, ObjectDamagedError):
        return 0
