"""The way of samples whose times are final into spans: what opens, what closes, and what is left out.

What closes when is decided by the table in ``cuts``.
"""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from math import lcm

from onvif_bmff.errors import MediaError, ProtectionError
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.objects.events import RecordingEvent
from onvif_bmff.recording.anchor import Anchor
from onvif_bmff.recording.cuts import CUTS, CutCause, Spans, decide
from onvif_bmff.recording.interleave import Interleaver
from onvif_bmff.recording.lanes import NEVER, Lane, SpanSet, fallen_silent, is_leading, make_interleaver
from onvif_bmff.recording.opening import SpanOpener
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.timing import UtcTime

__all__ = ["SampleFlow"]

_PATIENCE = 10
"""Seconds of media time that a silent track is waited for."""


class SampleFlow:
    """The spans of a recording that are open, and the lanes of its tracks into them.

    ``dropped`` counts samples that were not stored, by reason. Raises ``MediaError`` for two tracks with one number.
    """

    def __init__(
        self,
        tracks: tuple[Track, ...],
        opener: SpanOpener,
        *,
        max_gap: Fraction,
    ) -> None:
        self._tracks = {track.track_id: track for track in tracks}
        if len(self._tracks) < len(tracks):
            raise MediaError("two tracks have one number")
        self._opener = opener
        self._patience = max(Fraction(_PATIENCE), max_gap + 2)  # what a silent track holds back comes after max_gap
        self._lanes: dict[int, Lane] = {}
        self._timescale = lcm(*(track.timescale for track in tracks))
        self._silence = _PATIENCE * self._timescale
        self._anchor: Anchor | None = None
        self._new_anchor: Anchor | None = None
        self._start: UtcTime | None = None
        self._spans: SpanSet | None = None
        self._pending: set[CutCause] = set()
        self._interleaver: Interleaver | None = None
        self._newest = NEVER
        self._look_at = 0
        self._first: int | None = None
        self._failure: Exception | None = None
        self._unsent: list[RecordingEvent] = []
        self.dropped: Counter[str] = Counter()

    @property
    def target(self) -> RecordingTarget:
        """The target in force for spans that open from now on."""
        return self._opener.target

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks."""
        return tuple(self._tracks.values())

    def _add_pending(self, cause: CutCause) -> None:
        self._pending.add(cause)
        self._wake()

    def _wake(self) -> None:
        """Have the next sync sample of all tracks looked at."""
        for lane in self._lanes.values():
            lane.wake()

    def _told(self, events: Sequence[RecordingEvent]) -> Sequence[RecordingEvent]:
        """Return events with those of a call that raised an error; raise the error of this one, if there is one."""
        failure, self._failure = self._failure, None
        self._unsent.extend(events)
        if failure is not None:
            self._wake()
            raise failure
        unsent, self._unsent = self._unsent, []
        return unsent

    # ---- the way of a sample ------------------------------------------------------------------------------

    def _ready(self, lane: Lane, sample: Sample) -> Sequence[RecordingEvent]:
        """Take a sample whose times are final."""
        if lane.clock.gap:
            lane.gap_at = sample.decode_time
            lane.wake()
        if not lane.begun:
            if not sample.sync:
                self.dropped["before the first sync sample"] += 1
                return ()
            lane.begun, lane.shift = True, sample.composition_offset
        time = (sample.decode_time + lane.shift) * lane.factor
        if time > self._newest:
            self._first = time if self._newest == NEVER else self._first
            self._newest = time
        lane.latest = time
        events: list[RecordingEvent] = []
        if time >= self._look_at:
            self._look_at = time + self._timescale
            for silent, last in fallen_silent(self._lanes.values(), time):
                events.extend(self._ready(silent, last))
        if self._interleaver is None:
            stored = self._store(lane, sample)
            return [*events, *stored] if events else stored
        for released in self._interleaver.push(sample, lane.shift):
            events.extend(self._in_turn(self._lanes[released.track_id], released))
        if self._spans is not None and not self._spans.multiplexed:
            events.extend(self._drain())
        return events

    def _drain(self, end: int | None = None) -> list[RecordingEvent]:
        """Store what waits for other tracks, and wait no more; the media end at ``end`` (common ticks)."""
        interleaver, self._interleaver = self._interleaver, None
        waiting = interleaver.close() if interleaver is not None else []
        events = [event for sample in waiting for event in self._in_turn(self._lanes[sample.track_id], sample)]
        for lane in self._lanes.values():
            last = lane.last_before(end) if end is not None else None
            if last is None:
                last, lane.waiting = lane.waiting, None
            if last is not None:
                events.extend(self._store(lane, last))
        return events

    def _in_turn(self, lane: Lane, sample: Sample) -> Sequence[RecordingEvent]:
        """Store a sample of a multiplexed span. The last one of a track that does not lead waits for what follows."""
        waiting, lane.waiting = lane.waiting, None
        events = () if waiting is None else self._store(lane, waiting)
        if not self._leads(lane):
            lane.waiting = sample
            return events
        more = self._store(lane, sample)
        return [*events, *more] if events else more

    def _store(self, lane: Lane, sample: Sample, *, again: bool = False) -> Sequence[RecordingEvent]:
        """Store a sample, closing before it what has to close."""
        events: Sequence[RecordingEvent] = ()
        if sample.sync:
            try:
                events = self._at_sync(lane, sample)
            except Exception as error:  # no key can be had, say, or no header be made with it
                self._failure = self._failure or error
                if isinstance(error, ProtectionError):
                    self._spans = None  # without a key for new spans no track goes on in the old ones either
                self.dropped["for want of a new span"] += 1
                return self._give_way(lane)
        elif lane.changes or lane.gap_at is not None or self._takes_over(lane):
            events = self._break_off(lane, sample)
        if lane.spans is None:
            if not sample.sync:
                self.dropped["before the next sync sample"] += 1
            return events
        writer = lane.spans.writers[sample.track_id]
        more = writer.push(sample)
        if writer.failure is not None:
            more = self._after_failure(lane, sample, more, again=again)
        return [*events, *more] if events else more

    def _after_failure(
        self, lane: Lane, sample: Sample, events: Sequence[RecordingEvent], *, again: bool = False
    ) -> Sequence[RecordingEvent]:
        """Go on after a fragment that could not be written, for which its span has closed with ``events``.

        The sample that ended the fragment begins new spans if it can.
        """
        events = [*events, *self._give_way(lane)]
        if sample.sync and not again:
            return [*events, *self._store(lane, sample, again=True)]
        self.dropped["before the next sync sample"] += 1
        return events

    def _give_way(self, lane: Lane) -> Sequence[RecordingEvent]:
        """Let a track leave its span after an error; as after a gap, all spans close if it leads."""
        if self._leads(lane):
            self._add_pending(CutCause.MEDIA_GAP)
        return self._leave(lane)

    def _takes_over(self, lane: Lane) -> bool:
        """Tell whether a track leads again a span that another one has led meanwhile."""
        spans, track_id = lane.spans, lane.track.track_id
        return spans is not None and spans.writers[track_id].lead_id != track_id and self._leads(lane)

    def _break_off(self, lane: Lane, sample: Sample) -> Sequence[RecordingEvent]:
        """Let a track leave if a sample that is not sync cannot follow the one before it."""
        changed, gap = lane.reaches_change(sample), lane.reaches_gap(sample)
        spans = lane.spans
        if spans is None or not (changed or gap or self._takes_over(lane)):
            return ()
        leads = self._leads(lane)
        if spans.multiplexed and not leads:
            lane.leave()
            return ()
        events: Sequence[RecordingEvent] = self._end_others(lane.time(sample)) if spans.multiplexed else ()
        if leads:
            self._add_pending(CutCause.MOVIE_CHANGED if changed else CutCause.MEDIA_GAP)
        return [*events, *self._leave(lane, sample)]

    def _at_sync(self, lane: Lane, sample: Sample) -> Sequence[RecordingEvent]:
        """Do what ``cuts`` says before a sync sample, and see that the track is where it belongs."""
        lane.reaches_change(sample)
        gap = lane.reaches_gap(sample)
        current = self._spans
        if current is None or current.ended:
            current = self._open(None, lane, sample)
        leads, track_id = self._leads(lane), sample.track_id
        if leads and lane.spans is current and current.writers[track_id].lead_id != track_id:
            current.writers[track_id].lead_by(track_id)
        cause = decide(self._causes(lane, sample, current, leads, gap))
        events: Sequence[RecordingEvent] = ()
        if cause is not None and current.multiplexed and leads:
            events = self._end_others(lane.time(sample))
            current = self._spans or current
        if cause is not None and CUTS[cause].spans is Spans.OWN:
            events = self._leave(lane, sample)
        elif cause is not None and CUTS[cause].spans is Spans.ALL:
            if current.multiplexed and not leads:  # all tracks change over where the leading one can
                self._add_pending(cause)
                self.dropped["before the cut for a new codec configuration"] += 1
                if lane.spans is not current:
                    return self._leave(lane, sample)  # a span of its own, from before the format changed
                lane.leave()
                return ()
            before, current = current, self._open(lane.time(sample), lane, sample)
            if before.multiplexed:  # also where this track has not come in yet
                events = [*events, *self._close(before, sample.track_id, sample)]
        if lane.spans is current:
            nothing_to_come = not self._pending and not lane.changes and lane.gap_at is None
            if cause is None and nothing_to_come and not current.multiplexed:
                until = current.quiet_until(lane, self.target.span_duration, self._silence)
                lane.be_quiet(until, current.writers[track_id])
            return events
        return [*events, *self._change_over(lane, sample, leads, gap)]

    def _end_others(self, time: int) -> Sequence[RecordingEvent]:
        """Store what tracks that do not lead hold back, before a multiplexed segment ends at ``time``. B.1, B.3."""
        events: list[RecordingEvent] = []
        for lane in self._lanes.values():
            last = lane.last_before(time)
            if last is not None:
                events.extend(self._store(lane, last))
            document = lane.clock.cut(time // lane.factor - lane.shift)
            if document is not None:
                lane.begun = True
                events.extend(self._store(lane, document))
        return events

    def _change_over(self, lane: Lane, sample: Sample, leads: bool, gap: bool) -> Sequence[RecordingEvent]:
        """Let a track into the spans where it belongs: the current ones, if it has come to where they start."""
        old, spans = lane.spans, self._spans
        assert spans is not None
        if spans.is_ahead(lane.time(sample), leads):
            spans = old if old is not None and old.movie[sample.track_id] == lane.track else None
            if spans is not None and not gap:
                return ()
        events = self._leave(lane, sample)
        if spans is None or not spans.enter(lane, sample):
            self.dropped["too late for its span"] += 1
        elif leads:
            spans.writers[sample.track_id].lead_by(sample.track_id)
        return events

    def _causes(self, lane: Lane, sample: Sample, current: SpanSet, leads: bool, gap: bool) -> set[CutCause]:
        """Find what calls for a cut at this sync sample."""
        causes: set[CutCause] = set()
        if current.movie[sample.track_id] != lane.track and not current.is_ahead(lane.time(sample), leads):
            causes.add(CutCause.MOVIE_CHANGED)
        if lane.spans is not current:
            return causes | (self._pending if leads and lane.spans is None and current.opened is not None else set())
        if gap and leads:
            causes.add(CutCause.MEDIA_GAP)
        elif gap and not current.multiplexed:
            causes.add(CutCause.TRACK_GAP)
        limit = self.target.span_duration
        if limit is not None and (leads or not current.multiplexed):
            due_at = current.due(lane, limit, self._silence) + (0 if leads else self._silence)
            if lane.time(sample) >= due_at:
                causes.add(CutCause.SPAN_DURATION)
        if leads or not current.multiplexed:
            due = current.writers[sample.track_id].segment_due(sample)
            if due is not None:
                causes.add(due)
        causes |= self._pending if leads else self._pending & {CutCause.ENCRYPTION_CHANGED}
        if causes and current.protection.keys and CutCause.ENCRYPTION_CHANGED not in causes:
            at = current.settings.anchor.utc(lane.time(sample), self._timescale)
            if not current.protection.is_current(self.target.encryption, at):
                causes.add(CutCause.KEY_ROTATED)
        return causes

    def _leads(self, lane: Lane) -> bool:
        """Tell whether a track decides for all: the first of video, audio, metadata that is not silent."""
        interleaver = self._interleaver
        if interleaver is not None:
            return interleaver.lead_id == lane.track.track_id
        return is_leading(lane, self._lanes.values(), self._newest, self._first, self._silence)

    # ---- spans --------------------------------------------------------------------------------------------

    def _leave(self, lane: Lane, before: Sample | None = None) -> Sequence[RecordingEvent]:
        """Close the span that a track is in; all tracks of a multiplexed span leave it together."""
        return () if lane.spans is None else self._close(lane.spans, lane.track.track_id, before)

    def _close(self, spans: SpanSet, track_id: int, before: Sample | None = None) -> Sequence[RecordingEvent]:
        """Close the span of a track, ``before`` a sample of it that is not in it."""
        writer = spans.writers[track_id]
        for other in self._lanes.values():
            if other.spans is spans and spans.writers.get(other.track.track_id) is writer:
                other.leave()
        events = writer.close(before)
        if writer.failure is not None:
            self._failure = self._failure or writer.failure
            self.dropped["in a fragment that could not be written"] += writer.lost
            writer.failure = None
        return events

    def _open(self, start: int | None, lane: Lane, sample: Sample) -> SpanSet:
        """Make the spans that all tracks are to enter from ``start`` (common ticks) on. B.2."""
        presented = sample.decode_time + sample.composition_offset
        anchor, given = self._anchor, self._new_anchor
        if given is not None:
            time = lane.clock.source_time(Fraction(given.ticks, given.timescale))
            anchor = Anchor(given.at, time.numerator, time.denominator)
        if anchor is None:
            assert self._start is not None
            anchor = Anchor(self._start, presented, lane.track.timescale)
        at = anchor.utc(presented, lane.track.timescale)
        tracks = tuple(other.track_at(lane.time(sample)) for other in self._lanes.values())
        self._spans = self._opener.open(tracks, self._timescale, anchor, start, at)
        self._spans.expect(self._lanes.values())
        self._anchor, self._new_anchor = anchor, None
        self._pending.clear()
        self._wake()
        if self._interleaver is None:
            self._interleaver = make_interleaver(self._lanes, self._patience, self._spans.kinds)
        return self._spans
