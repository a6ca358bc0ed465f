"""Stored segments as clear, timed samples, over segments, spans, gaps and keys."""

from collections.abc import Callable, Iterator
from heapq import merge

from onvif_bmff.cenc.keys.ring import KeyRing, KeyUnwrapper
from onvif_bmff.demux.sample_tables import MovieTrack
from onvif_bmff.errors import ObjectNotFoundError
from onvif_bmff.media.track import Sample, TrackType
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.playback.fragments import StoredFragment, read_fragments
from onvif_bmff.playback.gate import RangeGate
from onvif_bmff.playback.header import DecryptStage, SegmentHeader, clear_samples, media_type_of, read_header
from onvif_bmff.playback.keys import PlaybackKeys
from onvif_bmff.playback.played import PlayedSample, PlayedTrack
from onvif_bmff.playback.recorded import RecordedSegment, RecordedSpan
from onvif_bmff.playback.seek import Seeker
from onvif_bmff.playback.selection import Selection, SpanPart
from onvif_bmff.playback.source import StoreSource
from onvif_bmff.timing import UtcTime

__all__ = ["SampleReader", "joined_tracks"]

_SECOND = 1_000_000
_REANCHOR = _SECOND // 2
"""How far (µs) the key of a segment may be off the clock of its span before it is believed instead."""
_WORTH_A_SEEK = 30 * _SECOND
"""Segments that are longer (µs) are not read from their beginning for an instant in their middle."""
_Numbering = Callable[[tuple[TrackType, int]], int]
_RANKS = ("m4v", "mp4", "m4a", "m4m")


def joined_tracks(header: SegmentHeader, ordinal: int = 0) -> dict[int, tuple[TrackType, int]]:
    """For each track_ID the kind of media and which track of that kind it is, from ``ordinal`` on.

    That is what joins the tracks of spans: track_IDs differ between the spans of CMAF.
    """
    counts: dict[TrackType, int] = {}
    found: dict[int, tuple[TrackType, int]] = {}
    for track in header.tracks:
        kind = media_type_of(track)
        counts[kind] = counts.get(kind, ordinal - 1) + 1
        found[track.track_id] = (kind, counts[kind])
    return found


class SampleReader:
    """Plays a selection: iterate over it for `PlayedSample` in order of decode time.

    Each track begins with the last sync sample at or before the start of the selection, so that all of it can be
    decoded, and ends with the last sample that is presented before its end, with those between. What spans of one
    kind have in common, because they overlap, comes once. Where the start is that of a multiplexed segment, tracks
    beside the leading one may begin a sample later, as the segment before is not read for that.

    Holds one block of bytes and one fragment for each kind of span; objects are read front to back, the first one
    from the fragment that is needed.

    Args:
        store: where the objects lie.
        selection: what to play, see `select`.
        keys: content keys, added to as others are recovered.
        unwrapper: what recovers them from the ``pssh`` boxes.
        seeker: shares the headers that it knows.

    Attributes:
        missing: names of objects that were listed but are gone.
    """

    def __init__(
        self,
        store: ObjectStore,
        selection: Selection,
        *,
        keys: KeyRing | None = None,
        unwrapper: KeyUnwrapper | None = None,
        seeker: Seeker | None = None,
    ) -> None:
        self._store = store
        self._selection = selection
        self._keys = PlaybackKeys(keys, unwrapper)
        self._seeker = seeker or Seeker(store)
        self._numbers: dict[tuple[TrackType, int], int] = {}
        self._runs = 0
        self.missing: list[str] = []

    def __iter__(self) -> Iterator[PlayedSample]:
        """Play; see the class.

        Raises:
            BoxError, MediaError: a segment is broken.
            ProtectionError: a key is missing, or does not open.
            StoreError: the store failed.
        """
        selection = self._selection
        streams = []
        for extension in sorted(selection.parts, key=_RANKS.index):
            parts = selection.parts[extension]
            for ordinal in sorted({part.ordinal for part in parts}):
                gate = RangeGate(selection.start, selection.end)
                streams.append(self._kind(tuple(part for part in parts if part.ordinal == ordinal), gate))
        if len(streams) == 1:
            return streams[0]
        return merge(*streams, key=lambda played: played.decode_microseconds)

    # ---- one kind of spans -------------------------------------------------------------------------

    def _kind(self, parts: tuple[SpanPart, ...], gate: RangeGate) -> Iterator[PlayedSample]:
        for part in parts:
            gate.open_span()
            reading = _SpanReading(part.span, part.ordinal)
            before: int | None = None
            for index, segment in enumerate(part.segments()):
                if gate.done:
                    break
                if before is None or segment.key.counter != before + 1:
                    self._runs += 1
                    gate.interrupted()
                before = segment.key.counter
                try:
                    yield from self._segment(reading, segment, gate, self._runs, seek=index == 0)
                except ObjectNotFoundError:
                    self.missing.append(segment.name)
                    before = None
        yield from gate.flush()

    def _segment(
        self,
        reading: "_SpanReading",
        segment: RecordedSegment,
        gate: RangeGate,
        run: int,
        *,
        seek: bool,
    ) -> Iterator[PlayedSample]:
        source = StoreSource(self._store, segment.name)
        start = self._selection.start
        position: int | None = None
        if seek and start is not None and self._worth_a_seek(segment, start):
            point = self._seeker.find(segment, start)
            position, reading.clock = point.start, point.clock
            header = self._seeker.header(segment)
        else:
            header = reading.header_of(source)
            self._seeker.keep(segment.span, header)
        stage = reading.use(header, self._keys)
        first = position is None
        for fragment in read_fragments(source, header, position):
            if first:
                reading.follow(segment, header, fragment)
                first = False
            yield from self._fragment(reading, fragment, stage, gate, run)
            if gate.done:
                return

    def _worth_a_seek(self, segment: RecordedSegment, start: UtcTime) -> bool:
        if start.microseconds_since(segment.start) < _WORTH_A_SEEK // 2:
            return False
        return segment.end is None or segment.end.microseconds_since(segment.start) > _WORTH_A_SEEK

    def _fragment(
        self,
        reading: "_SpanReading",
        fragment: StoredFragment,
        stage: DecryptStage | None,
        gate: RangeGate,
        run: int,
    ) -> Iterator[PlayedSample]:
        """The samples of one fragment, the tracks in step."""
        clock = reading.clock
        assert clock is not None
        streams = []
        for part in fragment.parts:
            if not part.sample_count or part.track.track_id not in reading.joined:
                continue
            track = reading.track(part.track, part.description, self._number)
            if self._selection.media not in (None, track.type):
                continue
            samples = clear_samples(part, fragment.data, stage)
            streams.append((track, reading.in_step(part.track.track_id, samples)))
        if len(streams) == 1:
            track, samples = streams[0]
            for sample in samples:
                yield from gate.push(PlayedSample(track, sample, clock, run))
        elif streams:
            ordered = merge(
                *(_played(track, samples, clock, run) for track, samples in streams),
                key=lambda played: played.decode_microseconds,
            )
            for played in ordered:
                yield from gate.push(played)

    def _number(self, kind: tuple[TrackType, int]) -> int:
        return self._numbers.setdefault(kind, len(self._numbers))


