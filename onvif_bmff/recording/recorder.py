"""All open spans of one recording. ONVIF Recording Control 25.12, Annex B.

::

    Sample ─ SampleClock ─ [Interleaver] ─ SpanWriter ─ SegmentWriter ─ FragmentBuilder
               one a track    MP4 only        one a span

The recorder does no I/O and reads no clock: samples go in, events come out, in order. What closes when is decided by
the table in ``cuts``.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from math import lcm

from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.errors import MediaError, StateError
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.objects.events import RecordingEvent
from onvif_bmff.recording.anchor import Anchor
from onvif_bmff.recording.boundaries import SegmentBoundary, since_open
from onvif_bmff.recording.cuts import CUTS, CutCause, Spans, decide
from onvif_bmff.recording.interleave import Interleaver
from onvif_bmff.recording.labels import Labels
from onvif_bmff.recording.lanes import NEVER, Lane, SpanSet, fallen_silent, is_leading, make_interleaver, make_lanes
from onvif_bmff.recording.opening import SpanOpener
from onvif_bmff.recording.segment import FragmentLimits
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.timing import UtcTime

__all__ = ["Recorder"]

_MICROSECOND = timedelta(microseconds=1)
_PATIENCE = 10
"""Seconds of media time that a silent track is waited for."""


class Recorder:
    """Records the samples of some tracks as a target says.

    ``activate``, then ``push`` samples (each track in decode order), then ``deactivate``; again as often as you like.
    Each call returns the events that it caused, to be applied to a store in order. ``max_gap`` seconds without a
    sample end a span; ``timestamp_bits`` is the width of the source's counter where it wraps (32 for RTP).
    ``ivs`` gives initialisation vectors: share one among all recorders that use a key. ``dropped`` counts samples
    that were not stored, by reason.

    Raises ``MediaError`` for two tracks with one number, and for tracks that the target's format cannot hold.
    """

    def __init__(
        self,
        tracks: Iterable[Track],
        target: RecordingTarget,
        *,
        labels: Labels = Labels(),  # noqa: B008
        limits: FragmentLimits = FragmentLimits(),  # noqa: B008
        boundary: SegmentBoundary = since_open,
        ivs: IvSources | None = None,
        max_gap: Fraction = Fraction(10),
        timestamp_bits: int | None = None,
    ) -> None:
        given = tuple(tracks)
        target.format.spans(given)
        self._tracks = {track.track_id: track for track in given}
        if len(self._tracks) < len(given):
            raise MediaError("two tracks have one number")
        self._labels = labels
        self._opener = SpanOpener(target, labels, limits, boundary, ivs)
        self._max_gap = max_gap
        self._patience = max(Fraction(_PATIENCE), max_gap + 2)  # what a silent track holds back comes after max_gap
        self._timestamp_bits = timestamp_bits
        self._lanes: dict[int, Lane] = {}
        self._timescale = lcm(*(track.timescale for track in given))
        self._anchor: Anchor | None = None
        self._new_anchor: Anchor | None = None
        self._start: UtcTime | None = None
        self._spans: SpanSet | None = None
        self._pending: set[CutCause] = set()
        self._interleaver: Interleaver | None = None
        self._newest = NEVER
        self._look_at = 0
        self._first: int | None = None
        self.dropped: Counter[str] = Counter()

    @property
    def active(self) -> bool:
        """Whether the recording is activated."""
        return self._start is not None

    @property
    def target(self) -> RecordingTarget:
        """The target in force for spans that open from now on."""
        return self._opener.target

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks."""
        return tuple(self._tracks.values())

    @property
    def override(self) -> tuple[timedelta, UtcTime] | None:
        """The override of the segment duration and when it expires; None if there is none or it has expired. 5.24."""
        found = self._opener.override
        if found is not None and self._newest > NEVER and self._anchor is not None:
            return found if self._anchor.utc(self._newest, self._timescale) < found[1] else None
        return found

    def activate(self, at: UtcTime, *, media_time: Fraction | None = None, event_topic: str | None = None) -> None:
        """Open spans. B.2. ``media_time`` seconds of the source happen ``at``; None: its first sample does.

        ``event_topic`` labels the objects of this activation. Raises ``StateError`` if the recording is active.
        """
        if self.active:
            raise StateError("the recording is active")
        self._start = at
        self._anchor = self._new_anchor = None
        self._pending.clear()
        if media_time is not None:
            self._anchor = Anchor(at, media_time.numerator, media_time.denominator)
        self._opener.labels = self._labels if event_topic is None else replace(self._labels, event_topic=event_topic)
        self._lanes = make_lanes(self.tracks, self._timescale, self._max_gap, self._timestamp_bits)
        self._interleaver = make_interleaver(self._lanes, self._patience, self.target.format.spans(self.tracks))

    def push(self, sample: Sample) -> Sequence[RecordingEvent]:
        """Record a sample.

        Raises ``StateError`` if the recording is not active, ``MediaError`` for an unknown track and for a composition
        offset that no file can hold; nothing has happened then.
        """
        lane = self._lanes.get(sample.track_id)
        if lane is None:
            if not self.active:
                raise StateError("the recording is not active")
            raise MediaError(f"the recording has no track {sample.track_id}")
        ready = lane.clock.push(sample)
        if lane.asked is not None:
            lane.date_change()
        if ready is not None:
            if ready.decode_time < lane.quiet_until and not lane.clock.gap:  # nearly every sample
                time = (ready.decode_time + lane.shift) * lane.factor
                if time < self._look_at:
                    lane.latest = time
                    if time > self._newest:
                        self._newest = time
                    return lane.writer.add(ready)
            return self._ready(lane, ready)
        if self._spans is not None:
            self._spans.expect((lane,))
        return ()

    def deactivate(self) -> list[RecordingEvent]:
        """Close all spans. B.2. ``StateError`` if the recording is not active."""
        if not self.active:
            raise StateError("the recording is not active")
        events: list[RecordingEvent] = []
        for lane in self._lanes.values():
            last = lane.clock.flush()
            if last is not None:
                events.extend(self._ready(lane, last))
        events.extend(self._drain())
        for lane in self._lanes.values():
            events.extend(self._leave(lane))
        self._lanes, self._spans, self._start = {}, None, None
        self._newest, self._look_at = NEVER, 0
        return events

    def reconfigure(self, target: RecordingTarget) -> None:
        """Change the target. Durations hold from the next segment; the rest closes all spans, as ``cuts`` says.

        Removes an override of the segment duration. Raises ``MediaError`` for a format that cannot hold the tracks.
        5.7, 5.24, B.8.
        """
        target.format.spans(self.tracks)
        opener = self._opener
        old, opener.target, opener.override = opener.target, target, None
        self._wake()
        if (old.format, old.prefix, old.postfix, old.digits) != (
            target.format, target.prefix, target.postfix, target.digits,
        ):  # fmt: skip
            self._add_pending(CutCause.TARGET_CHANGED)
        if old.encryption != target.encryption:
            self._add_pending(CutCause.ENCRYPTION_CHANGED)

    def replace_track(self, track: Track) -> None:
        """Change a track's codec configuration for the samples that follow; all spans close if it is another. B.2.

        Raises ``MediaError`` if there is no such track, or its type or timescale is not the same.
        """
        old = self._tracks.get(track.track_id)
        if old is None or old.type is not track.type or old.timescale != track.timescale:
            raise MediaError(f"track {track.track_id} cannot be replaced by one of another type or timescale")
        self._tracks[track.track_id] = track
        lane = self._lanes.get(track.track_id)
        if lane is not None:
            lane.asked = track

    def set_clock(self, at: UtcTime, media_time: Fraction) -> None:
        """Tie media time to UTC anew, from the next sync sample on, in new spans. For a wall clock that jumped.

        ``media_time`` is in seconds of the source. ``StateError`` if the recording is not active.
        """
        if not self.active:
            raise StateError("the recording is not active")
        self._new_anchor = Anchor(at, media_time.numerator, media_time.denominator)
        self._add_pending(CutCause.CLOCK_CHANGED)

    def override_segment_duration(self, duration: timedelta, expires: UtcTime) -> None:
        """Close the open segments at the next sync sample and use ``duration`` until ``expires``. 5.24."""
        if duration <= timedelta(0):
            raise MediaError("a segment duration must be positive")
        self._opener.override = (duration, expires)
        self._end_segments(CutCause.DURATION_OVERRIDE)

    def end_segments_early(self) -> None:
        """Close the open segments at the next sync sample, for want of resources. B.3."""
        self._end_segments(CutCause.RESOURCES)

    def _add_pending(self, cause: CutCause) -> None:
        self._pending.add(cause)
        self._wake()

    def _wake(self) -> None:
        """Have the next sync sample of all tracks looked at."""
        for lane in self._lanes.values():
            lane.wake()

    def _end_segments(self, cause: CutCause) -> None:
        self._wake()
        for lane in self._lanes.values():
            if lane.spans is not None:
                lane.spans.writers[lane.track.track_id].end_segment_early(cause)

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
            events.extend(self._store(self._lanes[released.track_id], released))
        if self._spans is not None and not self._spans.multiplexed:
            events.extend(self._drain())
        return events

    def _drain(self) -> list[RecordingEvent]:
        """Store what waits for other tracks, and wait no more."""
        interleaver, self._interleaver = self._interleaver, None
        waiting = interleaver.close() if interleaver is not None else []
        return [event for sample in waiting for event in self._store(self._lanes[sample.track_id], sample)]

    def _store(self, lane: Lane, sample: Sample) -> Sequence[RecordingEvent]:
        """Store a sample, closing before it what has to close."""
        events: Sequence[RecordingEvent] = ()
        if sample.sync:
            events = self._at_sync(lane, sample)
        elif lane.changes or lane.gap_at is not None or self._takes_over(lane):
            events = self._break_off(lane, sample)
        if lane.spans is None:
            if not sample.sync:
                self.dropped["before the next sync sample"] += 1
            return events
        more = lane.spans.writers[sample.track_id].push(sample)
        return [*events, *more] if events else more

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
        if leads:
            self._add_pending(CutCause.MOVIE_CHANGED if changed else CutCause.MEDIA_GAP)
        return self._leave(lane)

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
        if cause is CutCause.TRACK_GAP:
            events = self._leave(lane)
        elif cause is not None and CUTS[cause].spans is Spans.ALL:
            if current.multiplexed and not leads:  # all tracks change over where the leading one can
                self._add_pending(cause)
                self.dropped["before the cut for a new codec configuration"] += 1
                lane.leave()
                return ()
            if current.multiplexed:  # also where this track has not come in yet
                events = self._close(current, sample.track_id)
            current = self._open(lane.time(sample), lane, sample)
        if lane.spans is current:
            nothing_to_come = not self._pending and not lane.changes and lane.gap_at is None
            if cause is None and nothing_to_come and not current.multiplexed:
                until = current.quiet_until(lane, self.target.span_duration, _PATIENCE * self._timescale)
                lane.be_quiet(until, current.writers[track_id])
            return events
        return [*events, *self._change_over(lane, sample, leads, gap)]

    def _change_over(self, lane: Lane, sample: Sample, leads: bool, gap: bool) -> Sequence[RecordingEvent]:
        """Let a track into the spans where it belongs: the current ones, if it has come to where they start."""
        old, spans = lane.spans, self._spans
        assert spans is not None
        if spans.is_ahead(lane.time(sample), leads):
            spans = old if old is not None and old.movie[sample.track_id] == lane.track else None
            if spans is not None and not gap:
                return ()
        events = self._leave(lane)
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
            patience = _PATIENCE * self._timescale
            lasting = lane.time(sample) - current.began(sample.track_id, patience) - (0 if leads else patience)
            if lasting * 1_000_000 >= limit // _MICROSECOND * self._timescale:
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
        return is_leading(lane, self._lanes.values(), self._newest, self._first, _PATIENCE * self._timescale)

    # ---- spans --------------------------------------------------------------------------------------------

    def _leave(self, lane: Lane) -> Sequence[RecordingEvent]:
        """Close the span that a track is in; all tracks of a multiplexed span leave it together."""
        return () if lane.spans is None else self._close(lane.spans, lane.track.track_id)

    def _close(self, spans: SpanSet, track_id: int) -> Sequence[RecordingEvent]:
        writer = spans.writers[track_id]
        for other in self._lanes.values():
            if other.spans is spans and spans.writers.get(other.track.track_id) is writer:
                other.leave()
        return writer.close()

    def _open(self, start: int | None, lane: Lane, sample: Sample) -> SpanSet:
        """Make the spans that all tracks are to enter from ``start`` (common ticks) on. B.2."""
        presented = sample.decode_time + sample.composition_offset
        anchor = self._new_anchor or self._anchor
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
