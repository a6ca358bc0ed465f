"""The clocks of a store: keys against media times, spans against each other, and the stamps in the objects."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from onvif_bmff.demux.fragment_samples import TrackFragment
from onvif_bmff.diagnosis.episodes import Verdict
from onvif_bmff.diagnosis.object_times import fragment_times
from onvif_bmff.diagnosis.observation import Fault, Observation, limited
from onvif_bmff.diagnosis.track_times import TrackTimes
from onvif_bmff.errors import (
    BoxError,
    MediaError,
    ObjectAttributeError,
    ObjectDamagedError,
    ObjectNotFoundError,
    TimeError,
    escaped,
)
from onvif_bmff.objects.attributes import ObjectAttributes
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.playback.fragments import segment_fragments
from onvif_bmff.playback.header import SegmentHeader, read_header
from onvif_bmff.playback.recorded import RecordedSegment, RecordedSpan, SpanState
from onvif_bmff.playback.source import StoreSource
from onvif_bmff.playback.timeline import Timeline
from onvif_bmff.timing import UtcTime

__all__ = ["diagnose_store"]

_BLOCK = 64 << 10
"""Bytes of one request: boxes are small, and the media data between them are left out."""
_DAMAGE = (BoxError, MediaError, ObjectDamagedError, ObjectNotFoundError)
_MICROSECONDS = 1_000_000
_STEP = 0.1
"""Seconds by which a key may be off without having stepped."""
_TOUCHING = 0.001
"""Seconds between spans that are no gap."""


def diagnose_store(
    store: ReadableStore,
    *,
    prefix: str | None = None,
    postfix: str | None = None,
    start: UtcTime | None = None,
    end: UtcTime | None = None,
) -> Iterator[Observation]:
    """Yield what is wrong with the times in a store: of samples, keys, spans and attributes.

    Of each object the header and the movie fragments are read, no media. Memory holds the keys, and some numbers of
    each track. Objects that cannot be read are observations, never errors.

    Args:
        store: holds the objects.
        prefix: of the recording; None for any.
        postfix: likewise.
        start: with ``end``, only segments that begin from here on are read.
        end: segments that begin at or after this instant are left out.

    Raises:
        TimeError: the range ends before it starts.
        StoreError: the store failed.
    """
    timeline = Timeline.from_store(store, start, end, prefix=prefix, postfix=postfix)
    return limited(_diagnosed(store, timeline, start, end))


def _diagnosed(
    store: ReadableStore, timeline: Timeline, start: UtcTime | None, end: UtcTime | None
) -> Iterator[Observation]:
    for span in timeline.spans:
        wanted = [one for one in span.segments if _inside(one.start, start, end)]
        if wanted:
            yield from _Span(store, span).diagnosed(wanted)
    yield from _between(timeline, start, end)


def _inside(time: UtcTime, start: UtcTime | None, end: UtcTime | None) -> bool:
    return (start is None or time >= start) and (end is None or time < end)


def _between(timeline: Timeline, start: UtcTime | None, end: UtcTime | None) -> Iterator[Observation]:
    """Yield gaps and overlaps of spans."""
    for gap in timeline.gaps():
        seconds = gap.duration.total_seconds()
        if seconds > _TOUCHING and _inside(gap.start, start, end):
            about = "" if gap.exact else "at most "
            text = f"nothing is recorded for {about}{seconds:.3f} s, until {gap.end}"
            yield Observation(Fault.GAP, gap.before.extension, text, seconds, utc=gap.start)
    for one in timeline.overlaps():
        seconds = (one.end - one.start).total_seconds()
        if seconds > _STEP and _inside(one.start, start, end):
            text = f"two spans cover {seconds:.3f} s: a clock was set back between them, or two devices recorded"
            yield Observation(Fault.OVERLAP, one.first.extension, text, -seconds, utc=one.start)


@dataclass(slots=True)
class _KeyClock:
    """The keys of a span's segments against their media times: how far they are ahead (seconds).

    ``media`` is the media time of the newest key, ``drifted`` how far keys went ahead little by little, without steps.
    """

    first_key: int | None = None
    first_media: float = 0.0
    ahead: float = 0.0
    media: float = 0.0
    drifted: float = 0.0

    def step(self, key: int, media: float) -> float:
        """Take a segment: its key in microseconds, and the media time of that. Return how far its key steps ahead."""
        if self.first_key is None:
            self.first_key, self.first_media = key, media
        ahead = (key - self.first_key) / _MICROSECONDS - (media - self.first_media)
        step, self.ahead, self.media = ahead - self.ahead, ahead, media
        self.drifted += step if abs(step) <= _STEP else 0.0
        return step


@dataclass(slots=True)
class _Span:
    """One span while its objects are read."""

    store: ReadableStore
    span: RecordedSpan
    keys: _KeyClock = field(default_factory=_KeyClock)
    tracks: dict[int, TrackTimes] = field(default_factory=dict)
    found: list[Observation] = field(default_factory=list)
    segment: RecordedSegment | None = None
    header: SegmentHeader | None = None
    media: float = 0.0
    """The media time of the present segment's key, in seconds."""

    def diagnosed(self, segments: list[RecordedSegment]) -> Iterator[Observation]:
        """Read the segments, and yield what is wrong."""
        counter = segments[0].key.counter
        for segment in segments:
            if segment.key.counter != counter:
                text = f"{segment.key.counter - counter} objects are missing before this one"
                yield self._seen(Fault.LOST, text, segment, count=segment.key.counter - counter)
                self._interrupt()
            counter = segment.key.counter + 1
            try:
                self._read(segment)
            except _DAMAGE as error:
                self.found.append(self._seen(Fault.DAMAGED, escaped(str(error)), segment))
                self._interrupt()
            self._attributes(segment)
            yield from self._taken()
        for own in self.tracks.values():
            own.end()
        self._drift(segments[0])
        if self.span.state is SpanState.CUT_OFF:
            text = f"the {self.span.extension} span has no end object"
            self.found.append(self._seen(Fault.LOST, text, segments[-1]))
        yield from self._taken()

    def _drift(self, segment: RecordedSegment) -> None:
        """Compare the rates of keys and media over the span, which begins with a segment."""
        drifted, lasted = self.keys.drifted, self.keys.media - self.keys.first_media
        if abs(drifted) <= _STEP or lasted <= 0:
            return
        rate, way = abs(drifted / lasted) * 100, "faster" if drifted > 0 else "slower"
        text = f"keys run {rate:.3f} % {way} than the media, {abs(drifted):.3f} s in this span"
        self.found.append(self._seen(Fault.DRIFT, text, segment, seconds=drifted))

    def _read(self, segment: RecordedSegment) -> None:
        """Read the header of an object, unless it is that of the one before, and the times in its fragments."""
        source = StoreSource(self.store, segment.name, block=_BLOCK)
        header = self.header
        if header is None or source.view(0, header.size) != header.raw:
            header = self.header = read_header(source)
        self.segment = segment
        first = True
        for _, parts in segment_fragments(source, header, self.store.head(segment.name).size):
            if first and any(part.sample_count for part in parts):
                first = False
                ticks, timescale = header.first_presentation(parts, first_of_span=segment.key.counter == 0)
                self.media = ticks / timescale
                step = self.keys.step(segment.key.time.microseconds, self.media)
                if abs(step) > _STEP:
                    fault = Fault.STEP_AHEAD if step > 0 else Fault.STEP_BACK
                    way = "later" if step > 0 else "earlier"
                    text = f"the key is {abs(step):.3f} s {way} than the media before it say"
                    self.found.append(self._seen(fault, text, segment, seconds=step))
            for part in parts:
                self._part(part)

    def _part(self, part: TrackFragment) -> None:
        own = self.tracks.get(part.track.track_id)
        if own is None:
            if not part.track.is_media:
                return
            kind = part.track.type
            token = f"{self.span.extension} track {part.track.track_id}"

            def found(verdict: Verdict, time: float) -> None:
                self.found.append(self._verdict(verdict, time, token))

            own = self.tracks[part.track.track_id] = TrackTimes(kind, part.track.timescale, found)
        for time, offset, duration, sync in fragment_times(part):
            own.add(time, offset, duration, sync=sync)

    def _verdict(self, verdict: Verdict, time: float, token: str) -> Observation:
        """What is wrong with the stamps of a track, at its UTC by the key of the present segment."""
        segment = self.segment
        utc: UtcTime | None = None
        if segment is not None:
            try:
                utc = UtcTime(segment.key.time.microseconds + round((time - self.media) * _MICROSECONDS))
            except (TimeError, OverflowError, ValueError):
                utc = segment.key.time
        key = "" if segment is None else segment.name
        return Observation(
            verdict.fault, token, verdict.message, verdict.seconds, verdict.count, media_time=time, utc=utc, key=key
        )

    def _attributes(self, segment: RecordedSegment) -> None:
        """Compare the Duration of an object with the key of the next one."""
        try:
            attributes = ObjectAttributes.from_metadata(self.store.head(segment.name).attributes)
        except (ObjectNotFoundError, ObjectDamagedError, ObjectAttributeError) as error:
            self.found.append(self._seen(Fault.DAMAGED, f"its attributes: {escaped(str(error))}", segment))
            return
        mixed = segment.key.counter == 0 and len(self.tracks) > 1  # its key is that of its first track, whichever it is
        if attributes.duration is None or segment.end is None or mixed:
            return
        off = attributes.duration.total_seconds() - (segment.end - segment.start).total_seconds()
        if abs(off) > _STEP and segment.key.counter + 1 < self.span.first_counter + len(self.span.segments):
            text = f"Duration is {abs(off):.3f} s {'longer' if off > 0 else 'shorter'} than the time until the next key"
            self.found.append(self._seen(Fault.ATTRIBUTE, text, segment, seconds=off))

    def _interrupt(self) -> None:
        for own in self.tracks.values():
            own.interrupt()

    def _taken(self) -> list[Observation]:
        taken, self.found = self.found, []
        return taken

    def _seen(
        self, fault: Fault, text: str, segment: RecordedSegment, *, seconds: float = 0.0, count: int = 1
    ) -> Observation:
        where = self.span.extension
        return Observation(fault, where, text, seconds, count, utc=segment.key.time, key=segment.name)
