"""Where to begin reading for pictures that are shown before the key frame of their segment, as in open groups."""

from dataclasses import replace
from typing import TYPE_CHECKING

from onvif_bmff.errors import BoxError, MediaError, ObjectNotFoundError
from onvif_bmff.media.track import TrackType
from onvif_bmff.objects.extensions import media_in
from onvif_bmff.playback.seek import Seeker
from onvif_bmff.timing import UtcTime

if TYPE_CHECKING:
    from onvif_bmff.playback.selection import SpanPart

__all__ = ["with_lead_in"]

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
    if start is None or not part.first or TrackType.VIDEO not in media_in(part.span.extension):
        return part
    before, segment = segments[part.first - 1], segments[part.first]
    passed = start.microseconds_since(segment.start)
    if not 0 <= passed < _MOST or before.key.counter + 1 != segment.key.counter:
        return part
    try:
        is_led = passed < seeker.shown_before(segment)
    except (BoxError, MediaError, ObjectNotFoundError):
        return part  # who reads it says so
    return replace(part, first=part.first - 1) if is_led else part
