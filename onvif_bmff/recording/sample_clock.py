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


@dataclass(slots=True, eq=False)
class SharedTime:
    """What the clocks of a recording know in common, so that its tracks stay in step.

    ``shift`` is the seconds by which a source that started anew is moved; ``first`` the first timestamp of any track
    by timescale, from which the wraps of all counters of that timescale are counted.
    """

    shift: Fraction | None = None
    first: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Limits:
    """What the timestamps of a track may do, in its ticks.

    ``farthest`` is from 0 where the media may begin, ``longest`` the most that a sample may last. An equal or earlier
    time, up to ``back`` and to ``max_gap``, does not start the source anew.
    """

    timescale: int
    sparse: bool
    farthest: int
    longest: int
    max_gap: int
    longest_pause: int
    back: int

    @classmethod
    def of(cls, timescale: int, *, sparse: bool, max_gap: Fraction, longest: int) -> "_Limits":
        gap = min(max(int(max_gap * timescale), 1), longest)
        return cls(
            timescale,
            sparse,
            farthest=_MAX_TIME * timescale,
            longest=longest,
            max_gap=gap,
            longest_pause=min(_DAY * timescale, longest) if sparse else gap,
            back=longest // 8,  # so that the offset of a sample that is moved on fits 32 bits, whatever the shift
        )


@dataclass(slots=True, eq=False)
class _Counter:
    """The counter of a source that wraps: ``half`` its range, and the ``last`` time, without the wraps before it."""

    half: int
    last: int | None = None

    def nearest(self, raw: int, last: int) -> int:
        """Return the time nearest to ``last`` at which the counter is at ``raw``."""
        return last + (raw - last + self.half) % (self.half * 2) - self.half


