"""Stored segments as a stream of clear samples with times, across segments, spans, gaps and keys."""

from collections.abc import Callable, Iterator
from heapq import merge

from onvif_bmff.cenc.keys.ring import KeyRing, KeyUnwrapper
from onvif_bmff.demux.sample_tables import MovieTrack
from onvif_bmff.errors import ObjectNotFoundError
from onvif_bmff.media.track import Sample, TrackType
from onvif_bmff.objects.extensions import extension_rank
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.playback.fragments import StoredFragment, read_fragments
from onvif_bmff.playback.gate import RangeGate
from onvif_bmff.playback.header import DecryptStage, SegmentHeader, clear_samples, read_header
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
"""Deviation (µs) of a segment's key from the clock of its span above which the key sets a new clock."""
_WORTH_A_SEEK = 30 * _SECOND
"""Longer segments (µs) are not read from their beginning for an instant in their middle."""
_Numbering = Callable[[tuple[TrackType, int]], int]


def joined_tracks(header: SegmentHeader, ordinal: int = 0) -> dict[int, tuple[TrackType, int]]:
    """For each track_ID the kind of media and which track of that kind it is, from ``ordinal`` on.

    These identify a track across spans; track_IDs may differ between them.
    """
    counts: dict[TrackType, int] = {}
    found: dict[int, tuple[TrackType, int]] = {}
    for track in header.tracks:
        kind = track.type
        counts[kind] = counts.get(kind, ordinal - 1) + 1
        found[track.track_id] = (kind, counts[kind])
    return found


class SampleReader:
    """Plays a selection: an iterable of ``PlayedSample`` in order of decode time.

    Each track begins with the last sync sample at or before the start of the selection, so that all can be decoded, and
    ends with the last sample presented before its end. The common part of overlapping spans of one kind is played once.
    If the selection starts with a multiplexed segment, tracks other than the leading one may begin a sample later,
    since the segment before is not read.

    Memory holds one block of bytes and one fragment for each kind of span. Objects are read sequentially, the first one
    from the needed fragment on.

    Args:
        store: holds the objects.
        selection: what to play; see ``select``.
        keys: content keys; recovered ones are added.
        unwrapper: recovers content keys from the ``pssh`` boxes.
        seeker: shares its known headers.

    Attributes:
        missing: names of listed objects that no longer exist.
    """

    def __init__(
        self,
        store: ReadableStore,
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
        """Iterate over the samples; see the class.

        Raises:
            BoxError, MediaError: a segment is broken.
            ProtectionError: a key is missing, or cannot be unwrapped.
            StoreError: the store failed.
        """
        selection = self._selection
        streams = []
        for extension in sorted(selection.parts, key=extension_rank):
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
        """Yield the samples of one fragment, all tracks by decode time."""
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
    """State of a span while its segments are read."""

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
        """Return the header at the start of an object, reusing the known one if its bytes are equal."""
        known = self._header
        if known is not None and source.view(0, known.size) == known.raw:
            return known
        return read_header(source)

    def use(self, header: SegmentHeader, keys: PlaybackKeys) -> DecryptStage | None:
        """Use a header from now on; return the stage that decrypts its fragments."""
        if header is not self._header:
            self._header = header
            self._stage = keys.stage(header)
            self._tracks = {}
            self.joined = joined_tracks(header, self._ordinal)
        return self._stage

    def follow(self, segment: RecordedSegment, header: SegmentHeader, fragment: StoredFragment) -> None:
        """Set the clock by the key of a segment, unless the present clock still fits it.

        Keys have milliseconds, so the clock of a span's first segment serves all, as long as media times continue. If
        a device restarts them in each object, each gets its own clock.
        """
        ticks, timescale = header.first_presentation(fragment.parts, first_of_span=segment.key.counter == 0)
        clock = self.clock
        if clock is not None:
            tolerance = _REANCHOR + 10 ** (6 - segment.key.digits)
            if abs(clock.microseconds(ticks, timescale) - segment.key.time.microseconds) <= tolerance:
                return
        self.clock = MediaClock(segment.key.time, ticks, timescale)

    def in_step(self, track_id: int, samples: Iterator[Sample]) -> Iterator[Sample]:
        """Yield samples of a track, shifted such that its first one in the span is presented when decoded, as in CMAF.

        In multiplexed segments a track may be decoded ahead of its presentation, and so would seem to begin early.
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
        """Return the track of a fragment."""
        found = self._tracks.get((source.track_id, description))
        if found is None:
            kind = self.joined[source.track_id]
            found = PlayedTrack(
                number(kind), *kind, source.timescale, source.codec(description), source.language, self._span
            )
            self._tracks[source.track_id, description] = found
        return found
