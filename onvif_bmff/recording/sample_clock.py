"""Timestamps as sources deliver them → decode times and durations that a fragment can hold.

What comes in, and what becomes of it (``docs/time.md`` has the reasons):

===========================  =========================================================================
a sample without duration    lasts until the next one; the last one as long as the one before it
a duration that does not     the next sample's decode time wins
lead to the next sample
equal or earlier time, less  decode time becomes one tick after its predecessor's, presentation time stays;
than ``max_gap`` back        nothing is dropped
earlier time, farther back;  the source started anew: time goes on from the end of the sample before, and a
more than a day ahead        gap is reported
ahead by more than           a gap is reported; the sample before it keeps its own duration. Metadata has no
``max_gap``                  gaps: a document lasts until the next
wrap of the counter          continues, where ``timestamp_bits`` says how wide the source's counter is
===========================  =========================================================================
"""

from dataclasses import dataclass
from fractions import Fraction

from onvif_bmff.media.track import Sample

__all__ = ["SampleClock", "SharedShift"]

_LONGEST = (1 << 32) - 1
_DAY = 86_400


@dataclass(slots=True)
class SharedShift:
    """Seconds by which restarted sources are moved; shared by the tracks of a recording so that they stay in step."""

    seconds: Fraction | None = None


class SampleClock:
    """The timestamps of one track. Holds one sample back, whose duration the next one tells.

    ``push`` takes a sample and returns the one before it, ready to be stored; ``flush`` returns the last one.
    ``gap`` tells whether the sample that ``push`` returned last came after a gap.
    """

    __slots__ = (
        "_gap_next",
        "_half",
        "_held",
        "_last_duration",
        "_last_raw",
        "_max_gap",
        "_shared",
        "_shift",
        "_sparse",
        "_timescale",
        "gap",
    )

    def __init__(
        self,
        timescale: int,
        *,
        sparse: bool = False,
        max_gap: Fraction = Fraction(10),
        timestamp_bits: int | None = None,
        shared: SharedShift | None = None,
    ) -> None:
        self._timescale = timescale
        self._sparse = sparse
        self._max_gap = int(max_gap * timescale)
        self._half = 0 if timestamp_bits is None else 1 << (timestamp_bits - 1)
        self._shared = shared or SharedShift()
        self._held: Sample | None = None
        self._last_duration = 0
        self._last_raw = 0
        self._shift = 0
        self._gap_next = False
        self.gap = False

    def push(self, sample: Sample) -> Sample | None:
        """Take the next sample; return the one before it with its final decode time and duration."""
        held = self._held
        if self._half:
            sample = self._unwrapped(sample)
        if self._shift:
            sample = _moved(sample, sample.decode_time + self._shift)
        if held is None:
            self._held = sample
            return None
        delta = sample.decode_time - held.decode_time
        gap_next = False
        if delta != held.duration or delta <= 0 or delta > self._max_gap:
            if delta <= 0:
                if -delta > self._max_gap:
                    sample, gap_next = self._restarted(held, sample), True
                    delta = held.duration or self._nominal()
                else:
                    sample = _nudged(sample, held.decode_time + 1)
                    delta = 1
            elif (
                delta > self._max_gap
                and delta > held.duration
                and not (self._sparse and delta <= min(_LONGEST, _DAY * self._timescale))
            ):
                gap_next = True
                delta = held.duration or self._nominal()
                if sample.decode_time - held.decode_time > _DAY * self._timescale:
                    sample = self._restarted(held, sample)
            if delta != held.duration:
                held = Sample(held.track_id, held.decode_time, delta, held.data, held.sync, held.composition_offset)
        self._last_duration = delta
        self._held = sample
        self.gap, self._gap_next = self._gap_next, gap_next
        return held

    def flush(self) -> Sample | None:
        """Return the sample that is held back, lasting as long as it says or as long as the one before it."""
        held, self._held = self._held, None
        if held is None:
            return None
        self.gap, self._gap_next = self._gap_next, False
        duration = held.duration or self._nominal()
        if duration != held.duration:
            held = Sample(held.track_id, held.decode_time, duration, held.data, held.sync, held.composition_offset)
        return held

    @property
    def held_time(self) -> int | None:
        """Decode time of the sample that is held back."""
        return None if self._held is None else self._held.decode_time

    def _nominal(self) -> int:
        """A duration for a sample that nothing follows."""
        return self._last_duration or max(self._timescale // 25, 1)

    def _unwrapped(self, sample: Sample) -> Sample:
        modulus = self._half * 2
        raw = sample.decode_time
        if self._held is None and not self._last_duration:
            self._last_raw = raw
            return sample
        time = self._last_raw + (raw - self._last_raw + self._half) % modulus - self._half
        self._last_raw = time
        return sample if time == raw else _moved(sample, time)

    def _restarted(self, held: Sample, sample: Sample) -> Sample:
        """Move a source that started anew to where the track ended; tracks that restart together stay in step."""
        end = held.decode_time + (held.duration or self._nominal())
        raw = sample.decode_time - self._shift
        if self._shared.seconds is not None:
            shift = int(self._shared.seconds * self._timescale)
            if 0 <= raw + shift - held.decode_time <= max(self._max_gap, 1) and shift != self._shift:
                self._shift = shift
                return _moved(sample, max(raw + shift, held.decode_time + 1))
        self._shift = end - raw
        self._shared.seconds = Fraction(self._shift, self._timescale)
        return _moved(sample, end)


def _moved(sample: Sample, time: int) -> Sample:
    return Sample(sample.track_id, time, sample.duration, sample.data, sample.sync, sample.composition_offset)


def _nudged(sample: Sample, time: int) -> Sample:
    offset = sample.composition_offset + sample.decode_time - time
    return Sample(sample.track_id, time, sample.duration, sample.data, sample.sync, offset)