class SampleClock:
    """The timestamps of one track. Holds one sample back, whose duration the next one tells.

    ``push`` takes a sample and returns the one before it, ready to be stored; ``flush`` returns the last one.
    ``gap`` tells whether the sample that was returned last came after a gap. ``longest`` is the most ticks that a
    sample may last; ``sparse`` media may pause for a day.
    """

    __slots__ = (
        "_counter", "_gap_next", "_held", "_last_duration", "_left_out", "_limits", "_released", "_shared", "_shift",
        "_sync_presented", "gap",
    )  # fmt: skip

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
        self._limits = _Limits.of(timescale, sparse=sparse, max_gap=max_gap, longest=longest)
        self._shared = shared or SharedTime()
        self._counter = None if timestamp_bits is None else _Counter(1 << (timestamp_bits - 1))
        self._held: Sample | None = None
        self._released: Sample | None = None
        self._last_duration = 0
        self._left_out: int | None = None
        self._shift = 0
        self._sync_presented = NEVER
        self._gap_next = False
        self.gap = False

    def push(self, sample: Sample) -> Sample | None:
        """Take the next sample; return the one before it with its final decode time and duration."""
        held, limits = self._held, self._limits
        if held is None and not -limits.farthest < sample.decode_time < limits.farthest:
            raise MediaError(f"track {sample.track_id}: a decode time of {sample.decode_time} ticks cannot be stored")
        offset = sample.composition_offset
        if offset and abs(offset) > limits.back:
            raise MediaError(f"track {sample.track_id}: a composition offset of {offset} ticks cannot be stored")
        if self._counter is not None:
            sample = self._unwrapped(self._counter, sample)
        if self._shift:
            sample = _moved(sample, sample.decode_time + self._shift)
        if not 0 <= sample.duration <= limits.longest:
            sample = _with_duration(sample, 0)
        self._held = sample
        if held is None:
            released, self._released = self._released, None
            if released is not None:  # stored already
                _, gap = self._irregular(released, sample)
                end = released.decode_time + released.duration
                if self._held.decode_time < end:
                    self._held = _nudged(self._held, end)
                self._gap_next = gap or not limits.sparse
            return None
        delta = sample.decode_time - held.decode_time
        if delta != held.duration or not 0 < delta <= limits.max_gap:
            delta, gap = self._irregular(held, sample)
            return self._finished(held, delta, gap_next=gap)
        self._last_duration = delta
        if held.sync:
            presented = held.decode_time + held.composition_offset
            if presented < self._sync_presented:
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
        if held is None or self._limits.sparse:
            return
        if self._counter is not None and self._counter.last is not None:
            time = self._counter.nearest(time, self._counter.last)
        time += self._shift
        known = 0 < empty.duration <= self._limits.longest
        duration = time + (empty.duration if known else self._nominal()) - held.decode_time
        if (
            0 <= time - held.decode_time <= max(self._limits.longest_pause, held.duration)
            and held.duration < duration <= self._limits.longest
        ):
            if time + empty.composition_offset >= held.decode_time + held.composition_offset:
                self._held = _with_duration(held, duration)
            elif self._left_out is None:
                self._left_out = time

    def release(self, now: int) -> Sample | None:
        """Return the sample that is held back if no other came in the ``max_gap`` before ``now`` (ticks)."""
        held = self._held
        if held is None or self._limits.sparse or now - held.decode_time <= max(self._limits.max_gap, held.duration):
            return None
        duration = min(held.duration or self._nominal(), now - held.decode_time)
        return self._let_go(held, duration)

    def cut(self, at: int) -> Sample | None:
        """Return what is held back from before ``at`` (ticks); sparse media last until then at most.

        Other media have no sample before that time then, or it comes too late. One that comes after a gap stays: what
        ends at that time cannot hold it.
        """
        held = self._held
        if held is None or held.decode_time >= at or not held.sync or self._gap_next:
            return None
        if not self._limits.sparse:
            return self._let_go(held, held.duration or self._nominal())
        return self._let_go(held, min(held.duration or self._limits.longest_pause, at - held.decode_time))

    def source_time(self, time: Fraction) -> Fraction:
        """Return seconds as the source counts them now as seconds of the times that samples are given here."""
        ticks, timescale = self._shift, self._limits.timescale
        counter = self._counter
        if counter is not None and counter.last is not None:
            width = counter.half * 2
            ticks += round((counter.last - time * timescale) / width) * width
        return time + Fraction(ticks, timescale)

    def _let_go(self, held: Sample, duration: int) -> Sample:
        self._held = None
        self._released = Sample(held.track_id, held.decode_time, duration, b"", held.sync, held.composition_offset)
        return self._finished(held, duration, gap_next=False)

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
            if presented < latest:
                offset = latest - held.decode_time
                return Sample(held.track_id, held.decode_time, duration, held.data, held.sync, offset)
            self._sync_presented = presented
        return held if held.duration == duration else _with_duration(held, duration)

    def _irregular(self, held: Sample, sample: Sample) -> tuple[int, bool]:
        """What becomes of two samples that do not simply follow: duration of the first, gap before the second."""
        delta = sample.decode_time - held.decode_time
        if self._left_out is not None:
            since, self._left_out = self._left_out, None
            presented = sample.decode_time + sample.composition_offset
            if held.decode_time < since < sample.decode_time and presented < held.decode_time + held.composition_offset:
                self._held = sample = _decoded_from(sample, since)
                delta = since - held.decode_time
        if 0 < delta <= max(self._limits.longest_pause, held.duration):
            self._last_duration = delta
            return delta, False
        if -min(self._limits.max_gap, self._limits.back) <= delta <= 0:
            self._held = _nudged(sample, held.decode_time + 1)
            return 1, False
        duration = held.duration or self._nominal()
        if delta < 0 or delta > _DAY * self._limits.timescale:
            self._held = sample = self._restarted(held, duration, sample)
        return min(duration, sample.decode_time - held.decode_time), True

    def _nominal(self) -> int:
        """A duration for a sample that nothing follows."""
        nominal = self._last_duration or max(self._limits.timescale // 25, 1)
        return min(nominal, self._limits.timescale) if self._limits.sparse else nominal

    def _unwrapped(self, counter: "_Counter", sample: Sample) -> Sample:
        raw = sample.decode_time
        last = counter.last
        if last is None:
            last = self._shared.first.setdefault(self._limits.timescale, raw)
        counter.last = time = counter.nearest(raw, last)
        return sample if time == raw else _moved(sample, time)

    def _restarted(self, held: Sample, duration: int, sample: Sample) -> Sample:
        """Move a source that started anew to where the track ended; tracks that restart together stay in step."""
        raw = sample.decode_time - self._shift
        if self._shared.shift is not None:
            shift = int(self._shared.shift * self._limits.timescale)
            if 0 <= raw + shift - held.decode_time <= self._limits.max_gap and shift != self._shift:
                self._shift = shift
                return _moved(sample, max(raw + shift, held.decode_time + 1))
        end = held.decode_time + duration
        self._shift = end - raw
        self._shared.shift = Fraction(self._shift, self._limits.timescale)
        return _moved(sample, end)


def _moved(sample: Sample, time: int) -> Sample:
    return Sample(sample.track_id, time, sample.duration, sample.data, sample.sync, sample.composition_offset)


def _with_duration(sample: Sample, duration: int) -> Sample:
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
