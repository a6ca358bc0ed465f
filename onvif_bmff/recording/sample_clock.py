"""Timestamps as sources deliver them → decode times and durations that a fragment can hold.

What comes in, and what becomes of it (``docs/time.md`` has the reasons):

===========================  =========================================================================
a sample without duration    lasts until the next one; the last one as long as the one before it (of
                             sparse media, at most a second)
a duration that does not     the next sample's decode time wins
lead to the next sample
equal or earlier time, less  decode time becomes one tick after its predecessor's; a sync sample's
than ``max_gap`` back        presentation moves along, any other's stays; nothing is dropped
earlier time, farther back;  the source started anew: time goes on from the end of the sample before, and a
more than a day ahead        gap is reported
ahead by more than           a gap is reported; the sample before it keeps its own duration. Sparse media
``max_gap``                  have no gaps: a document lasts until the next
wrap of the counter          continues, where ``timestamp_bits`` says how wide the source's counter is
a sync sample presented      is presented together with that one
before an earlier one
a duration that the file     counts as unknown, and a pause that long as a gap
cannot hold
such a composition offset,   ``MediaError``; the sample is refused, and nothing else happens
or such a first time
a sample without bytes       is left out; the one before it lasts as much longer (not a document of sparse media)
===========================  =========================================================================
"""

from dataclasses import dataclass, field
from fractions import Fraction

from onvif_bmff.errors import MediaError
from onvif_bmff.media.track import Sample

__all__ = ["NEVER", "SampleClock", "SharedTime"]

NEVER = -1 << 80
"""Earlier than any decode time."""

_MAX_DURATION = (1 << 32) - 1
_MAX_TIME = 1 << 41
"""Seconds from 0 that media time may begin at, whatever its epoch; what is farther is no time."""
_DAY = 86_400


@dataclass(slots=True)
class SharedTime:
    """What the clocks of a recording know in common, so that its tracks stay in step.

    ``shift`` is the seconds by which a source that started anew is moved; ``first`` the first timestamp of any track
    by timescale, from which the wraps of all counters of that timescale are counted.
    """

    shift: Fraction | None = None
    first: dict[int, int] = field(default_factory=dict)


