"""Where the counter of a source lies on the time line of its recording."""

from dataclasses import dataclass
from fractions import Fraction

from onvif_bmff.media.track import Sample, moved
from onvif_bmff.recording.clock_parts import ClockLimits, Positioned, SharedTime, WrappingCounter
from onvif_bmff.recording.timing_faults import TimingFault

__all__ = ["SourceLine"]


@dataclass(slots=True, eq=False)
class SourceLine:
    """How stamps of one track become times: without the wraps of its ``counter``, ``shift`` ticks later.

    A source that starts anew, or whose clock is set, is moved; ``shared`` knows by how much others were.
    """

    limits: ClockLimits
    shared: SharedTime
    counter: WrappingCounter | None = None
    shift: int = 0

    def source_time(self, time: Fraction) -> Fraction:
        """Return seconds as the source counts them now as seconds of the time line."""
        timescale = self.limits.timescale
        wrapped = 0 if self.counter is None else self.counter.wrapped_until(time * timescale)
        return time + Fraction(self.shift + wrapped, timescale)

    def unwrapped(self, time: int) -> int:
        """Return where the counter is near its last time, moved."""
        if self.counter is not None and self.counter.last is not None:
            time = self.counter.nearest(time, self.counter.last)
        return time + self.shift

    def reach(self, time: int) -> None:
        """Note a time up to which wraps are certain."""
        if self.counter is not None and self.counter.last is not None:
            self.counter.last = time - self.shift

    def along(self, sample: Sample, by: int) -> Sample:
        """Return a sample that is moved by so many ticks, and what comes after it will be."""
        self.shift += by
        return moved(sample, sample.decode_time + by)

    def restart(self, sample: Sample, place: int, earliest: int, limit: int, *, even: bool) -> None:
        """Put the first sample of a source whose clock was set at its place, and those after it behind it.

        Tracks whose clocks were set together stay in step, as long as that puts it at ``earliest`` or up to ``limit``
        ticks later. Sparse media tell no other track. Where stamps are not ``even`` it is not certain that one was set.
        """
        timescale, raw, by = self.limits.timescale, sample.decode_time - self.shift, self.shared.shift
        if by is not None:
            shift = int(by * timescale)
            if shift != self.shift and 0 <= raw + shift - earliest <= limit:
                place = raw + shift
        if even and not self.limits.bounds.sparse:
            self.shared.note_step(sample, place, timescale)
        self.shift = place - raw
        sample.decode_time = place
        if not self.limits.bounds.sparse:
            self.shared.shift, self.shared.shifted = Fraction(self.shift, timescale), Fraction(place, timescale)

    def in_step(self, clock: Positioned, sample: Sample, earliest: int, limit: int) -> Sample:
        """Move a sample as others were whose clock was set while this track was silent, if that is its clock, too."""
        if self.limits.bounds.sparse:
            return sample
        by = self.shared.in_step(clock, sample.decode_time, earliest, limit, self.limits.timescale)
        if not by:
            return sample
        self.shared.counted[TimingFault.DISCONTINUITY] += 1
        return self.along(sample, by)
