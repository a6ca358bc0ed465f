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
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.recording.cuts import CUTS, CutCause, Spans, decide
from onvif_bmff.recording.dropped import DropReason
from onvif_bmff.recording.interleave import Interleaver
from onvif_bmff.recording.opening import SpanOpener
from onvif_bmff.recording.span_set import SpanSet
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.recording.track_state import NEVER, TrackState, fallen_silent, is_leading, make_interleaver
from onvif_bmff.timing import UtcTime

__all__ = ["SampleRouter"]

_PATIENCE = 10
"""Seconds of media time that a silent track is waited for."""


class SampleRouter:
    """The spans of a recording that are open, and the states of its tracks into them.

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
        self._states: dict[int, TrackState] = {}
        self._timescale = lcm(*(track.timescale for track in tracks))
        self._silence = _PATIENCE * self._timescale
        self._clock: MediaClock | None = None
        self._new_clock: MediaClock | None = None
        self._start: UtcTime | None = None
        self._spans: SpanSet | None = None
        self._pending: set[CutCause] = set()
        self._interleaver: Interleaver | None = None
        self._newest = NEVER
        self._look_at = 0
        self._first: int | None = None
        self._failure: Exception | None = None
        self._pending_events: list[RecordingEvent] = []
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
        self._recheck_all()

    def _recheck_all(self) -> None:
        """Have the next sync sample of all tracks looked at."""
        for state in self._states.values():
            state.recheck()

    def _with_pending(self, events: Sequence[RecordingEvent]) -> Sequence[RecordingEvent]:
        """Return events with those of a call that raised an error; raise the error of this one, if there is one."""
        failure, self._failure = self._failure, None
        self._pending_events.extend(events)
        if failure is not None:
            self._recheck_all()
            raise failure
        unsent, self._pending_events = self._pending_events, []
        return unsent

    # ---- the way of a sample ------------------------------------------------------------------------------

    def _ready(self, state: TrackState, sample: Sample) -> Sequence[RecordingEvent]:
        """Take a sample whose times are final."""
        if state.clock.gap:
            state.gap_at = sample.decode_time
            state.recheck()
        if not state.begun:
            if not sample.sync:
                self.dropped[DropReason.BEFORE_FIRST_SYNC] += 1
                return ()
            state.begun, state.shift = True, sample.composition_offset
        time = (sample.decode_time + state.shift) * state.factor
        if time > self._newest:
            self._first = time if self._newest == NEVER else self._first
            self._newest = time
        state.latest = time
        events: list[RecordingEvent] = []
        if time >= self._look_at:
            self._look_at = time + self._timescale
            for silent, last in fallen_silent(self._states.values(), time):
                events.extend(self._ready(silent, last))
        if self._interleaver is None:
            stored = self._store(state, sample)
            return [*events, *stored] if events else stored
        for released in self._interleaver.push(sample, state.shift):
            events.extend(self._in_turn(self._states[released.track_id], released))
        if self._spans is not None and not self._spans.multiplexed:
            events.extend(self._drain())
        return events

    def _drain(self, end: int | None = None) -> list[RecordingEvent]:
        """Store what waits for other tracks, and wait no more; the media end at ``end`` (common ticks)."""
        interleaver, self._interleaver = self._interleaver, None
        waiting = interleaver.close() if interleaver is not None else []
        events = [event for sample in waiting for event in self._in_turn(self._states[sample.track_id], sample)]
        for state in self._states.values():
            last = state.last_before(end) if end is not None else None
            if last is None:
                last, state.waiting = state.waiting, None
            if last is not None:
                events.extend(self._store(state, last))
        return events

    def _in_turn(self, state: TrackState, sample: Sample) -> Sequence[RecordingEvent]:
        """Store a sample of a multiplexed span. The last one of a track that does not lead waits for what follows."""
        waiting, state.waiting = state.waiting, None
        events = () if waiting is None else self._store(state, waiting)
        if not self._leads(state):
            state.waiting = sample
            return events
        more = self._store(state, sample)
        return [*events, *more] if events else more

    def _store(self, state: TrackState, sample: Sample, *, again: bool = False) -> Sequence[RecordingEvent]:
        """Store a sample, closing before it what has to close."""
        events: Sequence[RecordingEvent] = ()
        if sample.sync:
            try:
                events = self._at_sync(state, sample)
            except Exception as error:  # no key can be had, say, or no header be made with it
                self._failure = self._failure or error
                if isinstance(error, ProtectionError):
                    self._spans = None  # without a key for new spans no track goes on in the old ones either
                self.dropped[DropReason.NO_SPAN] += 1
                return self._give_way(state)
        elif state.changes or state.gap_at is not None or self._takes_over(state):
            events = self._break_off(state, sample)
        if state.spans is None:
            if not sample.sync:
                self.dropped[DropReason.BEFORE_NEXT_SYNC] += 1
            return events
        writer = state.spans.writers[sample.track_id]
        more = writer.push(sample)
        if writer.failure is not None:
            more = self._after_failure(state, sample, more, again=again)
        return [*events, *more] if events else more

    def _after_failure(
        self, state: TrackState, sample: Sample, events: Sequence[RecordingEvent], *, again: bool = False
    ) -> Sequence[RecordingEvent]:
        """Go on after a fragment that could not be written, for which its span has closed with ``events``.

        The sample that ended the fragment begins new spans if it can.
        """
        events = [*events, *self._give_way(state)]
        if sample.sync and not again:
            return [*events, *self._store(state, sample, again=True)]
        self.dropped[DropReason.BEFORE_NEXT_SYNC] += 1
        return events

    def _give_way(self, state: TrackState) -> Sequence[RecordingEvent]:
        """Let a track leave its span after an error; as after a gap, all spans close if it leads."""
        if self._leads(state):
            self._add_pending(CutCause.MEDIA_GAP)
        return self._leave(state)

    def _takes_over(self, state: TrackState) -> bool:
        """Tell whether a track leads again a span that another one has led meanwhile."""
        spans, track_id = state.spans, state.track.track_id
        return spans is not None and spans.writers[track_id].lead_id != track_id and self._leads(state)

    def _break_off(self, state: TrackState, sample: Sample) -> Sequence[RecordingEvent]:
        """Let a track leave if a sample that is not sync cannot follow the one before it."""
        changed, gap = state.reaches_change(sample), state.reaches_gap(sample)
        spans = state.spans
        if spans is None or not (changed or gap or self._takes_over(state)):
            return ()
        leads = self._leads(state)
        if spans.multiplexed and not leads:
            state.leave()
            return ()
        events: Sequence[RecordingEvent] = self._end_others(state.time(sample)) if spans.multiplexed else ()
        if leads:
            self._add_pending(CutCause.MOVIE_CHANGED if changed else CutCause.MEDIA_GAP)
        return [*events, *self._leave(state, sample)]

    def _at_sync(self, state: TrackState, sample: Sample) -> Sequence[RecordingEvent]:
        """Do what ``cuts`` says before a sync sample, and see that the track is where it belongs."""
        state.reaches_change(sample)
        gap = state.reaches_gap(sample)
        current = self._spans
        if current is None or current.ended:
            current = self._open(None, state, sample)
        leads, track_id = self._leads(state), sample.track_id
        if leads and state.spans is current and current.writers[track_id].lead_id != track_id:
            current.writers[track_id].lead_by(track_id)
        cause = decide(self._causes(state, sample, current, leads, gap))
        events: Sequence[RecordingEvent] = ()
        if cause is not None and current.multiplexed and leads:
            events = self._end_others(state.time(sample))
            current = self._spans or current
        if cause is not None and CUTS[cause].spans is Spans.OWN:
            events = self._leave(state, sample)
        elif cause is not None and CUTS[cause].spans is Spans.ALL:
            if current.multiplexed and not leads:  # all tracks change over where the leading one can
                self._add_pending(cause)
                self.dropped[DropReason.BEFORE_NEW_CONFIGURATION] += 1
                if state.spans is not current:
                    return self._leave(state, sample)  # a span of its own, from before the format changed
                state.leave()
                return ()
            before, current = current, self._open(state.time(sample), state, sample)
            if before.multiplexed:  # also where this track has not come in yet
                events = [*events, *self._close(before, sample.track_id, sample)]
        if state.spans is current:
            nothing_to_come = not self._pending and not state.changes and state.gap_at is None
            if cause is None and nothing_to_come and not current.multiplexed:
                until = state.next_cut(current, self.target.span_duration, self._silence)
                state.skip_checks_until(until, current.writers[track_id])
            return events
        return [*events, *self._change_over(state, sample, leads, gap)]

    def _end_others(self, time: int) -> Sequence[RecordingEvent]:
        """Store what tracks that do not lead hold back, before a multiplexed segment ends at ``time``. B.1, B.3."""
        events: list[RecordingEvent] = []
        for state in self._states.values():
            last = state.last_before(time)
            if last is not None:
                events.extend(self._store(state, last))
            document = state.clock.cut(time // state.factor - state.shift)
            if document is not None:
                state.begun = True
                events.extend(self._store(state, document))
        return events

    def _change_over(self, state: TrackState, sample: Sample, leads: bool, gap: bool) -> Sequence[RecordingEvent]:
        """Let a track into the spans where it belongs: the current ones, if it has come to where they start."""
        old, spans = state.spans, self._spans
        assert spans is not None
        if spans.is_ahead(state.time(sample), leads):
            spans = old if old is not None and old.movie[sample.track_id] == state.track else None
            if spans is not None and not gap:
                return ()
        events = self._leave(state, sample)
        if spans is None or not state.enter(spans, sample):
            self.dropped[DropReason.TOO_LATE] += 1
        elif leads:
            spans.writers[sample.track_id].lead_by(sample.track_id)
        return events

    def _causes(self, state: TrackState, sample: Sample, current: SpanSet, leads: bool, gap: bool) -> set[CutCause]:
        """Find what calls for a cut at this sync sample."""
        causes: set[CutCause] = set()
        if current.movie[sample.track_id] != state.track and not current.is_ahead(state.time(sample), leads):
            causes.add(CutCause.MOVIE_CHANGED)
        if state.spans is not current:
            return causes | (self._pending if leads and state.spans is None and current.opened is not None else set())
        if gap and leads:
            causes.add(CutCause.MEDIA_GAP)
        elif gap and not current.multiplexed:
            causes.add(CutCause.TRACK_GAP)
        limit = self.target.span_duration
        if limit is not None and (leads or not current.multiplexed):
            due_at = current.due(sample.track_id, limit, self._silence) + (0 if leads else self._silence)
            if state.time(sample) >= due_at:
                causes.add(CutCause.SPAN_DURATION)
        if leads or not current.multiplexed:
            due = current.writers[sample.track_id].segment_due(sample)
            if due is not None:
                causes.add(due)
        causes |= self._pending if leads else self._pending & {CutCause.ENCRYPTION_CHANGED}
        if causes and current.protection.keys and CutCause.ENCRYPTION_CHANGED not in causes:
            at = current.settings.clock.utc(state.time(sample), self._timescale)
            if not current.protection.is_current(self.target.encryption, at):
                causes.add(CutCause.KEY_ROTATED)
        return causes

    def _leads(self, state: TrackState) -> bool:
        """Tell whether a track decides for all: the first of video, audio, metadata that is not silent."""
        interleaver = self._interleaver
        if interleaver is not None:
            return interleaver.lead_id == state.track.track_id
        return is_leading(state, self._states.values(), self._newest, self._first, self._silence)

    # ---- spans --------------------------------------------------------------------------------------------

    def _leave(self, state: TrackState, before: Sample | None = None) -> Sequence[RecordingEvent]:
        """Close the span that a track is in; all tracks of a multiplexed span leave it together."""
        return () if state.spans is None else self._close(state.spans, state.track.track_id, before)

    def _close(self, spans: SpanSet, track_id: int, before: Sample | None = None) -> Sequence[RecordingEvent]:
        """Close the span of a track, ``before`` a sample of it that is not in it."""
        writer = spans.writers[track_id]
        for other in self._states.values():
            if other.spans is spans and spans.writers.get(other.track.track_id) is writer:
                other.leave()
        events = writer.close(before)
        if writer.failure is not None:
            self._failure = self._failure or writer.failure
            self.dropped[DropReason.NOT_WRITTEN] += writer.lost
            writer.failure = None
        return events

    def _open(self, start: int | None, state: TrackState, sample: Sample) -> SpanSet:
        """Make the spans that all tracks are to enter from ``start`` (common ticks) on. B.2."""
        presented = sample.decode_time + sample.composition_offset
        clock, given = self._clock, self._new_clock
        if given is not None:
            time = state.clock.source_time(Fraction(given.ticks, given.timescale))
            clock = MediaClock(given.at, time.numerator, time.denominator)
        if clock is None:
            assert self._start is not None
            clock = MediaClock(self._start, presented, state.track.timescale)
        at = clock.utc(presented, state.track.timescale)
        tracks = tuple(other.track_at(state.time(sample)) for other in self._states.values())
        self._spans = self._opener.open(tracks, self._timescale, clock, start, at)
        for other in self._states.values():
            other.reserve(self._spans)
        self._clock, self._new_clock = clock, None
        self._pending.clear()
        self._recheck_all()
        if self._interleaver is None:
            self._interleaver = make_interleaver(self._states, self._patience, self._spans.kinds)
        return self._spans