class SampleClock:
    """The timestamps of one track. Holds one sample back, whose duration the next one tells.

    ``push`` takes a sample and returns the one before it, ready to be stored; ``flush`` returns the last one.
    ``gap`` tells whether the sample that was returned last came after a gap. ``longest`` is the most ticks that a
    sample may last; ``sparse`` media may pause for a day.
    """

    __slots__ = (
        "_back",
        "_farthest",
        "_gap_next",
        "_half",
        "_held",
        "_last_duration",
        "_last_raw",
        "_left_out",
        "_longest",
        "_longest_pause",
        "_max_gap",
        "_released",
        "_shared",
        "_shift",
        "_sparse",
        "_sync_presented",
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
        shared: SharedTime | None = None,
        longest: int = _MAX_DURATION,
    ) -> None:
        self._timescale = timescale
        self._sparse = sparse
        self._farthest = _MAX_TIME * timescale
        self._longest = longest
        self._max_gap = min(max(int(max_gap * timescale), 1), longest)
        self._back = longest // 8  # so that the offset of a sample that is moved on fits 32 bits, whatever the shift
        self._longest_pause = min(_DAY * timescale, longest) if sparse else self._max_gap
        self._half = 0 if timestamp_bits is None else 1 << (timestamp_bits - 1)
        self._shared = shared or SharedTime()
        self._held: Sample | None = None
        self._released: Sample | None = None
        self._last_duration = 0
        self._last_raw: int | None = None
        self._left_out: int | None = None
        self._shift = 0
        self._sync_presented: int | None = None
        self._gap_next = False
        self.gap = False

    def push(self, sample: Sample) -> Sample | None:
        """Take the next sample; return the one before it with its final decode time and duration."""
        held = self._held
        if held is None and not -self._farthest < sample.decode_time < self._farthest:
            raise MediaError(f"track {sample.track_id}: a decode time of {sample.decode_time} ticks cannot be stored")
        offset = sample.composition_offset
        if offset and abs(offset) > self._back:
            raise MediaError(f"track {sample.track_id}: a composition offset of {offset} ticks cannot be stored")
        if self._half:
            sample = self._unwrapped(sample)
        if self._shift:
            sample = _moved(sample, sample.decode_time + self._shift)
        if not 0 <= sample.duration <= self._longest:
            sample = _lasting(sample, 0)
        self._held = sample
        if held is None:
            released, self._released = self._released, None
            if released is not None:  # stored already
                _, gap = self._irregular(released, sample)
                end = released.decode_time + released.duration
                if self._held.decode_time < end:
                    self._held = _nudged(self._held, end)
                self._gap_next = gap or not self._sparse
            return None
        delta = sample.decode_time - held.decode_time
        if delta != held.duration or not 0 < delta <= self._max_gap:
            delta, gap = self._irregular(held, sample)
            return self._finished(held, delta, gap_next=gap)
        self._last_duration = delta
        if held.sync:
            presented = held.decode_time + held.composition_offset
            if self._sync_presented is not None and presented < self._sync_presented:
                return self._finished(held, delta, gap_next=False)
            self._sync_presented = presented
        self.gap, self._gap_next = self._gap_next, False  # nearly every sample: it stays as it is
        return held

    def lengthen(self, empty: Sample) -> None:
        """Let the sample that is held back last until the end of one without bytes, which is left out.

        Sparse media are not changed, nor is a sample with a gap behind it. Where pictures are reordered and the one
        left out is presented earlier than the one held back, the time is the next one's to take: a picture that is
        presented last must not last longer than its span.
        """
        held, time = self._held, empty.decode_time
        if held is None or self._sparse:
            return
        if self._half and self._last_raw is not None:
            time = self._last_raw + (time - self._last_raw + self._half) % (self._half * 2) - self._half
        time += self._shift
        known = 0 < empty.duration <= self._longest
        lasting = time + (empty.duration if known else self._nominal()) - held.decode_time
        if (
            0 <= time - held.decode_time <= max(self._longest_pause, held.duration)
            and held.duration < lasting <= self._longest
        ):
            if time + empty.composition_offset >= held.decode_time + held.composition_offset:
                self._held = _lasting(held, lasting)
            elif self._left_out is None:
                self._left_out = time

    def release(self, now: int) -> Sample | None:
        """Return the sample that is held back if no other came in the ``max_gap`` before ``now`` (ticks)."""
        held = self._held
        if held is None or self._sparse or now - held.decode_time <= max(self._max_gap, held.duration):
            return None
        lasting = min(held.duration or self._nominal(), now - held.decode_time)
        return self._let_go(held, lasting)

    def cut(self, at: int) -> Sample | None:
        """Return what is held back from before ``at`` (ticks); sparse media last until then at most.

        Other media have no sample before that time then, or it comes too late.
        """
        held = self._held
        if held is None or held.decode_time >= at or not held.sync:
            return None
        if not self._sparse:
            return self._let_go(held, held.duration or self._nominal())
        return self._let_go(held, min(held.duration or self._longest_pause, at - held.decode_time))

    def source_time(self, time: Fraction) -> Fraction:
        """Return seconds as the source counts them now as seconds of the times that samples are given here."""
        ticks = self._shift
        if self._half and self._last_raw is not None:
            width = self._half * 2
            ticks += round((self._last_raw - time * self._timescale) / width) * width
        return time + Fraction(ticks, self._timescale)

    def _let_go(self, held: Sample, lasting: int) -> Sample:
        self._held = None
        self._released = Sample(held.track_id, held.decode_time, lasting, b"", held.sync, held.composition_offset)
        return self._finished(held, lasting, gap_next=False)

    def flush(self) -> Sample | None:
        """Return the sample that is held back, lasting as long as it says or as long as the one before it."""
        held, self._held = self._held, None
        return None if held is None else self._finished(held, held.duration or self._nominal(), gap_next=False)

    @property
    def held(self) -> Sample | None:
        """The sample that is held back; how long it lasts is not final."""
        return self._held

    def _finished(self, held: Sample, duration: int, *, gap_next: bool) -> Sample:
        """Return the sample that was held back as it will be stored."""
        self.gap, self._gap_next = self._gap_next, gap_next
        if held.sync:
            presented, latest = held.decode_time + held.composition_offset, self._sync_presented
            if latest is not None and presented < latest:
                offset = latest - held.decode_time
                return Sample(held.track_id, held.decode_time, duration, held.data, held.sync, offset)
            self._sync_presented = presented
        return held if held.duration == duration else _lasting(held, duration)

    def _irregular(self, held: Sample, sample: Sample) -> tuple[int, bool]:
        """What becomes of two samples that do not simply follow: duration of the first, gap before the second."""
        delta = sample.decode_time - held.decode_time
        if self._left_out is not None:
            since, self._left_out = self._left_out, None
            presented = sample.decode_time + sample.composition_offset
            if held.decode_time < since < sample.decode_time and presented < held.decode_time + held.composition_offset:
                self._held = sample = _decoded_from(sample, since)
                delta = since - held.decode_time
        if 0 < delta <= max(self._longest_pause, held.duration):
            self._last_duration = delta
            return delta, False
        if -min(self._max_gap, self._back) <= delta <= 0:
            self._held = _nudged(sample, held.decode_time + 1)
            return 1, False
        lasting = held.duration or self._nominal()
        if delta < 0 or delta > _DAY * self._timescale:
            self._held = sample = self._restarted(held, lasting, sample)
        return min(lasting, sample.decode_time - held.decode_time), True

    def _nominal(self) -> int:
        """A duration for a sample that nothing follows."""
        nominal = self._last_duration or max(self._timescale // 25, 1)
        return min(nominal, self._timescale) if self._sparse else nominal

    def _unwrapped(self, sample: Sample) -> Sample:
        raw = sample.decode_time
        last = self._last_raw
        if last is None:
            last = self._shared.first.setdefault(self._timescale, raw)
        self._last_raw = time = last + (raw - last + self._half) % (self._half * 2) - self._half
        return sample if time == raw else _moved(sample, time)

    def _restarted(self, held: Sample, lasting: int, sample: Sample) -> Sample:
        """Move a source that started anew to where the track ended; tracks that restart together stay in step."""
        raw = sample.decode_time - self._shift
        if self._shared.shift is not None:
            shift = int(self._shared.shift * self._timescale)
            if 0 <= raw + shift - held.decode_time <= self._max_gap and shift != self._shift:
                self._shift = shift
                return _moved(sample, max(raw + shift, held.decode_time + 1))
        end = held.decode_time + lasting
        self._shift = end - raw
        self._shared.shift = Fraction(self._shift, self._timescale)
        return _moved(sample, end)


def _moved(sample: Sample, time: int) -> Sample:
    return Sample(sample.track_id, time, sample.duration, sample.data, sample.sync, sample.composition_offset)


def _lasting(sample: Sample, duration: int) -> Sample:
    return Sample(sample.track_id, sample.decode_time, duration, sample.data, sample.sync, sample.composition_offset)


def _decoded_from(sample: Sample, time: int) -> Sample:
    """Let a sample be decoded earlier, for so much longer; its presentation stays."""
    earlier = sample.decode_time - time
    duration, offset = sample.duration and sample.duration + earlier, sample.composition_offset + earlier
    return Sample(sample.track_id, time, duration, sample.data, sample.sync, offset)


def _nudged(sample: Sample, time: int) -> Sample:
    """Move a sample on; where it is not a sync sample, its presentation stays."""
    offset = sample.composition_offset + (0 if sample.sync else sample.decode_time - time)
    return Sample(sample.track_id, time, sample.duration, sample.data, sample.sync, offset)
