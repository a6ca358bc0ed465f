"""Media time ↔ UTC: the relation that the key of a segment defines. ONVIF Recording Control 25.12, B.4.

Integer arithmetic throughout, so that the end of a segment and the start of the next one are the same number.
"""

from dataclasses import dataclass

from onvif_bmff.timing import UtcTime

__all__ = ["MediaClock"]


@dataclass(frozen=True, slots=True)
class MediaClock:
    """Media time ``ticks`` (of ``timescale`` a second) happens ``at``; all tracks of a span share it.

    A recorder computes all object keys of an activation from one; a reader makes one from the key of a segment.
    """

    at: UtcTime
    ticks: int
    timescale: int

    def utc(self, ticks: int, timescale: int) -> UtcTime:
        """Return the instant of a media time in ticks of any timescale, cut off to the microsecond."""
        return self.at.plus_ticks(ticks * self.timescale - self.ticks * timescale, timescale * self.timescale)

    def microseconds(self, ticks: int, timescale: int) -> int:
        """Return the instant as microseconds since 1970, not counting leap seconds."""
        return self.at.microseconds + (ticks * self.timescale - self.ticks * timescale) * 1_000_000 // (
            timescale * self.timescale
        )

    def ticks_at(self, at: UtcTime, timescale: int) -> int:
        """Return the media time at an instant, in ticks of a timescale, rounded to the nearest."""
        elapsed = at.microseconds_since(self.at) * self.timescale + self.ticks * 1_000_000
        return (2 * elapsed * timescale + 1_000_000 * self.timescale) // (2 * 1_000_000 * self.timescale)
