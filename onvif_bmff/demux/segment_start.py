"""Which sample names a segment. ONVIF Recording Control 25.12, B.4."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from onvif_bmff.errors import MediaError

if TYPE_CHECKING:
    from onvif_bmff.demux.fragment_samples import TrackFragment

__all__ = ["first_presentation"]


def first_presentation(parts: Iterable["TrackFragment"], lead_id: int, *, first_of_span: bool) -> tuple[int, int]:
    """Return the presentation time to which the key of a segment belongs, as ticks and timescale.

    ONVIF Recording Control 25.12, B.4: that of the sample which is presented first in the segment's first fragment,
    ``parts``; of all tracks if the segment opens a span, otherwise of the leading one.

    Raises:
        MediaError: no part has a sample.
    """
    earliest: tuple[int, int] | None = None
    for part in parts:
        if part.sample_count:
            found = (part.earliest_presentation, part.track.timescale)
            if part.track.track_id == lead_id and not first_of_span:
                return found
            if earliest is None or found[0] * earliest[1] < earliest[0] * found[1]:
                earliest = found
    if earliest is None:
        raise MediaError("the first fragment of the segment has no samples")
    return earliest
