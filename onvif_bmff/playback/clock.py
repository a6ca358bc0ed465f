"""Maps media times to UTC, by the key of a segment."""

from dataclasses import dataclass

from onvif_bmff.errors import MediaError
from onvif_bmff.playback.fragments import StoredFragment
from onvif_bmff.playback.header import SegmentHeader
from onvif_bmff.timing import UtcTime

__all__ = ["MediaClock", "first_presentation"]


@dataclass(frozen=True, slots=True)
class MediaClock:
    """Presentation time ``ticks`` (in units of 1/``timescale`` s) is the instant ``at``; one clock serves a span."""

    at: UtcTime
    ticks: int
    timescale: int

    def utc(self, ticks: int, timescale: int) -> UtcTime:
        """Return the instant of a presentation time in ticks of any timescale, truncated to microseconds."""
        return self.at.plus_ticks(ticks * self.timescale - self.ticks * timescale, timescale * self.timescale)

    def microseconds(self, ticks: int, timescale: int) -> int:
        """Return the same in microseconds since 1970, without leap seconds."""
        return self.at.microseconds + (ticks * self.timescale - self.ticks * timescale) * 1_000_000 // (
            timescale * self.timescale
        )

    def ticks_at(self, at: UtcTime, timescale: int) -> int:
        """Return the presentation time at an instant, in ticks of a timescale, rounded to the nearest."""
        elapsed = at.microseconds_since(self.at) * self.timescale + self.ticks * 1_000_000
        return (2 * elapsed * timescale + 1_000_000 * self.timescale) // (2 * 1_000_000 * self.timescale)


def first_presentation(header: SegmentHeader, fragment: StoredFragment, *, first_of_span: bool) -> tuple[int, int]:
    """Return the presentation time that the key of a segment states, as ticks and timescale. B.4.

    If the segment opens a span, that is the earliest first sample of all tracks in its first ``fragment``; otherwise
    the first sample of the leading track.

    Raises:
        MediaError: the fragment has no samples of playable tracks.
    """
    lead = header.lead
    times: list[tuple[int, int]] = []
    firsts = {part.track.track_id: part for part in reversed(fragment.parts) if part.sample_count}
    for track in header.tracks:
        part = firsts.get(track.track_id)
        if part is None:
            continue
        offsets = part.runs[0].composition_offset
        offset = offsets if isinstance(offsets, int) else offsets[0]
        found = (part.decode_time + track.presentation_shift + offset, track.timescale)
        if track is lead and not first_of_span:
            return found
        times.append(found)
    if not times:
        raise MediaError("the first fragment of the segment has no samples")
    earliest = times[0]
    for one in times[1:]:
        if one[0] * earliest[1] < earliest[0] * one[1]:
            earliest = one
    return earliest
