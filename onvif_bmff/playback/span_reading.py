"""A span while its segments are read: its header, its tracks and its clock."""

from collections.abc import Callable, Iterator

from onvif_bmff.demux.sample_tables import MovieTrack
from onvif_bmff.errors import InvariantError
from onvif_bmff.media.track import Sample, TrackType
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.playback.fragments import StoredFragment
from onvif_bmff.playback.header import DecryptStage, SegmentHeader, read_header
from onvif_bmff.playback.keys import PlaybackKeys
from onvif_bmff.playback.played import PlayedTrack
from onvif_bmff.playback.recorded import RecordedSegment, RecordedSpan
from onvif_bmff.playback.source import StoreSource

__all__ = ["SpanReading", "joined_tracks"]

_REANCHOR = 500_000
"""Deviation (µs) of a segment's key from the clock of its span above which the key sets a new clock."""


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


class SpanReading:
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
        self.trusted: MediaClock | None = None
        """The clock of the last segment that is surely of this span."""

    @property
    def set_clock(self) -> MediaClock:
        """The clock, which is set."""
        if self.clock is None:
            raise InvariantError("samples are read, and nothing tells their time")
        return self.clock

    def header_of(self, source: StoreSource, expected: SegmentHeader | None = None) -> SegmentHeader:
        """Return the header at the start of an object, reusing the known or expected one if its bytes are equal."""
        known = self._header or expected
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

    def begins_with(self, fragment: StoredFragment) -> bool:
        """Return whether a fragment is the first of the object that is read."""
        return self._header is not None and fragment.offset == self._header.size

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
