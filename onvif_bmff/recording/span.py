"""Segments → one span: keys, counters, and the span end object. ONVIF Recording Control 25.12, B.2 to B.5."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from onvif_bmff.errors import StateError
from onvif_bmff.media.track import Sample, TrackType
from onvif_bmff.objects.events import FragmentWritten, RecordingEvent, SegmentOpened, SegmentSealed, SpanEnded
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.objects.stored import Buffer
from onvif_bmff.recording.cuts import CutCause
from onvif_bmff.recording.formats import SpanType
from onvif_bmff.recording.fragment import FragmentTrack, Run
from onvif_bmff.recording.origin import Origin
from onvif_bmff.recording.segment import FragmentLimits, SegmentWriter
from onvif_bmff.recording.segment_attributes import SegmentLabels, segment_attributes
from onvif_bmff.timing import UtcTime

__all__ = ["SpanSettings", "SpanWriter"]

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class SpanSettings:
    """What the spans that open together have in common.

    ``segment_end`` gives the instant at which a segment that opens at an instant is due; ``header`` makes the first
    bytes of a segment from the span's type, its creation time and constant IVs. ``used_keys`` remembers, by extension,
    the keys of spans that began (or ended) in the latest instant that keys can tell apart: another one gets finer keys.
    """

    clock: MediaClock
    origin: Origin
    prefix: str
    postfix: str
    digits: int
    segment_end: Callable[[UtcTime], UtcTime]
    header: Callable[[SpanType, UtcTime, Mapping[int, bytes]], bytes]
    full_content_type: str
    labels: SegmentLabels = field(default_factory=SegmentLabels)
    limits: FragmentLimits = field(default_factory=FragmentLimits)
    mfra: bool = True
    used_keys: dict[str, list[str]] = field(default_factory=dict)


class SpanWriter:
    """Writes one span.

    ``push`` samples and ``close`` the span; both return what happened, as events in order. A segment ends at the
    first sync sample of the leading track at which it is as long as configured, or after ``end_segment_early``.
    """

    __slots__ = (
        "_counter",
        "_created",
        "_digits",
        "_end_asked",
        "_end_time",
        "_key",
        "_kind",
        "_lead",
        "_limits",
        "_opened_by",
        "_same_header",
        "_segment",
        "_segment_due",
        "_segment_start",
        "_sequence_number",
        "_settings",
        "_settled",
        "_tracks",
        "closed",
        "failure",
        "lost",
    )

    def __init__(self, kind: SpanType, tracks: Sequence[FragmentTrack], settings: SpanSettings) -> None:
        self._kind = kind
        self._tracks = {track.track_id: track for track in tracks}
        self._settings = settings
        self._lead = self._tracks[kind.lead.track_id]
        whole = any(track.encryptor is not None and track.encryptor.whole_segments for track in tracks)
        self._limits = replace(settings.limits, whole_segments=True) if whole else settings.limits
        self._same_header: bytes | None = None
        self._segment: SegmentWriter | None = None
        self._segment_start: UtcTime | None = None
        self._opened_by = self._lead
        self._segment_due = 0
        self._sequence_number = 1
        self._counter = 0
        self._digits = settings.digits
        self._key: ObjectKey | None = None
        self._created: UtcTime | None = None
        self._end_time: UtcTime | None = None
        self._end_asked: CutCause | None = None
        self._settled = False
        self.closed = False
        self.failure: Exception | None = None
        """Why a fragment could not be written; the span is closed then, and ends with the one before it."""
        self.lost = 0
        """How many samples were in it."""

    @property
    def lead_id(self) -> int:
        """The track that decides where segments begin; another one may take over while it is silent."""
        return self._lead.track_id

    def lead_by(self, track_id: int) -> None:
        """Let a track decide where segments begin, or tell that the one that does has its first sample."""
        self._lead = self._tracks[track_id]
        if self._segment is not None:
            self._segment.lead_by(track_id, self._fragment_ticks())
            self._schedule()

    def end_segment_early(self, cause: CutCause) -> None:
        """End the open segment at the next sync sample to free resources (B.3) or for an override (5.24)."""
        self._end_asked = cause if self._segment is not None else None

    @property
    def due(self) -> int | None:
        """The decode time of the leading track from which on a sync sample begins a new segment; None: any may."""
        if self._segment is None or self._end_asked is not None or self._limits.whole_segments:
            return None
        return self._segment_due

    def segment_due(self, sample: Sample) -> CutCause | None:
        """Return why a sync ``sample`` of the leading track would begin a new segment; None if it would not."""
        if self._segment is None:
            return None
        if self._end_asked is not None:
            return self._end_asked
        if sample.decode_time >= self._segment_due:
            return CutCause.SEGMENT_DURATION
        return CutCause.RESOURCES if self._segment.is_full else None

    def push(self, sample: Sample) -> Sequence[RecordingEvent]:
        """Add a sample; return what it completes. ``StateError`` if the span is closed.

        Where a fragment cannot be written the span closes and ``failure`` says why; this sample is not taken then.
        """
        if self.closed:
            raise StateError("the span is closed")
        events: Sequence[RecordingEvent] = ()
        try:
            if sample.sync and sample.track_id == self._lead.track_id and self.segment_due(sample) is not None:
                events = self._end_segment()
            if self._segment is None:
                self._open_segment(sample)
            more = self.add(sample)
        except Exception as error:  # of an encryptor: a third-party IV store may raise anything
            more = self.give_up(error)
        return [*events, *more] if events else more

    def add(self, sample: Sample) -> Sequence[RecordingEvent]:
        """Add a sample to the open segment, which is known to go on; return what it completes.

        Raises whatever the encryptor does; then ``give_up``.
        """
        segment = self._segment
        assert segment is not None
        buffers = segment.push(sample)
        return self._written(segment, buffers) if buffers else ()

    def close(self, before: Sample | None = None) -> Sequence[RecordingEvent]:
        """End the span with its open segment, ``before`` a sample that begins the next one, if there is one.

        A span without samples has no end object. B.5.
        """
        if self.closed:
            return ()
        self.closed = True
        try:
            if before is not None and self._segment is not None:
                self._segment.end_before(before)
            events = list(self._end_segment())
        except Exception as error:
            return self.give_up(error)
        return [*events, *self._end()]

    def _end(self) -> Sequence[RecordingEvent]:
        return () if self._end_time is None else (SpanEnded(self._unused_key(self._end_time, span_end=True)),)

    def give_up(self, error: Exception) -> Sequence[RecordingEvent]:
        """Close the span without the fragment that could not be written; return what that completes."""
        self.closed, self.failure = True, error
        segment, self._segment = self._segment, None
        events: list[RecordingEvent] = []
        if segment is not None:
            self.lost = segment.unwritten
            if self._key is not None:
                events.extend(self._seal(segment))
        return [*events, *self._end()]

    def _open_segment(self, sample: Sample) -> None:
        track = self._tracks[sample.track_id]
        self._opened_by = track
        self._segment_start = self._settings.clock.utc(sample.decode_time + track.delay, track.timescale)
        self._end_asked = None
        self._created = self._created or self._segment_start
        self._segment = SegmentWriter(
            tuple(self._tracks.values()),
            self._header,
            lead_id=self._lead.track_id,
            fragment_ticks=self._fragment_ticks(),
            limits=self._limits,
            sequence_number=self._sequence_number,
            mfra=self._settings.mfra,
            before_fragment=self._settle,
        )
        self._schedule()

    def _schedule(self) -> None:
        """Work out the source time of the leading track at which the open segment is due."""
        start = self._segment_start
        assert start is not None
        clock, lead = self._settings.clock, self._lead
        due = self._settings.segment_end(start).microseconds_since(clock.at)
        ticks = (due * clock.timescale + clock.ticks * 1_000_000) * lead.timescale
        self._segment_due = -(-ticks // (clock.timescale * 1_000_000)) - lead.delay  # the first tick not before it

    def _fragment_ticks(self) -> int:
        limits = self._limits
        lead = next(track for track in self._kind.tracks if track.track_id == self._lead.track_id)
        seconds = limits.video if lead.type is TrackType.VIDEO else limits.other
        return int(seconds * lead.timescale)

    def _header(self, constant_ivs: Mapping[int, bytes]) -> bytes:
        """The first bytes of a segment: the same in all of them, unless tenc has to name an IV of this segment."""
        if self._same_header is not None:
            return self._same_header
        assert self._created is not None
        header = self._settings.header(self._kind, self._created, constant_ivs)
        if not constant_ivs:
            self._same_header = header
        return header

    def _settle(self) -> None:
        """Fix tick 0 of the file, before the first decode time is written."""
        if not self._settled:
            self._settled = True
            origin = self._settings.origin
            time = origin.settle()
            for track in self._tracks.values():
                track.origin = time * self._kind.timescale // origin.timescale

    def _written(self, segment: SegmentWriter, buffers: tuple[Buffer, ...]) -> Sequence[RecordingEvent]:
        runs = segment.last_runs
        events: list[RecordingEvent] = []
        if self._key is None:
            self._key = (
                self._first_key(runs) if self._counter == 0 else self._key_at(self._start_of(runs, self._opened_by))
            )
            events.append(SegmentOpened(self._key, self._kind.content_type, bytes(buffers[0])))
            buffers = buffers[1:]
        lead = next((run for run in runs if run.track is self._lead), runs[0])
        count = sum(run.sample_count for run in runs)
        events.append(FragmentWritten(self._key, buffers, self._start_of(runs, self._lead), lead.duration, count))
        return events

    def _end_segment(self) -> Sequence[RecordingEvent]:
        segment = self._segment
        if segment is None:
            return ()
        buffers = segment.end_fragment()
        self._segment = None
        events = list(self._written(segment, buffers)) if buffers else []
        return [*events, *self._seal(segment)]

    def _seal(self, segment: SegmentWriter) -> Sequence[RecordingEvent]:
        """Complete a segment all of whose fragments are written."""
        random_access = segment.random_access() if self._settings.mfra else None
        self._sequence_number = segment.sequence_number
        key = self._key
        assert key is not None
        attributes = segment_attributes(
            self._settings.labels,
            self._kind.tracks,
            self._kind.timescale,
            segment.totals,
            self._settings.full_content_type,
            random_access,
        )
        ends = segment.totals.presentation_end
        self._end_time = max(self._utc(self._tracks[track_id], end) for track_id, end in ends.items())
        trailer = random_access.build() if random_access is not None else b""
        sealed = SegmentSealed(key, trailer, attributes, self._end_time)
        self._counter += 1
        self._key = None
        return (sealed,)

    def _utc(self, track: FragmentTrack, file_time: int) -> UtcTime:
        """The instant of a time in the file."""
        ticks = (file_time + track.origin) * track.denominator
        return self._settings.clock.utc(ticks, track.timescale * track.numerator)

    def _start_of(self, runs: tuple[Run, ...], lead: FragmentTrack) -> UtcTime:
        """When a fragment starts: with the first sample of the track that leads, or the earliest if it has none."""
        for run in runs:
            if run.track is lead:
                return self._utc(run.track, run.first_presentation)
        return min(self._utc(run.track, run.first_presentation) for run in runs)

    def _first_key(self, runs: tuple[Run, ...]) -> ObjectKey:
        """The key of the span's first segment, at its earliest sample."""
        return self._unused_key(min(self._utc(run.track, run.first_presentation) for run in runs))

    def _unused_key(self, at: UtcTime, *, span_end: bool = False) -> ObjectKey:
        """A key unlike that of any other span, with more digits if that takes them; so have all keys after it."""
        key = self._key_at(at, span_end=span_end)
        used = self._settings.used_keys.setdefault(f"{key.extension}_end" if span_end else key.extension, [])
        if str(key) not in used:
            used[:] = [str(key)]
        else:
            self._digits = 6
            key = self._key_at(at, span_end=span_end)
            used.append(str(key))
        return key

    def _key_at(self, at: UtcTime, *, span_end: bool = False) -> ObjectKey:
        settings = self._settings
        return ObjectKey(
            settings.prefix,
            at,
            settings.postfix,
            self._counter,
            self._kind.extension,
            span_end=span_end,
            digits=self._digits,
        )
