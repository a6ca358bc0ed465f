"""Segments → one span: keys, counters, and the span end object. ONVIF Recording Control 25.12, B.2 to B.5."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from onvif_bmff.errors import InvariantError, StateError
from onvif_bmff.media.track import Sample, TrackType
from onvif_bmff.objects.events import FragmentWritten, RecordingEvent, SegmentOpened, SegmentSealed, SpanEnded
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.objects.stored import Buffer
from onvif_bmff.recording.cuts import CutCause
from onvif_bmff.recording.formats import SpanType
from onvif_bmff.recording.fragment import FragmentTrack, Run
from onvif_bmff.recording.segment import SegmentWriter
from onvif_bmff.recording.segment_labels import segment_attributes
from onvif_bmff.recording.span_parts import (
    SPAN_STEPS,
    OpenSegment,
    SpanHeader,
    SpanKeys,
    SpanSettings,
    SpanStep,
    SpanWriterState,
)
from onvif_bmff.timing import UtcTime

__all__ = ["SpanWriter", "WriteFailure"]


@dataclass(frozen=True, slots=True, eq=False)
class WriteFailure:
    """Why a fragment could not be written, and how many samples were in it."""

    error: Exception
    lost: int


class SpanWriter:
    """Writes one span.

    ``push`` samples and ``close`` the span; both return what happened, as events in order. A segment ends at the
    first sync sample of the leading track at which it is as long as configured, or after ``end_segment_early``.
    ``state`` goes by the table of ``span_parts``.
    """

    __slots__ = (
        "_end_time", "_header", "_keys", "_kind", "_lead", "_limits", "_segment", "_sequence_number", "_settings",
        "_tracks", "failure", "state",
    )  # fmt: skip

    def __init__(self, kind: SpanType, tracks: Sequence[FragmentTrack], settings: SpanSettings) -> None:
        self._kind = kind
        self._tracks = {track.track_id: track for track in tracks}
        self._settings = settings
        self._lead = self._tracks[kind.lead.track_id]
        whole = any(track.encryptor is not None and track.encryptor.whole_segments for track in tracks)
        self._limits = replace(settings.limits, whole_segments=True) if whole else settings.limits
        self._header = SpanHeader(settings, kind, tracks)
        self._keys = SpanKeys(settings, kind.extension, settings.digits)
        self._segment: OpenSegment | None = None
        self._sequence_number = 1
        self._end_time: UtcTime | None = None
        self.state = SpanWriterState.WAITING
        self.failure: WriteFailure | None = None
        """Why a fragment could not be written; the span is closed then, and ends with the one before it."""

    @property
    def closed(self) -> bool:
        """Whether the span has ended."""
        return self.state is SpanWriterState.CLOSED

    @property
    def lead_id(self) -> int:
        """The track that decides where segments begin; another one may take over while it is silent."""
        return self._lead.track_id

    def lead_by(self, track_id: int) -> None:
        """Let a track decide where segments begin, or tell that the one that does has its first sample."""
        self._lead = self._tracks[track_id]
        segment = self._segment
        if segment is not None:
            segment.writer.lead_by(track_id, self._fragment_ticks())
            segment.schedule(self._lead, self._settings)

    def end_segment_early(self, cause: CutCause) -> None:
        """End the open segment at the next sync sample, to free resources (B.3) or for an override (5.24)."""
        if self._segment is not None:
            self._segment.end_asked = cause

    @property
    def due(self) -> int | None:
        """The decode time of the leading track from which on a sync sample begins a new segment; None: any may."""
        segment = self._segment
        if segment is None or segment.end_asked is not None or self._limits.whole_segments:
            return None
        return segment.due

    def segment_due(self, sample: Sample) -> CutCause | None:
        """Return why a sync ``sample`` of the leading track would begin a new segment; None if it would not."""
        return None if self._segment is None else self._segment.ends_before(sample)

    def push(self, sample: Sample) -> Sequence[RecordingEvent]:
        """Add a sample; return what it completes. ``StateError`` if the span is closed.

        Where a fragment cannot be written the span closes and ``failure`` says why; this sample is not taken then.
        """
        if self.state is SpanWriterState.CLOSED:
            raise StateError("the span is closed")
        events: Sequence[RecordingEvent] = ()
        try:
            if sample.sync and sample.track_id == self._lead.track_id and self.segment_due(sample) is not None:
                events = self._end_segment()
            if self._segment is None:
                self._open_segment(sample)
            more = self.add(sample)
        except Exception as error:  # noqa: BLE001 - of an encryptor: a third-party IV store may raise anything
            more = self.give_up(error)
        return [*events, *more] if events else more

    def add(self, sample: Sample) -> Sequence[RecordingEvent]:
        """Add a sample to the open segment, which is known to go on; return what it completes.

        Raises whatever the encryptor does; then ``give_up``.
        """
        segment = self._segment
        if segment is None:
            raise InvariantError("a sample goes on in a segment, and none is open")
        buffers = segment.writer.push(sample)
        return self._written(segment, buffers) if buffers else ()

    def close(self, before: Sample | None = None) -> Sequence[RecordingEvent]:
        """End the span with its open segment, ``before`` a sample that begins the next one, if there is one.

        A span without samples has no end object. B.5.
        """
        if self.closed:
            return ()
        try:
            if before is not None and self._segment is not None:
                self._segment.writer.end_before(before)
            events = self._end_segment()
        except Exception as error:  # noqa: BLE001 - of an encryptor: a third-party IV store may raise anything
            return self.give_up(error)
        self._step(SpanStep.CLOSE)
        return [*events, *self._end()]

    def _end(self) -> Sequence[RecordingEvent]:
        self._settings.tie.close(self._kind.lead)
        return () if self._end_time is None else (SpanEnded(self._keys.unused(self._end_time, span_end=True)),)

    def give_up(self, error: Exception) -> Sequence[RecordingEvent]:
        """Close the span without the fragment that could not be written; return what that completes."""
        segment, self._segment = self._segment, None
        self.failure = WriteFailure(error, 0 if segment is None else segment.writer.unwritten)
        events: Sequence[RecordingEvent] = ()
        try:
            if segment is not None and segment.key is not None:
                events = self._seal(segment)
        finally:
            self._step(SpanStep.CLOSE)
        return [*events, *self._end()]

    def _step(self, step: SpanStep) -> None:
        after = SPAN_STEPS[self.state].get(step)
        if after is None:
            raise InvariantError(f"a span that is {self.state} can have no {step}")
        self.state = after

    def _open_segment(self, sample: Sample) -> None:
        if self._segment is not None:
            raise InvariantError(f"segment {self._keys.counter} of a span is open, and another one is to be opened")
        track = self._tracks[sample.track_id]
        clock = self._settings.tie.open(self._kind.lead)
        start = clock.utc(sample.decode_time + track.delay, track.timescale)
        self._header.created = self._header.created or start
        writer = SegmentWriter(
            tuple(self._tracks.values()),
            self._header.build,
            lead_id=self._lead.track_id,
            fragment_ticks=self._fragment_ticks(),
            limits=self._limits,
            sequence_number=self._sequence_number,
            mfra=self._settings.mfra,
            before_fragment=self._header.settle,
        )
        self._segment = OpenSegment(writer, clock, start, track)
        self._step(SpanStep.SAMPLE)
        self._segment.schedule(self._lead, self._settings)

    def _fragment_ticks(self) -> int:
        limits = self._limits
        lead = next(track for track in self._kind.tracks if track.track_id == self._lead.track_id)
        seconds = limits.video if lead.type is TrackType.VIDEO else limits.other
        return int(seconds * lead.timescale)

    def _written(self, segment: OpenSegment, buffers: tuple[Buffer, ...]) -> Sequence[RecordingEvent]:
        runs = segment.writer.last_runs
        start, lead = self._start_of(segment.clock, runs, self._lead)
        events: list[RecordingEvent] = []
        if segment.key is None:
            keys, before = self._keys, None
            if not keys.counter:  # the first of the span: at its earliest sample
                others = [_utc(segment.clock, run.track, run.first_presentation) for run in runs if run is not lead]
                segment.key = keys.unused(min([start, *others]))
            elif segment.opened_by is self._lead:
                segment.key = keys.at(start)
            else:
                segment.key = keys.at(self._start_of(segment.clock, runs, segment.opened_by)[0])
            self._step(SpanStep.FRAGMENT)
            if keys.counter and len(runs) > 1:
                earliest = min(_utc(segment.clock, run.track, run.first_presentation) for run in runs)
                before = earliest if earliest < segment.key.time else None
            events.append(SegmentOpened(segment.key, self._kind.content_type, bytes(buffers[0]), before))
            buffers = buffers[1:]
        count = sum([run.sample_count for run in runs])
        events.append(FragmentWritten(segment.key, buffers, start, lead.duration, count))
        return events

    def _end_segment(self) -> Sequence[RecordingEvent]:
        segment = self._segment
        if segment is None:
            return ()
        buffers = segment.writer.end_fragment()
        self._segment = None
        events = self._written(segment, buffers) if buffers else ()
        return [*events, *self._seal(segment)]

    def _seal(self, segment: OpenSegment) -> Sequence[RecordingEvent]:
        """Complete a segment all of whose fragments are written."""
        writer = segment.writer
        random_access = writer.random_access() if self._settings.mfra else None
        self._sequence_number = writer.sequence_number
        if segment.key is None or segment.key.counter != self._keys.counter:
            raise InvariantError(f"segment {self._keys.counter} of a span ends under the key {segment.key}")
        attributes = segment_attributes(
            self._settings.labels,
            self._kind.tracks,
            self._kind.timescale,
            writer.totals,
            self._settings.full_content_type,
            random_access,
        )
        ends = writer.totals.presentation_end
        self._end_time = max(_utc(segment.clock, self._tracks[track_id], end) for track_id, end in ends.items())
        trailer = random_access.build() if random_access is not None else b""
        self._keys.counter += 1
        self._step(SpanStep.SEAL)
        return (SegmentSealed(segment.key, trailer, attributes, self._end_time),)

    @staticmethod
    def _start_of(clock: MediaClock, runs: tuple[Run, ...], lead: FragmentTrack) -> tuple[UtcTime, Run]:
        """When a fragment starts, and its leading run: that of the track that leads, or the first if it has none.

        It starts with that run, or without one of the track that leads at its earliest sample.
        """
        for run in runs:
            if run.track is lead:
                return _utc(clock, run.track, run.first_presentation), run
        return min([_utc(clock, run.track, run.first_presentation) for run in runs]), runs[0]


def _utc(clock: MediaClock, track: FragmentTrack, file_time: int) -> UtcTime:
    """The instant of a time in the file."""
    ticks = (file_time + track.origin) * track.denominator
    return clock.utc(ticks, track.timescale * track.numerator)
