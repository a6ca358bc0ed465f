"""Samples whose times are final → the spans of one activation: what opens, what closes, and what is left out.

What closes when is decided by the table in ``cuts``, what calls for a cut is in ``causes``; here it is carried out::

    route ─► [Interleaver] ─► before next_check? ─ yes ──────────► SpanWriter.add     nearly every sample
                MP4 only                         └ no ─► _store ─► SpanWriter.push    what opens and closes, first
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction

from onvif_bmff.errors import InvariantError, ProtectionError
from onvif_bmff.media.track import Sample
from onvif_bmff.objects.events import RecordingEvent
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.recording.causes import SyncSample, causes_at, skip_checks
from onvif_bmff.recording.clock_parts import NEVER
from onvif_bmff.recording.cuts import CUTS, CutCause, Spans, decide
from onvif_bmff.recording.dropped import DropReason
from onvif_bmff.recording.interleave import Interleaver
from onvif_bmff.recording.late_tracks import LateTracks
from onvif_bmff.recording.open_spans import OpenSpans
from onvif_bmff.recording.opening import SpanOpener
from onvif_bmff.recording.progress import Progress, UtcAnchor
from onvif_bmff.recording.span_set import SpanSet
from onvif_bmff.recording.stamps import Verdict
from onvif_bmff.recording.track_state import TrackState, make_interleaver, ready_samples
from onvif_bmff.timing import UtcTime

__all__ = ["SampleRouter"]

PATIENCE = 10
"""Seconds of media time that a silent track is waited for."""


class SampleRouter:
    """Routes the samples of one activation into spans.

    ``route`` takes each track's samples in decode order, when their times are final; ``close`` ends all. Both return
    events. ``states`` are the tracks by track_id, in the order in which they lead. What cannot be stored is counted in
    ``dropped``; the first error since somebody took it is in ``spans.failure``, and recording goes on with the next
    sync sample.
    """

    __slots__ = (
        "_anchor", "_interleaver", "_late", "_lead_id", "_opener", "_patience", "_pending", "_progress",
        "dropped", "spans", "states",
    )  # fmt: skip

    def __init__(
        self,
        states: Mapping[int, TrackState],
        opener: SpanOpener,
        anchor: UtcAnchor,
        *,
        timescale: int,
        max_gap: Fraction | None,
        dropped: Counter[str],
    ) -> None:
        self.states = states
        self.dropped = dropped
        self._opener = opener
        self._anchor = anchor
        self._progress = Progress(timescale, PATIENCE * timescale)
        longest = PATIENCE if max_gap is None else max_gap
        self._patience = Fraction(max(PATIENCE, longest + 2))  # what a silent track holds back comes after that
        self.spans = OpenSpans(states, opener, anchor, timescale, dropped)
        self._pending: set[CutCause] = set()
        kinds = opener.target.format.spans([state.track for state in states.values()])
        self._interleaver = make_interleaver(states, self._patience, kinds)
        self._lead_id = next(iter(states))
        self._late = LateTracks(int(self._patience * timescale))

    @property
    def now(self) -> UtcTime | None:
        """The instant of the newest sample; None before the first spans open."""
        progress, clock = self._progress, self._anchor.clock
        return None if clock is None or progress.newest == NEVER else clock.utc(progress.newest, progress.timescale)

    def recheck(self) -> None:
        """Check at the next sync sample of each track whether something closes."""
        for state in self.states.values():
            state.recheck()

    def cut(self, cause: CutCause) -> None:
        """Close spans as ``cuts`` says for a cause."""
        self._pending.add(cause)
        self.recheck()

    def end_segments(self, cause: CutCause) -> None:
        """Close the open segments at the next sync sample."""
        self.recheck()
        self.spans.end_segments_early(cause)

    def set_clock(self, clock: MediaClock) -> None:
        """Tie media time to UTC anew, from the next sync sample on, in new spans."""
        self._anchor.given = clock
        self.cut(CutCause.CLOCK_CHANGED)

    def catch_up(self, state: TrackState, *, comes: bool = True) -> Sequence[RecordingEvent]:
        """Take samples that are ready now, as one ``comes``; leave room in open spans for a first one that is not."""
        if comes and self._interleaver is not None:
            self._interleaver.hear(state.track.track_id)
        events = [event for ready in ready_samples(state) for event in self.route(state, ready)]
        if self.spans.current is not None:
            state.reserve(self.spans.current)
        return events

    # ---- the way of a sample ------------------------------------------------------------------------------

    def route(self, state: TrackState, sample: Sample) -> Sequence[RecordingEvent]:  # noqa: C901 - each sample's way
        """Take the next sample of a track; return what it completes."""
        progress, after = self._progress, state.clock.after
        if not after and sample.decode_time < state.next_check and self._interleaver is None:  # nearly all of CMAF
            time = (sample.decode_time + state.shift) * state.factor
            if time < progress.look_at:
                state.latest = time
                if time > progress.newest:
                    progress.newest = time
                try:
                    return state.writer.add(sample)
                except Exception as error:  # noqa: BLE001 - of an encryptor: a third-party IV store may raise anything
                    return self._after_failure(state, sample, state.writer.give_up(error))
        if (after or not state.begun) and not state.begins(sample):
            self.dropped[DropReason.BEFORE_FIRST_SYNC] += 1
            return ()
        state.latest = time = (sample.decode_time + state.shift) * state.factor
        if time > progress.newest:
            progress.newest = time
            if progress.first is None:
                progress.first = time
        events = self._release_silent(time) if time >= progress.look_at else ()
        if (interleaver := self._interleaver) is None:
            return [*events, *self._store(state, sample)] if events else self._store(state, sample)
        released = interleaver.push(sample, state.shift)
        lead_id = interleaver.lead_id
        if lead_id != self._lead_id:
            events = [*events, *self._hand_over(released, interleaver)]
        for one in released:
            state = self.states[one.track_id]
            if one.track_id != lead_id:  # the last sample of a track that does not lead waits for what follows
                waiting, state.waiting = state.waiting, one
                if waiting is None:
                    continue
                one = waiting
            elif state.waiting is not None:
                events = [*events, *self._store_waiting(state)]
            if one.decode_time < state.next_check:  # nearly every sample
                try:
                    more = state.writer.add(one)
                except Exception as error:  # noqa: BLE001 - of an encryptor: a third-party IV store may raise anything
                    more = self._after_failure(state, one, state.writer.give_up(error))
            else:
                more = self._store(state, one)
            if more:
                events = [*events, *more] if events else more
        if self.spans.current is not None and not self.spans.current.multiplexed:
            return [*events, *self._drain()]
        return events

    def _hand_over(self, released: list[Sample], interleaver: Interleaver) -> list[RecordingEvent]:
        """Let another track lead, behind what is ``released`` under the one that has led: store that, and remove it."""
        events: list[RecordingEvent] = []
        for one in released[: interleaver.led_before]:
            state = self.states[one.track_id]
            events.extend(self._store_waiting(state))
            if one.track_id == self._lead_id:
                events.extend(self._store(state, one))
            else:
                state.waiting = one
        del released[: interleaver.led_before]
        self._lead_id = interleaver.lead_id
        self.recheck()
        return events

    def _release_silent(self, time: int) -> Sequence[RecordingEvent]:
        """Store what tracks hold back that are silent at ``time``: nothing will tell how long it lasts."""
        self._progress.look_at = time + self._progress.timescale
        silent = self._late.look(self.states.values(), self._progress, move=self._interleaver is not None)
        events: list[RecordingEvent] = []
        last = [(state, state.clock.release(time // state.factor - state.shift)) for state in silent]
        for state, sample in last:
            if sample is not None:
                after = state.clock.after
                events.extend(self.catch_up(state, comes=False))
                state.clock.after = after
                events.extend(self.route(state, sample))
        return events

    def _store_waiting(self, state: TrackState) -> Sequence[RecordingEvent]:
        """Store the sample of a track that waits, should one."""
        waiting, state.waiting = state.waiting, None
        return () if waiting is None else self._store(state, waiting)

    def _drain(self, end: int | None = None) -> list[RecordingEvent]:
        """Store what waits for other tracks, and wait no more; the media end at ``end`` (common ticks)."""
        self.recheck()
        events: list[RecordingEvent] = []
        for sample in self._interleaver.close() if self._interleaver is not None else ():
            state = self.states[sample.track_id]
            events.extend(self._store_waiting(state))
            if self._leads(state):
                events.extend(self._store(state, sample))
            else:
                state.waiting = sample
        for state in self.states.values():
            last = state.last_before(end) if end is not None else None
            events.extend(self._store_waiting(state) if last is None else self._store(state, last))
        self._interleaver = None
        return events

    def _store(self, state: TrackState, sample: Sample, *, again: bool = False) -> Sequence[RecordingEvent]:
        """Store a sample, closing before it what has to close."""
        events: Sequence[RecordingEvent] = ()
        if sample.sync:
            try:
                events = self._at_sync(state, sample)
            except Exception as error:  # noqa: BLE001 - third-party key and header sources may raise anything
                self.spans.failure = self.spans.failure or error
                if isinstance(error, ProtectionError):
                    self.spans.current = None  # not even clear tracks go on in the old ones: spans open together
                self.dropped[DropReason.NO_SPAN] += 1
                return self._give_way(state)
        elif (
            state.announced.changes
            or state.breaks
            or (state.spans is not None and state.spans.has_lost_lead(sample.track_id))
        ):
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
            self.cut(CutCause.MEDIA_GAP)
        return self.spans.leave(state)

    def _break_off(self, state: TrackState, sample: Sample) -> Sequence[RecordingEvent]:
        """Let a track leave if a sample that is not sync cannot follow the one before it."""
        changed, gap, spans = state.reaches_change(sample), state.reaches_gap(sample), state.spans
        if spans is None or not (changed or gap or spans.has_lost_lead(sample.track_id)):
            return ()
        leads = self._leads(state)
        if spans.multiplexed and (not leads or spans.has_lost_lead(sample.track_id)):
            state.leave()
            return ()
        events: Sequence[RecordingEvent] = self._end_others(state.time(sample)) if spans.multiplexed else ()
        if leads:
            self.cut(CutCause.MOVIE_CHANGED if changed else CutCause.MEDIA_GAP)
        return [*events, *self.spans.leave(state, sample)]

    def _leads(self, state: TrackState) -> bool:
        """Tell whether a track decides for all: the first that is not silent, until the next one begins to."""
        if self._interleaver is not None:
            track_id, spans = state.track.track_id, state.spans
            if track_id == self._lead_id or spans is None:
                return track_id == self._lead_id
            return spans.writers[track_id].lead_id == track_id and spans.is_before(track_id, self._lead_id)
        return self._progress.is_leading(state, self.states.values())

    # ---- cuts ---------------------------------------------------------------------------------------------

    def _at_sync(self, state: TrackState, sample: Sample) -> Sequence[RecordingEvent]:
        """Do what ``cuts`` says before a sync sample, and see that the track is where it belongs."""
        state.reaches_change(sample)
        after, current = state.reaches_break(sample) if state.breaks else None, self.spans.current
        if current is None or current.ended:
            current = self._open(None, state, sample)
        alone = after is Verdict.GAP and state.spans is current is not self.states[self._lead_id].spans  # all paused
        turn = SyncSample(state, sample, (alone and current.multiplexed) or self._leads(state), after)
        writer = current.writers[sample.track_id]
        is_led = writer.lead_id == sample.track_id  # by itself
        if not is_led and current.has_lost_lead(sample.track_id):
            if not turn.leads or (self._interleaver is not None and turn.time <= self._interleaver.led_until):
                return self._wait_for_lead(turn, current, DropReason.TOO_LATE)
            if sample.track_id in current.entered:
                self._pending.add(CutCause.MEDIA_GAP)
        if turn.leads and state.spans is current and not is_led:
            writer.lead_by(sample.track_id)
            self.recheck()
        cause = decide(causes_at(turn, current, self._pending, self._opener.target, self._progress))
        if cause is None:
            if state.spans is current:
                skip_checks(turn, current, self._pending, self._opener.target, self._progress)
                return ()
            return self._change_over(turn)
        if CUTS[cause].spans is Spans.ALL and current.multiplexed and not turn.leads:
            self.cut(cause)
            return self._wait_for_lead(turn, current, DropReason.BEFORE_NEW_CONFIGURATION)
        events = self._cut(turn, current, cause)
        if state.spans is (self.spans.current or current):
            return events
        return [*events, *self._change_over(turn)] if events else self._change_over(turn)

    def _cut(self, turn: SyncSample, current: SpanSet, cause: CutCause) -> Sequence[RecordingEvent]:
        """Close spans before a sync sample; the segment is the writer's to close."""
        state, sample = turn.state, turn.sample
        events: Sequence[RecordingEvent] = ()
        if current.multiplexed and turn.leads:
            events = self._end_others(turn.time)
            current = self.spans.current or current
        closes = CUTS[cause].spans
        if closes is Spans.OWN:
            return [*events, *self.spans.leave(state, sample)]
        if closes is Spans.ALL:
            self._open(turn.time, state, sample)
            if current.multiplexed:  # also where this track has not come in yet
                return [*events, *self.spans.close(current, sample.track_id, sample)]
        return events

    def _wait_for_lead(self, turn: SyncSample, current: SpanSet, reason: DropReason) -> Sequence[RecordingEvent]:
        """Leave out a sample for which all spans would close: all tracks change over where the leading one can."""
        self.dropped[reason] += 1
        if turn.state.spans is not current:
            return self.spans.leave(turn.state, turn.sample)  # a span of its own, from before the format changed
        turn.state.leave()
        return ()

    # ---- spans --------------------------------------------------------------------------------------------

    def _end_others(self, time: int) -> Sequence[RecordingEvent]:
        """Store what tracks that do not lead hold back, before a multiplexed segment ends at ``time``. B.1, B.3."""
        events: list[RecordingEvent] = []
        for state in self.states.values():
            last = state.last_before(time)
            if last is not None:
                events.extend(self._store(state, last))
            document = state.clock.cut(time // state.factor - state.shift)
            for doubted in ready_samples(state, time // state.factor - state.shift):
                state.begun = state.begun or doubted.sync
                events.extend(self._store_waiting(state))
                events.extend(self._store(state, doubted))
            if document is not None:
                state.begun = True
                events.extend(self._store(state, document))
        return events

    def _change_over(self, turn: SyncSample) -> Sequence[RecordingEvent]:
        """Let a track into the spans where it belongs: the current ones, if it has come to where they start."""
        state, sample = turn.state, turn.sample
        old, spans = state.spans, self.spans.current
        if spans is None:
            raise InvariantError("a track changes over, and no spans are open")
        if spans.is_ahead(turn.time, leads=turn.leads):
            spans = old if old is not None and old.movie[sample.track_id] == state.track else None
            if spans is not None and turn.after is not Verdict.GAP:
                return ()
        events = self.spans.leave(state, sample)
        if spans is None or not state.enter(spans, sample):
            self.dropped[DropReason.TOO_LATE] += 1
        elif turn.leads:
            spans.writers[sample.track_id].lead_by(sample.track_id)
        return events

    def _open(self, start: int | None, state: TrackState, sample: Sample) -> SpanSet:
        """Make the spans that all tracks are to enter from ``start`` (common ticks) on. B.2."""
        spans = self.spans.open(start, state, sample)
        self._pending.clear()
        if self._interleaver is None:
            self._interleaver = make_interleaver(self.states, self._patience, spans.kinds)
            self._lead_id = next(iter(self.states))
        return spans

    def close(self) -> list[RecordingEvent]:
        """Store all that is held back, and close all spans."""
        events: list[RecordingEvent] = []
        end: int | None = None
        multiplexed = self._interleaver is not None
        for state in self.states.values():  # metadata last: a document lasts as long as other media in its span
            state.clock.settle()
            events.extend(self.catch_up(state))
            last = state.flush(end if multiplexed else None)
            if last is not None:
                end = max(end or NEVER, state.time(last) + last.duration * state.factor)
                events.extend(self.route(state, last))
        events.extend(self._drain(end))
        events.extend(self.spans.close_all())
        return events
