"""Timestamps as sources deliver them → decode times and durations that a fragment can hold.

``docs/time.md`` has the table of what comes in, of what becomes of it, and why.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from onvif_bmff.errors import MediaError
from onvif_bmff.media.track import Sample, moved
from onvif_bmff.recording.clock_parts import MAX_DURATION, NEVER, ClockLimits, SharedTime, WrappingCounter
from onvif_bmff.recording.documents import Companion
from onvif_bmff.recording.held_back import HeldBack, settle_times
from onvif_bmff.recording.placing import without_first
from onvif_bmff.recording.rhythm import Rhythm
from onvif_bmff.recording.sample_times import decoded_from, nudged, with_duration
from onvif_bmff.recording.source_line import SourceLine
from onvif_bmff.recording.stamps import Judgement, Verdict, even_nominal, gap_limit, judge
from onvif_bmff.recording.timing_faults import TimingFault

__all__ = ["SampleClock"]


class SampleClock:
    """The timestamps of one track. Holds one sample back, whose duration the next one tells.

    ``push`` takes a sample and returns the one before it, ready to be stored; ``flush`` returns the last one.
    Where stamps are in doubt more samples are held back, ``push`` returns None, and ``ready`` gives out what has been
    decided; ``settle`` decides what is left. ``after`` tells what the sample that was given out last comes after: GAP,
    DISCONTINUITY or none. ``longest`` is the most ticks that a sample may last; ``sparse`` media may pause for a day.
    ``shared`` is what the clocks of all tracks know in common.
    """

    __slots__ = (
        "_behind", "_held", "_held_back", "_left_out", "_limits", "_line", "_next_after", "_released", "_rhythm",
        "_sync_presented", "after", "shared",
    )  # fmt: skip

    def __init__(
        self,
        timescale: int,
        *,
        sparse: bool = False,
        max_gap: Fraction | None = None,
        timestamp_bits: int | None = None,
        shared: SharedTime | None = None,
        longest: int = MAX_DURATION,
    ) -> None:
        self._limits = ClockLimits.of(timescale, sparse=sparse, max_gap=max_gap, longest=longest)
        self._rhythm = Rhythm(self._limits.bounds)
        self.shared = shared or SharedTime()
        if not sparse:
            self.shared.clocks.append((self, timescale))
        counter = None if timestamp_bits is None else WrappingCounter(1 << (timestamp_bits - 1))
        self._line = SourceLine(self._limits, self.shared, counter)
        self._held: Sample | None = None
        self._held_back = HeldBack()
        self._released: Sample | None = None
        self._left_out: int | None = None
        self._sync_presented = NEVER
        self._behind: int | None = None
        self._next_after: Verdict | None = None
        self.after: Verdict | None = None

    def push(self, sample: Sample) -> Sample | None:
        """Take the next sample; return the one before it with its final decode time and duration."""
        held, limits, line = self._held, self._limits, self._line
        if held is None and not -limits.farthest < sample.decode_time < limits.farthest:
            raise MediaError(f"track {sample.track_id}: a decode time of {sample.decode_time} ticks cannot be stored")
        offset = sample.composition_offset
        if offset and abs(offset) > limits.back:
            raise MediaError(f"track {sample.track_id}: a composition offset of {offset} ticks cannot be stored")
        if line.counter is not None:
            sample = line.counter.unwrapped(sample, line.shared.first, limits.timescale)
        if line.shift:
            sample = moved(sample, sample.decode_time + line.shift)
        if not 0 <= sample.duration <= limits.longest:
            sample = with_duration(sample, 0)
        if held is None:
            self._begin(sample)
            return None
        delta = sample.decode_time - held.decode_time
        if delta != held.duration or delta != self._rhythm.steady:
            return self._look(held, sample, delta)
        self._held = sample
        if held.sync:
            presented = held.decode_time + held.composition_offset
            if presented < self._sync_presented:
                return self._finished(held, delta)
            self._sync_presented = presented
        self.after, self._next_after = self._next_after, None  # nearly every sample: it stays as it is
        return held

    def ready(self, before: int | None = None) -> Iterator[Sample]:
        """Give out samples (``before`` a decode time) that are to be stored now; ``after`` is about each in turn."""
        ready = self._held_back.ready
        while ready and (before is None or ready[0][0].decode_time < before):
            sample, self.after = ready.popleft()
            yield sample
        if not ready:
            self._look_closely()

    def settle(self) -> None:
        """Decide about the samples that are held back: nothing more comes that would tell. Then see ``ready``."""
        self._resolve(ended=True)

    def lengthen(self, empty: Sample) -> None:
        """Let the sample that is held back last until the end of one without bytes, which is left out.

        Sparse media are not changed, nor is a sample with a gap behind it, or one behind which stamps are in doubt.
        Where pictures are reordered and the one left out is presented earlier than the one held back, the time is the
        next one's to take: a picture that is presented last must not last longer than its span.
        """
        held, time = self._held, self._line.unwrapped(empty.decode_time)
        if held is None or self._limits.bounds.sparse or self._held_back.samples:
            return
        known = 0 < empty.duration <= self._limits.longest
        duration = time + (empty.duration if known else self._nominal()) - held.decode_time
        if (
            0 <= time - held.decode_time <= max(self._gap_limit(), held.duration)
            and held.duration < duration <= self._limits.longest
        ):
            if time + empty.composition_offset >= held.decode_time + held.composition_offset:
                self._held = with_duration(held, duration)
            elif self._left_out is None:
                self._left_out = time

    def release(self, now: int) -> Sample | None:
        """Return the sample that is held back if none came for too long before ``now`` (ticks).

        That is longer than a gap and longer than ``longest_delay``, for tracks need not come in step. What was in doubt
        is ``ready`` then, and comes first; its stamps may be early, so it counts as coming at the usual rate at least.
        """
        held = self._held
        if held is None or self._limits.bounds.sparse or now - held.decode_time <= self._limits.longest_delay:
            return None
        newest = max([held.decode_time + len(self._held_back.times) * self._nominal(), *self._held_back.times])
        if now - newest <= max(self._gap_limit(), self._limits.longest_delay, held.duration):
            return None
        self.settle()
        held = self._held or held
        return self._let_go(held, min(held.duration or self._nominal(), max(now - held.decode_time, 1)))

    def cut(self, at: int) -> Sample | None:
        """Return what is held back from before ``at`` (ticks); sparse media last until then at most.

        Other media have no sample before that time then, or it comes too late. One that comes after a gap stays: what
        ends at that time cannot hold it. What was in doubt is ``ready`` then, and comes first.
        """
        if self._held_back.samples and self._may_go(at):
            self.settle()
        held = self._may_go(at)
        if held is None:
            return None
        if not self._limits.bounds.sparse:
            return self._let_go(held, held.duration or self._nominal())
        return self._let_go(held, min(held.duration or self._limits.longest_pause, at - held.decode_time))

    def _may_go(self, at: int) -> Sample | None:
        held = self._held
        goes = held is not None and held.decode_time < at and held.sync and self._next_after is not Verdict.GAP
        return held if goes else None

    def go_on(self, by: int) -> None:
        """Move what is held back, and what comes after it, by so many ticks, behind a gap: its clock is off."""
        self.settle()
        self._held_back.move_ready(by)
        self._held = self._held and moved(self._held, self._held.decode_time + by)
        self._line.shift += by
        self._next_after = Verdict.GAP
        self.shared.counted[TimingFault.DISCONTINUITY] += 1

    def source_time(self, time: Fraction) -> Fraction:
        """Return seconds as the source counts them now as seconds of the times that samples are given here."""
        return self._line.source_time(time)

    def _let_go(self, held: Sample, duration: int) -> Sample:
        self._held = None
        self._released = Sample(held.track_id, held.decode_time, duration, b"", held.sync, held.composition_offset)
        return self._finished(held, duration)

    def flush(self) -> Sample | None:
        """Return the last sample, lasting as long as it says or as samples usually do. ``settle`` comes before it."""
        held, self._held = self._held, None
        return None if held is None else self._finished(held, held.duration or self._nominal())

    @property
    def held(self) -> Sample | None:
        """The last sample whose time is certain, which is held back; how long it lasts is not final."""
        return self._held

    @property
    def newest(self) -> Sample | None:
        """The sample that was pushed last, if it is still held back."""
        return self._held_back.samples[-1] if self._held_back.samples else self._held

    @property
    def doubted(self) -> Sequence[Sample]:
        """The samples that are held back because their times are not certain."""
        return self._held_back.samples

    @property
    def expected(self) -> tuple[Fraction, Fraction]:
        """Seconds at which the newest sample is, if all that are held back simply follow, and how far apart they come.

        Both are 0 without any.
        """
        pace = self._rhythm.pace
        ticks = 0 if self._held is None else self._held.decode_time + len(self._held_back.samples) * pace
        return Fraction(ticks, self._limits.timescale), Fraction(pace, self._limits.timescale)

    @property
    def shift(self) -> int:
        """Ticks by which stamps are moved."""
        return self._line.shift

    def _finished(self, held: Sample, duration: int, behind: Verdict | None = None) -> Sample:
        """Return the sample that was held back as it will be stored; ``behind`` it is a gap, or a clock was set."""
        self.after, self._next_after, self._behind = self._next_after, behind, None
        if held.sync:
            presented, latest = held.decode_time + held.composition_offset, self._sync_presented
            if presented < latest:
                offset = latest - held.decode_time
                return Sample(held.track_id, held.decode_time, duration, held.data, held.sync, offset)
            self._sync_presented = presented
        return held if held.duration == duration else with_duration(held, duration)

    # ---- stamps that do not simply follow -----------------------------------------------------------------

    def _begin(self, sample: Sample) -> None:
        """Take the first sample, or one after a sample that was stored before its time because of a silence."""
        released, self._released = self._released, None
        bounds = self._limits.bounds
        reached, self._held_back.beside = self.shared.elsewhere(self, self._limits.timescale)
        if bounds.sparse:
            sample = self._moved_along(sample, self._companion())
            sample = self._held_back.documents.in_place(sample, released, reached, bounds, self.shared.counted)
        if released is not None:
            self._behind = end = released.decode_time + released.duration
            sample = self._line.in_step(self, sample, end, self._gap_limit())
            delta = sample.decode_time - released.decode_time
            if delta > self._limits.bounds.day or delta < -self._gap_limit():
                self._restart(sample := moved(sample, sample.decode_time), max(end, reached), end)
                self._behind = None
                self.shared.counted[TimingFault.DISCONTINUITY] += 1
            elif sample.decode_time < end:
                sample = nudged(sample, end)
            if delta > 0:
                self._rhythm.note(released.decode_time, delta)
            if not self._limits.bounds.sparse or delta > self._limits.longest_pause or delta < 0:
                self._next_after = Verdict.GAP
        self._rhythm.begin(sample.decode_time, sample.duration)
        self._held = sample

    def _look(self, held: Sample, sample: Sample, delta: int) -> Sample | None:
        """What becomes of two samples that do not simply follow: the first one, if it is certain how long it lasts."""
        rhythm = self._rhythm
        if self._limits.bounds.sparse:
            companion = self._companion()
            if self._held_back.samples or (companion and not companion.is_certain(sample.decode_time)):
                self._doubt(sample, companion)
                return None
            sample = self._moved_along(sample, companion)
        else:
            if self._held_back.takes(held, sample, pace := rhythm.pace, self._limits.timescale):
                self._doubt(sample)
                return None
            shaken, was_looked_for = self._held_back.shaken, self._held_back.shaken.is_looked_for
            sample = shaken.steadied(self.newest or held, sample, pace)
            if was_looked_for or shaken.is_looked_for:
                self._look_closely()
        delta = sample.decode_time - held.decode_time
        if self._held_back.samples:
            self._doubt(sample)
            return None
        if self._left_out is not None:
            since, self._left_out = self._left_out, None
            presented = sample.decode_time + sample.composition_offset
            if held.decode_time < since < sample.decode_time and presented < held.decode_time + held.composition_offset:
                sample = decoded_from(sample, since)
                delta = since - held.decode_time
        if not 0 < delta <= max(rhythm.usual, held.duration):
            self._doubt(sample)
            return None
        if delta != rhythm.nominal:
            rhythm.note(held.decode_time, delta)
            self._look_closely()
        self._held = sample
        finished = self._finished(held, delta)
        if not self._held_back.ready:
            return finished
        self._held_back.ready.append((finished, self.after))
        return None

    def _companion(self) -> Companion | None:
        return self._held_back.documents.companion(self.shared, self._limits.timescale, self._line.shift)

    def _moved_along(self, document: Sample, companion: Companion | None) -> Sample:
        """Return a document at the time that it has beside a sample of another track."""
        by = companion.moves(document.decode_time) if companion else 0
        return self._line.along(document, by) if by else document

    def _doubt(self, sample: Sample, companion: Companion | None = None) -> None:
        """Hold back a sample whose stamp may be off, until it is known what it means."""
        held_back = self._held_back
        if not held_back.samples:
            self.shared.begin_doubt()
            held_back.elsewhere = self.shared.elsewhere(self, self._limits.timescale)[1]
            if self._held is not None:
                sample = self._line.in_step(self, sample, self._held.decode_time + 1, self._gap_limit())
        held_back.add(moved(sample, sample.decode_time))
        self._held_back.documents.add(held_back.samples[-1], companion)
        self._resolve(ended=held_back.full)

    def _resolve(self, *, ended: bool) -> None:
        """Decide as much as can be decided about the samples that are held back."""
        held_back, seen = self._held_back, len(self._held_back.samples)
        self._nominal()
        if held_back.waits and self._held is not None and seen:
            first = held_back.begin(self._held, self._rhythm, self._limits.timescale, ended=ended)
            if first is not None and self._sync_presented == NEVER:  # else it is known how long the one before lasts
                self._held = first
            seen = int(first is not None)
        if (held_back.samples and not seen) or (not ended and held_back.documents.wait(self._rhythm.usual)):
            self._look_closely()
            return
        self._line.shift = self._held_back.documents.settle(self._line.shift)
        while seen <= len(held_back.samples) and held_back.samples and self._held is not None:
            last = ended and seen == len(held_back.samples)
            times = held_back.times[:seen]
            pace, timescale = self._rhythm.pace, self._limits.timescale
            around = self.shared.neighbours(self, self._held.decode_time, pace, timescale, held_back.elsewhere)
            judged = judge(times, around, self._limits.bounds, ended=last)
            if judged.verdict is Verdict.WAIT:
                seen += 1
                continue
            self._apply(judged, self._held)
            seen = 1
        if self._held is not None:
            self._line.reach(self._held.decode_time)
        self._look_closely()

    def _look_closely(self) -> None:
        """Have samples looked at as long as any are held back; pass them on as they are if they simply follow."""
        is_certain = self._held_back.is_idle and not self._limits.bounds.sparse
        self._rhythm.steady = (is_certain and self._rhythm.nominal) or -1

    def _apply(self, judged: Judgement, held: Sample) -> None:
        """Do what was judged: give the samples their times, and the ones before the last of them their durations."""
        held_back, rhythm, nominal = self._held_back, self._rhythm, self._nominal()
        bounds, timescale, counted = self._limits.bounds, self._limits.timescale, self.shared.counted
        samples, usual = held_back.take(judged.off + judged.stands), nominal * (judged.off + 1)
        newest, place, stamps = samples[-1], samples[-1].decode_time - usual, [one.decode_time for one in samples]
        if judged.breaks:
            held_back.shaken.begin_behind([newest, *held_back.samples], rhythm.pace)
        others = without_first(judged, held.decode_time, stamps, nominal, held_back.beside, bounds)
        if others is not None and self._is_first(place):
            self._held, judged = (held := moved(held, place)), others
            counted[TimingFault.RESTAMPED] += 1
        if judged.verdict is Verdict.DISCONTINUITY:
            shift = self._line.shift
            self._restart(newest, held.decode_time + usual, held.decode_time + judged.off + 1)
            for other in held_back.samples:
                other.decode_time += self._line.shift - shift
            held_back.shaken.move(self._line.shift - shift)
        elif judged.verdict is Verdict.GAP:
            self.shared.note_gap(held.decode_time + usual, newest.decode_time, timescale)
        breaks_at = settle_times(judged, samples, held.decode_time, nominal, timescale, counted)
        for number, sample in enumerate(samples):
            delta = sample.decode_time - held.decode_time
            behind = judged.verdict if judged.breaks and number == breaks_at else None
            if behind is not Verdict.DISCONTINUITY:
                rhythm.note(held.decode_time, delta)
            duration = min(held.duration or nominal, delta) if behind is Verdict.GAP else delta
            held_back.ready.append((self._finished(held, duration, behind), self.after))
            held = sample
        rhythm.skip_to(held.decode_time)
        self._held = held

    def _is_first(self, place: int) -> bool:
        """Tell whether the sample that is held back is the first of all, or behind a silence, and may be put there."""
        behind = self._behind if self._next_after is Verdict.GAP else None
        return self._sync_presented == NEVER or (behind is not None and behind <= place)

    def _restart(self, sample: Sample, place: int, earliest: int) -> None:
        """Put the first sample of a source whose clock was set at its place, and those after it behind it."""
        even = not self._held_back.shaken.is_looked_for
        self._line.restart(sample, place, earliest, self._gap_limit(), even=even)
        if self._limits.bounds.sparse:
            self._held_back.documents.on_their_own = self.shared.shifted

    def _gap_limit(self) -> int:
        return gap_limit(self._rhythm.nominal, self._limits.bounds)

    def _nominal(self) -> int:
        """A duration for a sample that nothing follows."""
        held, limits = self._held, self._limits
        nominal = self._rhythm.now(None if held is None else held.decode_time)  # else those that wait may tell
        nominal = nominal or even_nominal(self._held_back.times) or max(limits.timescale // 25, 1)
        return min(nominal, limits.timescale) if limits.bounds.sparse else max(nominal, self._rhythm.expected)
