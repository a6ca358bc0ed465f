"""All open spans of one recording. ONVIF Recording Control 25.12, Annex B.

::

    Sample ─ SampleClock ─ [Interleaver] ─ SpanWriter ─ SegmentWriter ─ FragmentBuilder
               one a track    MP4 only        one a span

The recorder does no I/O and reads no clock: samples go in, events come out, in order. What closes when is decided by
the table in ``cuts``.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from math import lcm

from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.errors import MediaError, StateError
from onvif_bmff.media.track import Sample, Track, TrackType
from onvif_bmff.objects.events import RecordingEvent
from onvif_bmff.recording.anchor import Anchor, Origin
from onvif_bmff.recording.boundaries import SegmentBoundary, since_open
from onvif_bmff.recording.cuts import CUTS, CutCause, Spans, decide
from onvif_bmff.recording.encryption import SpanProtection, protect
from onvif_bmff.recording.formats import SpanType, full_content_type
from onvif_bmff.recording.header import build_header
from onvif_bmff.recording.interleave import Interleaver
from onvif_bmff.recording.labels import Labels
from onvif_bmff.recording.lanes import Lane, SpanSet
from onvif_bmff.recording.sample_clock import SampleClock, SharedShift
from onvif_bmff.recording.segment import FragmentLimits
from onvif_bmff.recording.span import SpanSettings
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
        self._tracks = {track.track_id: track for track in tracks}
        self._target = target
        self._labels = labels
        self._limits = limits
        self._boundary = boundary
        self._ivs = ivs
        self._max_gap = max_gap
        self._timestamp_bits = timestamp_bits
        self._lanes: dict[int, Lane] = {}
        self._timescale = 1
        self._anchor: Anchor | None = None
        self._start: UtcTime | None = None
        self._spans: SpanSet | None = None
        self._pending: set[CutCause] = set()
        self._new_anchor: Anchor | None = None
        self._override: tuple[timedelta, UtcTime] | None = None
        self._used_keys: dict[str, str] = {}
        self._interleaver: Interleaver | None = None
        self._newest: int | None = None
        self._first: int | None = None
        self.dropped: Counter[str] = Counter()
        target.format.spans(tuple(self._tracks.values()))

    @property
    def active(self) -> bool:
        """Whether the recording is activated."""
        return self._start is not None

    @property
    def target(self) -> RecordingTarget:
        """The target in force for spans that open from now on."""
        return self._target

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks."""
        return tuple(self._tracks.values())

    @property
    def override(self) -> tuple[timedelta, UtcTime] | None:
        """The override of the segment duration and when it expires, or None. 5.24."""
        return self._override

    def activate(self, at: UtcTime, *, media_time: Fraction | None = None, event_topic: str | None = None) -> None:
        """Open spans. B.2. ``media_time`` seconds of the source happen ``at``; None: its first sample does.

        ``event_topic`` labels the objects. Raises ``StateError`` if the recording is active.
        """
        if self.active:
            raise StateError("the recording is active")
        self._start = at
        self._anchor = None
        if media_time is not None:
            self._anchor = Anchor(at, media_time.numerator, media_time.denominator)
        if event_topic is not None:
            self._labels = replace(self._labels, event_topic=event_topic)
        self._timescale = lcm(*(track.timescale for track in self._tracks.values()))
        shared = SharedShift()
        for track in sorted(self._tracks.values(), key=lambda track: list(TrackType).index(track.type)):
            clock = SampleClock(
                track.timescale,
                sparse=track.type is TrackType.METADATA,
                max_gap=self._max_gap,
                timestamp_bits=self._timestamp_bits,
                shared=shared,
            )
            self._lanes[track.track_id] = Lane(track, clock, self._timescale // track.timescale)
        self._interleaver = self._new_interleaver(self._target.format.spans(self.tracks))

    def push(self, sample: Sample) -> Sequence[RecordingEvent]:
        """Record a sample; ``StateError`` if the recording is not active, ``MediaError`` for an unknown track."""
        lane = self._lanes.get(sample.track_id)
        if lane is None:
            if self._start is None:
                raise StateError("the recording is not active")
            raise MediaError(f"the recording has no track {sample.track_id}")
        ready = lane.clock.push(sample)
        if lane.change_asked:
            lane.change_asked, lane.change_at = False, lane.clock.held_time
        return () if ready is None else self._ready(lane, ready)

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
        self._lanes, self._spans, self._start, self._anchor = {}, None, None, None
        self._interleaver, self._newest = None, None
        self._pending.clear()
        return events

    def reconfigure(self, target: RecordingTarget) -> None:
        """Change the target. Durations hold from the next segment; the rest closes all spans, as ``cuts`` says.

        Removes an override of the segment duration. 5.7, 5.24, B.8.
        """
        target.format.spans(self.tracks)
        old, self._target, self._override = self._target, target, None
        if (old.format, old.prefix, old.postfix, old.digits) != (
            target.format, target.prefix, target.postfix, target.digits,
        ):  # fmt: skip
            self._pending.add(CutCause.TARGET_CHANGED)
        if old.encryption != target.encryption:
            self._pending.add(CutCause.ENCRYPTION_CHANGED)

    def replace_track(self, track: Track) -> None:
        """Change a track's codec configuration for the samples that follow; all spans close if it is another. B.2.

        Raises ``MediaError`` if there is no such track, or its type or timescale is not the same.
        """
        old = self._tracks.get(track.track_id)
        if old is None or old.type is not track.type or old.timescale != track.timescale:
            raise MediaError(f"track {track.track_id} cannot be replaced by one of another type or timescale")
        if old == track:
            return
        self._tracks[track.track_id] = track
        lane = self._lanes.get(track.track_id)
        if lane is not None:
            lane.track, lane.change_asked = track, True

    def set_clock(self, at: UtcTime, media_time: Fraction) -> None:
        """Tie media time to UTC anew, from the next sync sample on, in new spans. For a wall clock that jumped."""
        self._new_anchor = Anchor(at, media_time.numerator, media_time.denominator)
        self._pending.add(CutCause.CLOCK_CHANGED)

    def override_segment_duration(self, duration: timedelta, expires: UtcTime) -> None:
        """Close the open segments at the next sync sample and use ``duration`` until ``expires``. 5.24."""
        if duration <= timedelta(0):
            raise MediaError("a segment duration must be positive")
        self._override = (duration, expires)
        self.end_segments_early()

    def end_segments_early(self) -> None:
        """Close the open segments at the next sync sample, for want of resources. B.3."""
        if self._spans is not None:
            for writer in self._spans.writers.values():
                writer.end_segment_early()

    # ---- the way of a sample ------------------------------------------------------------------------------

    def _ready(self, lane: Lane, sample: Sample) -> Sequence[RecordingEvent]:
        """Take a sample whose times are final."""
        if lane.clock.gap:
            lane.gap_at = sample.decode_time
        if lane.shift is None:
            if not sample.sync:
                self.dropped["before the first sync sample"] += 1
                return ()
            lane.shift = sample.composition_offset
        time = (sample.decode_time + lane.shift) * lane.factor
        if self._newest is None or time > self._newest:
            self._first = time if self._newest is None else self._first
            self._newest = time
        lane.latest = time
        interleaver = self._interleaver
        if interleaver is None:
            return self._store(lane, sample)
        events: list[RecordingEvent] = []
        for released in interleaver.push(sample, lane.shift):
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
        elif lane.spans is not None and self._breaks_off(lane, sample):
            events = self._leave(lane)
        if lane.spans is None:
            if not sample.sync:
                self.dropped["before the next sync sample"] += 1
            return events
        more = lane.spans.writers[sample.track_id].push(sample)
        return [*events, *more] if events else more

    def _breaks_off(self, lane: Lane, sample: Sample) -> bool:
        """Tell whether a sample that is not sync cannot follow the one before it."""
        return (lane.change_at is not None and sample.decode_time >= lane.change_at) or (
            lane.gap_at is not None and sample.decode_time >= lane.gap_at and self._leads(lane)
        )

    def _at_sync(self, lane: Lane, sample: Sample) -> Sequence[RecordingEvent]:
        """Do what ``cuts`` says before a sync sample, and see that the track is where it belongs."""
        current = self._spans or self._open(None, lane, sample)
        leads = self._leads(lane)
        changed = lane.change_at is not None and sample.decode_time >= lane.change_at
        if changed and current.multiplexed and not leads and lane.spans is current:
            self._pending.add(CutCause.MOVIE_CHANGED)
            self.dropped["before the cut for a new codec configuration"] += 1
            return self._keep_out(lane)
        cause = decide(self._causes(lane, sample, current, leads, changed))
        if cause is not None and CUTS[cause].spans is Spans.ALL:
            current = self._open(lane.time(sample), lane, sample)
        gap = lane.gap_at is not None and sample.decode_time >= lane.gap_at
        events: Sequence[RecordingEvent] = ()
        if cause is CutCause.TRACK_GAP:
            events = self._leave(lane)
            current.restart(sample.track_id)
        if gap:
            lane.gap_at = None
        if lane.spans is not current:
            if current.start is not None and lane.time(sample) < current.start and not leads:
                return self._lagging(lane, changed)
            events = [*events, *self._leave(lane)]
            lane.change_at = None if changed else lane.change_at
            if not current.enter(lane, sample):
                self.dropped["too late for its span"] += 1
        return events

    def _keep_out(self, lane: Lane) -> Sequence[RecordingEvent]:
        """Let a track wait, outside the multiplexed span that goes on without it, for all spans to close."""
        lane.spans = None
        return ()

    def _lagging(self, lane: Lane, changed: bool) -> Sequence[RecordingEvent]:
        """A track that has not come to where the new spans start goes on in the old ones, if it can."""
        if lane.spans is None or changed:
            self.dropped["too late for its span"] += 1
            return self._leave(lane)
        return ()

    def _causes(self, lane: Lane, sample: Sample, current: SpanSet, leads: bool, changed: bool) -> set[CutCause]:
        """Find what calls for a cut at this sync sample."""
        causes: set[CutCause] = set()
        if changed and (lane.spans is current or lane.spans is None):
            causes.add(CutCause.MOVIE_CHANGED)
        if lane.spans is not current:
            return causes | (self._pending if leads and lane.spans is None and current.opened is not None else set())
        if lane.gap_at is not None and sample.decode_time >= lane.gap_at:
            if leads:
                causes.add(CutCause.MEDIA_GAP)
            elif not current.multiplexed:
                causes.add(CutCause.TRACK_GAP)
        limit = self._target.span_duration
        if limit is not None and current.opened is not None:
            grace = 0 if leads else _PATIENCE * self._timescale
            lasting = lane.time(sample) - current.opened - grace
            if lasting * 1_000_000 >= limit // _MICROSECOND * self._timescale:
                causes.add(CutCause.SPAN_DURATION)
        if leads:
            if current.writers[sample.track_id].segment_due(sample):
                causes.add(CutCause.SEGMENT_DURATION)
            causes |= self._pending
            if causes and current.protection.keys and CutCause.ENCRYPTION_CHANGED not in causes:
                at = current.settings.anchor.utc(lane.time(sample), self._timescale)
                if not current.protection.is_current(self._target.encryption, at):
                    causes.add(CutCause.KEY_ROTATED)
        return causes

    def _leads(self, lane: Lane) -> bool:
        """Tell whether a track decides for all: the first of video, audio, metadata that is not silent."""
        interleaver = self._interleaver
        if interleaver is not None:
            return interleaver.lead_id == lane.track.track_id
        newest, patience = self._newest or 0, _PATIENCE * self._timescale
        for other in self._lanes.values():
            if other is lane:
                return True
            since = other.latest if other.latest is not None else self._first
            if since is not None and newest - since <= patience:
                return False
        return True

    # ---- spans --------------------------------------------------------------------------------------------

    def _leave(self, lane: Lane) -> Sequence[RecordingEvent]:
        """Close the span that a track is in; all tracks of a multiplexed span leave it together."""
        spans = lane.spans
        if spans is None:
            return ()
        writer = spans.writers[lane.track.track_id]
        for other in self._lanes.values():
            if other.spans is spans and spans.writers.get(other.track.track_id) is writer:
                other.spans = None
        return writer.close()

    def _open(self, start: int | None, lane: Lane, sample: Sample) -> SpanSet:
        """Make the spans that all tracks are to enter from ``start`` (common ticks) on. B.2."""
        if self._new_anchor is not None:
            self._anchor, self._new_anchor = self._new_anchor, None
        elif self._anchor is None:
            assert self._start is not None
            self._anchor = Anchor(self._start, sample.decode_time + sample.composition_offset, lane.track.timescale)
        self._pending.clear()
        target = self._target
        tracks = tuple(found.track for found in self._lanes.values())
        at = self._anchor.utc((sample.decode_time + sample.composition_offset) * lane.factor, self._timescale)
        protection = SpanProtection()
        if target.encryption:
            self._ivs = self._ivs or IvSources()
            protection = protect(target.encryption, tracks, at, self._ivs)

        def header(kind: SpanType, created: UtcTime, constant_ivs: Mapping[int, bytes]) -> bytes:
            return build_header(
                target.format.brands,
                kind.tracks,
                kind.timescale,
                created,
                protection=protection,
                constant_ivs=constant_ivs,
            )

        kinds = target.format.spans(tracks)
        settings = SpanSettings(
            anchor=self._anchor,
            origin=Origin(self._timescale),
            prefix=target.prefix,
            postfix=target.postfix,
            digits=target.digits,
            segment_end=self._segment_end,
            header=header,
            full_content_type=full_content_type(tracks),
            labels=self._labels,
            limits=self._limits,
            mfra=target.format.random_access,
            used_keys=self._used_keys,
        )
        self._spans = SpanSet(start, settings, protection, kinds)
        if self._interleaver is None:
            self._interleaver = self._new_interleaver(kinds)
        return self._spans

    def _new_interleaver(self, kinds: Sequence[SpanType]) -> Interleaver | None:
        if len(kinds) > 1 or len(kinds[0].tracks) < 2:
            return None
        order = [track.track_id for track in kinds[0].tracks]
        factors = {track_id: self._lanes[track_id].factor for track_id in order}
        return Interleaver(order, factors, _PATIENCE * self._timescale)

    def _segment_end(self, opened: UtcTime) -> UtcTime:
        """When a segment that opens now is due; an override that has expired is forgotten. 5.24."""
        duration = self._target.segment_duration
        if self._override is not None:
            if opened < self._override[1]:
                duration = self._override[0]
            else:
                self._override = None
        return self._boundary(opened, duration)