def _played(track: PlayedTrack, samples: Iterator[Sample], clock: MediaClock, run: int) -> Iterator[PlayedSample]:
    for sample in samples:
        yield PlayedSample(track, sample, clock, run)


class _SpanReading:
    """What is known of a span while its segments are read."""

    def __init__(self, span: RecordedSpan, ordinal: int) -> None:
        self._span = span
        self._ordinal = ordinal
        self._header: SegmentHeader | None = None
        self._stage: DecryptStage | None = None
        self._tracks: dict[tuple[int, int], PlayedTrack] = {}
        self._shifts: dict[int, int] = {}
        self.joined: dict[int, tuple[TrackType, int]] = {}
        self.clock: MediaClock | None = None

    def header_of(self, source: StoreSource) -> SegmentHeader:
        """The header at the start of an object; that of the segment before it if the bytes are the same."""
        known = self._header
        if known is not None and source.view(0, known.size) == known.raw:
            return known
        return read_header(source)

    def use(self, header: SegmentHeader, keys: PlaybackKeys) -> DecryptStage | None:
        """Make a header the one in use; what decrypts its fragments."""
        if header is not self._header:
            self._header = header
            self._stage = keys.stage(header)
            self._tracks = {}
            self.joined = joined_tracks(header, self._ordinal)
        return self._stage

    def follow(self, segment: RecordedSegment, header: SegmentHeader, fragment: StoredFragment) -> None:
        """Set the clock by the key of a segment, unless it goes on as it does.

        Keys are cut to milliseconds, so the clock of the span's first segment holds for all, as long as their
        media times go on. Devices that restart them in each object get a clock for each.
        """
        ticks, timescale = header.first_presentation(fragment.parts, first_of_span=segment.key.counter == 0)
        clock = self.clock
        if clock is not None:
            tolerance = _REANCHOR + 10 ** (6 - segment.key.digits)
            if abs(clock.microseconds(ticks, timescale) - segment.key.time.microseconds) <= tolerance:
                return
        self.clock = MediaClock(segment.key.time, ticks, timescale)

    def in_step(self, track_id: int, samples: Iterator[Sample]) -> Iterator[Sample]:
        """Samples of a track whose first in this span is presented when it is decoded, as it is in CMAF.

        Multiplexed segments may decode ahead of what they present; that would make a track seem to begin early.
        """
        for sample in samples:
            shift = self._shifts.get(track_id)
            if shift is None:
                shift = self._shifts[track_id] = sample.composition_offset
            if shift:
                time, offset = sample.decode_time + shift, sample.composition_offset - shift
                sample = Sample(sample.track_id, time, sample.duration, sample.data, sample.sync, offset)
            yield sample

    def track(
        self, source: MovieTrack, description: int, number: Callable[[tuple[TrackType, int]], int]
    ) -> PlayedTrack:
        """The track of a fragment."""
        found = self._tracks.get((source.track_id, description))
        if found is None:
            kind = self.joined[source.track_id]
            found = PlayedTrack(
                number(kind), *kind, source.timescale, source.codec(description), source.language, self._span
            )
            self._tracks[source.track_id, description] = found
        return found
