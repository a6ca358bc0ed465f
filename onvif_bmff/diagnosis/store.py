"""The clocks of a store: keys against media times, spans against each other, and the stamps in the objects."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from onvif_bmff.demux.fragment_samples import TrackFragment
from onvif_bmff.diagnosis.episodes import Verdict, gap_bound
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
from onvif_bmff.media_kind import MediaKind
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
            text = f"nothing is recorded for {about}{seconds:.3f} s, until {gap.end}, or a clock was set ahead"
            yield Observation(Fault.GAP, gap.before.extension, text, seconds, utc=gap.start)
    for one in timeline.overlaps():
        seconds = (one.end - one.start).total_seconds()
        if seconds > _STEP and _inside(one.start, start, end):
            text = f"two spans cover {seconds:.3f} s: a clock was set back between them, or two devices recorded"
            yield Observation(Fault.OVERLAP, one.first.extension, text, -seconds, utc=one.start)


@dataclass(slots=True)
class _KeyClock:
    """The keys of a span's segments against their media times: how far they are ahead (seconds).

    ``drifted`` is how far they went ahead little by little, without the steps.
    """

    first_key: UtcTime | None = None
    first_media: float = 0.0
    ahead: float = 0.0
    media: float = 0.0
    drifted: float = 0.0

    def step(self, key: UtcTime, media: float) -> float:
        """Take a segment: the instant of its key, and the media time of that. Return how far its key steps ahead."""
        if self.first_key is None:
            self.first_key, self.first_media = key, media
        ahead = key.microseconds_since(self.first_key) / _MICROSECONDS - (media - self.first_media)
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
    media: float = 0.0
    """The media time of the present segment's key, in seconds."""
    delay: float | None = None
    """By how much its first picture is shown after it is decoded, in seconds; None where it cannot be read."""
    lasts: tuple[RecordedSegment, float, float | None] | None = None
    """The segment before, its Duration, and its ``delay``."""

    def diagnosed(self, segments: list[RecordedSegment]) -> Iterator[Observation]:
        """Read the segments, and yield what is wrong."""
        extension, header, counter = self.span.extension, None, segments[0].key.counter
        lost = {one.first_counter: one for one in self.span.lost() if not one.trimmed}
        if 0 in lost and lost[0].count == counter:
            yield self._lost(counter, "before this one", segments[0])
        for segment in segments:
            if segment.key.counter != counter:
                yield self._lost(segment.key.counter - counter, "before this one", segment)
                self._interrupt()
            counter = segment.key.counter + 1
            self.delay = None
            try:
                source = StoreSource(self.store, segment.name, block=_BLOCK)
                if header is None or source.view(0, header.size) != header.raw:
                    header = read_header(source)
                self._read(segment, source, header)
            except _DAMAGE as error:
                self.found.append(self._seen(Fault.DAMAGED, escaped(str(error)), segment))
                self._interrupt()
            self._attributes(segment)
            yield from self._taken()
        if counter in lost:
            yield self._lost(lost[counter].count, "between this one and the end of the span", segments[-1])
        for own in self.tracks.values():
            own.end()
        self._short()
        yield from self._taken()
        drifted, lasted = self.keys.drifted, self.keys.media - self.keys.first_media
        if abs(drifted) > _STEP and lasted > 0:
            way = "faster" if drifted > 0 else "slower"
            text = (
                f"keys run {abs(drifted / lasted) * 100:.3f} % {way} than the media, {abs(drifted):.3f} s in this span"
            )
            yield self._seen(Fault.DRIFT, text, segments[0], seconds=drifted)
        if self.span.state is SpanState.CUT_OFF:
            yield self._seen(Fault.LOST, f"the {extension} span has no end object", segments[-1])

    def _lost(self, count: int, where: str, segment: RecordedSegment) -> Observation:
        text = f"{count} objects are missing {where}" if count > 1 else f"1 object is missing {where}"
        return self._seen(Fault.LOST, text, segment, count=count)

    def _short(self) -> None:
        """Judge tracks that end before others of their span: what pauses there is a gap in none of them."""
        ends = {number: own.last for number, own in self.tracks.items() if own.last is not None}
        media = [ends[number] for number in ends if self.tracks[number].kind is not MediaKind.METADATA]
        for number, end in ends.items():
            own, short = self.tracks[number], max(media, default=end) - end
            if own.kind is not MediaKind.METADATA and short > gap_bound(own.nominal):
                text = f"nothing for the last {short:.3f} s of the span, which others go on for"
                token = f"{self.span.extension} track {number}"
                self.found.append(self._verdict(Verdict(Fault.GAP, text, short, 0), end, token))

    def _read(self, segment: RecordedSegment, source: StoreSource, header: SegmentHeader) -> None:
        self.segment = segment
        first = True
        for _, parts in segment_fragments(source, header, self.store.head(segment.name).size):
            if first and any(part.sample_count for part in parts):
                first = False
                ticks, timescale = header.first_presentation(parts, first_of_span=segment.key.counter == 0)
                self.media = ticks / timescale
                decoded = [part.decode_time for part in parts if part.track.track_id == header.lead.track_id]
                if decoded:
                    self.delay = self.media - decoded[0] / header.lead.timescale
                step = self.keys.step(segment.key.time, self.media)
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
        """Compare the Duration of the object before with this one's key, and remember that of this one."""
        self._compare(segment)
        try:
            attributes = ObjectAttributes.from_metadata(self.store.head(segment.name).attributes)
        except (ObjectNotFoundError, ObjectDamagedError, ObjectAttributeError) as error:
            self.found.append(self._seen(Fault.DAMAGED, f"its attributes: {escaped(str(error))}", segment))
            return
        mixed = segment.key.counter == 0 and len(self.tracks) > 1  # its key is that of its first track, whichever it is
        if attributes.duration is not None and not mixed:
            self.lasts = segment, attributes.duration.total_seconds(), self.delay

    def _compare(self, segment: RecordedSegment) -> None:
        """Compare the Duration of the object before this one with the time until this one's key.

        Keys are those of pictures that are shown: in open groups as much later than they are decoded as pictures lead.
        """
        before, self.lasts = self.lasts, None
        if before is None or before[0].key.counter + 1 != segment.key.counter:
            return
        earlier, duration, delay = before
        off = duration - segment.key.time.microseconds_since(earlier.key.time) / _MICROSECONDS
        if delay is not None and self.delay is not None:
            off += self.delay - delay
        if abs(off) > _STEP:
            text = f"Duration is {abs(off):.3f} s {'longer' if off > 0 else 'shorter'} than the time until the next key"
            self.found.insert(0, self._seen(Fault.ATTRIBUTE, text, earlier, seconds=off))

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
