"""From an instant to the bytes of a fragment, with as few and small requests as there can be. B.9.2.

What is asked, in this order:

=====================================  ===============================================================
object                                 requests
=====================================  ===============================================================
short, or of unknown length            HEAD: its SeekTable has every fragment, or nearly
long, or without a close SeekTable     its last bytes: the ``mfra`` has every fragment
neither SeekTable nor ``mfra``         the head of each ``moof`` up to the instant, about 1 KiB each
=====================================  ===============================================================

and the header, unless one of the span was read before, and the fragment: three requests in the first two cases.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise

from onvif_bmff.bmff import NON_SYNC_SAMPLE, MovieFragmentBox
from onvif_bmff.errors import BoxError, MediaError, ObjectAttributeError
from onvif_bmff.media.fragment_samples import FragmentReader, TrackFragment
from onvif_bmff.objects.attributes import ObjectAttributes
from onvif_bmff.objects.seek_table import SeekEntry, SeekTable, TrackSeekTable
from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.playback.clock import MediaClock
from onvif_bmff.playback.fragments import StoredFragment, random_access_of, random_access_size, read_fragments
from onvif_bmff.playback.header import SegmentHeader, read_header
from onvif_bmff.playback.recorded import RecordedSegment, RecordedSpan
from onvif_bmff.playback.source import MemorySource, StoreSource, box_head, parse_one
from onvif_bmff.timing import UtcTime

__all__ = ["Piece", "SeekPoint", "Seeker"]

CLOSE = timedelta(seconds=10)
"""Entries of a SeekTable that lie farther apart are too coarse where an ``mfra`` can be had."""
_SHORT = 20 * CLOSE
_LEAST_INDEX = 4 << 10
_MOST_INDEX = 60 << 10
_INDEX_A_SECOND = 12
_LARGEST_INDEX = 64 << 20
_LARGEST_HEADER = 1 << 20
_HEADER_GUESS = 8 << 10
_PEEK = 1 << 10
_ANY_SIZE = 1 << 62


@dataclass(frozen=True, slots=True)
class SeekPoint:
    """Where to begin reading for an instant.

    ``start`` is the byte at which the ``moof`` begins, ``end`` that of the next one that is known (None: the rest of
    the object). ``clock`` maps media times to UTC. ``found_by`` is "SeekTable", "mfra" or "moof".
    """

    segment: RecordedSegment
    start: int
    end: int | None
    clock: MediaClock
    found_by: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes ``offset`` to ``stop`` of an object, whole fragments that begin with a sync sample, and their time."""

    offset: int
    stop: int
    start: UtcTime
    end: UtcTime


@dataclass(slots=True)
class _Index:
    """Sync samples of an object, as SeekTable or mfra have them."""

    table: SeekTable
    timescale: int
    end: int | None  # of the last fragment
    found_by: str = "mfra"
    timescales: dict[int, int] = field(default_factory=dict)  # of tracks that have another one than the leading track

    def timescale_of(self, track: TrackSeekTable) -> int:
        return self.timescales.get(track.track_id, self.timescale)


class Seeker:
    """Finds and reads fragments of stored segments. Keeps one header for each span that it meets.

    ``close`` is how far apart the entries of a SeekTable may be to be used although there may be an ``mfra``.
    """

    def __init__(self, store: ObjectStore, *, close: timedelta = CLOSE) -> None:
        self._store = store
        self._close = close
        self._headers: dict[RecordedSpan, SegmentHeader] = {}

    # ---- headers -----------------------------------------------------------------------------------

    def header(self, segment: RecordedSegment, *, size: int | None = None) -> SegmentHeader:
        """The header of the segment's span; fetched only if no other segment of the span was met before. B.2.

        ``size`` is how many bytes it probably takes.

        Raises:
            BoxError, MediaError: the object is no segment.
            StoreError: the store failed.
        """
        found = self._headers.get(segment.span)
        if found is None:
            if size is not None and 0 < size <= _LARGEST_HEADER:
                try:
                    found = read_header(MemorySource(self._store.get(segment.name, 0, size)))
                except (BoxError, MediaError):
                    found = None  # the index was wrong; the object itself tells
            if found is None:
                found = read_header(StoreSource(self._store, segment.name, block=_HEADER_GUESS))
            self._headers[segment.span] = found
        return found

    def keep(self, span: RecordedSpan, header: SegmentHeader) -> None:
        """Remember a header that somebody else has read."""
        self._headers.setdefault(span, header)

    # ---- finding -----------------------------------------------------------------------------------

    def find(self, segment: RecordedSegment, at: UtcTime) -> SeekPoint:
        """The fragment that has the last sync sample of the leading track at or before ``at``, else the first one.

        Raises:
            BoxError, MediaError: the object is no segment.
            StoreError: the store failed.
        """
        lasting = segment.end - segment.key.time if segment.end is not None else None
        coarse: _Index | None = None
        asked_first = lasting is None or lasting <= _SHORT
        if asked_first:
            coarse = self._attributes(segment)
            if coarse is not None:
                point = self._pick(segment, coarse, at, self._close)
                if point is not None:
                    return point
        index = self._random_access(segment, lasting)
        if index is not None:
            point = self._pick(segment, index, at, None)
            if point is not None:
                return point
        if not asked_first:
            coarse = self._attributes(segment)
            if coarse is not None:
                point = self._pick(segment, coarse, at, self._close)
                if point is not None:
                    return point
        return self._walk(segment, coarse, at)

    def pieces(self, segment: RecordedSegment) -> list[Piece]:
        """The segment in pieces that begin with a sync sample, as its index tells; whole where there is no index.

        Costs a HEAD request, and one more where the SeekTable is too coarse.

        Raises:
            BoxError, MediaError: the object is no segment.
            StoreError: the store failed.
        """
        info = self._store.head(segment.name)
        try:
            found = ObjectAttributes.from_metadata(info.attributes, strict=False)
        except ObjectAttributeError:
            found = ObjectAttributes()
        end = segment.end
        if found.duration is not None:
            end = segment.start + found.duration  # exact, where keys are cut to milliseconds
        index: _Index | None = None
        if found.seek_table is not None and found.timescale is not None:
            index = _Index(found.seek_table, found.timescale, info.size, "SeekTable")
        lasting = end - segment.start if end is not None else None
        if index is None or self._is_coarse(segment, index, lasting):
            index = self._random_access(segment, lasting) or index
        end = end or self.end(segment)
        if index is None:
            return [Piece(self.header(segment).size, info.size, segment.start, end)]
        table = self._leading(segment, index.table)
        clock = _clock(segment, index, table)
        starts = [(entry.moof_offset, clock.utc(entry.time, index.timescale)) for entry in table.entries]
        starts.append((info.size, max(end, starts[-1][1])))
        found_pieces: list[Piece] = []
        for (offset, start), (stop, over) in pairwise(starts):
            if not 0 <= offset < stop <= info.size:
                raise MediaError(f"the index of {segment.name} does not fit the object")
            found_pieces.append(Piece(offset, stop, start, over))
        return found_pieces

    def _is_coarse(self, segment: RecordedSegment, index: _Index, lasting: timedelta | None) -> bool:
        entries = self._leading(segment, index.table).entries
        longest = max((later.time - one.time for one, later in pairwise(entries)), default=0)
        if lasting is not None:
            longest = max(longest, int(lasting.total_seconds() * index.timescale) - entries[-1].time + entries[0].time)
        return longest > self._close.total_seconds() * index.timescale

    def end(self, segment: RecordedSegment) -> UtcTime:
        """When a segment is over: as keys say, else its Duration attribute, else its last fragment.

        Raises:
            BoxError, MediaError: the object is no segment.
            StoreError: the store failed.
        """
        if segment.end is not None:
            return segment.end
        try:
            found = ObjectAttributes.from_metadata(self._store.head(segment.name).attributes, strict=False)
        except ObjectAttributeError:
            found = ObjectAttributes()
        if found.duration is not None:
            return segment.start + found.duration
        header = self.header(segment)
        lasting = 0
        for _, parts in self._heads(segment, header, header.size):
            lasting += sum(part.duration for part in parts if part.track is header.lead)
        return segment.start.plus_ticks(lasting, header.lead.timescale)

    def read(self, point: SeekPoint) -> tuple[SegmentHeader, StoredFragment]:
        """The header and the first fragment at a point, with at most one request each.

        Raises:
            BoxError, MediaError: the header or the fragment is broken.
            StoreError: the store failed.
        """
        header = self.header(point.segment)
        length = None if point.end is None else point.end - point.start
        data = self._store.get(point.segment.name, point.start, length)
        for fragment in read_fragments(MemorySource(data), header, 0):
            fragment.offset += point.start
            return header, fragment
        raise MediaError(f"no fragment begins at byte {point.start} of {point.segment.name}")

    # ---- ways of finding -----------------------------------------------------------------------------

    def _attributes(self, segment: RecordedSegment) -> _Index | None:
        info = self._store.head(segment.name)
        try:
            found = ObjectAttributes.from_metadata(info.attributes, strict=False)
        except ObjectAttributeError:
            return None
        if found.seek_table is None or found.timescale is None:
            return None
        return _Index(found.seek_table, found.timescale, info.size, "SeekTable")

    def _random_access(self, segment: RecordedSegment, lasting: timedelta | None) -> _Index | None:
        guess = _LEAST_INDEX
        if lasting is not None:
            guess = max(guess, min(_MOST_INDEX, int(lasting.total_seconds() * _INDEX_A_SECOND) + 512))
        tail = self._store.get(segment.name, -guess)
        size = random_access_size(tail)
        if guess < size <= _LARGEST_INDEX:
            tail = self._store.get(segment.name, -size)
        box = random_access_of(tail)
        try:
            table = SeekTable.from_mfra(box) if box is not None else None
        except ObjectAttributeError:
            table = None
        if table is None:
            return None
        header = self.header(segment, size=min(track.entries[0].moof_offset for track in table.tracks))
        timescales = {track.track_id: track.timescale for track in header.movie_tracks}
        leading = table.track(header.lead.track_id) or table.tracks[0]
        return _Index(table, timescales.get(leading.track_id, header.lead.timescale), None, timescales=timescales)

    def _leading(self, segment: RecordedSegment, table: SeekTable) -> TrackSeekTable:
        header = self._headers.get(segment.span)
        found = table.track(header.lead.track_id) if header is not None else None
        return found or table.tracks[0]

    def _pick(self, segment: RecordedSegment, index: _Index, at: UtcTime, close: timedelta | None) -> SeekPoint | None:
        """The entry for an instant; None if the next one is farther away than ``close``."""
        table = self._leading(segment, index.table)
        clock = _clock(segment, index, table)
        wanted = clock.ticks_at(at, index.timescale)
        entry = table.locate(wanted)
        later = [one for one in table.entries if one.time > entry.time or one.moof_offset > entry.moof_offset]
        following = later[0] if later else None
        if close is not None and not self._is_close(segment, clock, index, entry, following, close):
            return None
        end = following.moof_offset if following is not None else index.end
        if end is not None and end <= entry.moof_offset:
            return None  # the index is wrong
        if segment.span not in self._headers:
            self.header(segment, size=min(track.entries[0].moof_offset for track in index.table.tracks))
        return SeekPoint(segment, entry.moof_offset, end, clock, index.found_by)

    def _is_close(
        self,
        segment: RecordedSegment,
        clock: MediaClock,
        index: _Index,
        entry: SeekEntry,
        following: SeekEntry | None,
        close: timedelta,
    ) -> bool:
        start = clock.utc(entry.time, index.timescale)
        if following is not None:
            return clock.utc(following.time, index.timescale) - start <= close
        return segment.end is None or segment.end - start <= close

    def _walk(self, segment: RecordedSegment, index: _Index | None, at: UtcTime) -> SeekPoint:
        """Look at one moof after another, from the best entry that is known."""
        header = self.header(segment)
        start, clock = header.size, None
        if index is not None:
            table = self._leading(segment, index.table)
            clock = _clock(segment, index, table)
            start = table.locate(clock.ticks_at(at, index.timescale)).moof_offset
        best: int | None = None
        for offset, parts in self._heads(segment, header, start):
            if clock is None:
                time = _first_time(header, parts, first_of_span=segment.key.counter == 0)
                clock = MediaClock(segment.key.time, *time)
            lead = next((part for part in parts if part.track is header.lead and part.sample_count), None)
            if best is None:
                best = offset
            if lead is None or next(iter(lead.runs[0].all_flags())) & NON_SYNC_SAMPLE:
                continue
            if clock.utc(_presentation(lead), header.lead.timescale) > at and offset != start:
                return SeekPoint(segment, best, offset, clock, "moof")
            best = offset
        if best is None or clock is None:
            raise MediaError(f"the segment {segment.name} has no fragments")
        return SeekPoint(segment, best, None, clock, "moof")

    def _heads(
        self, segment: RecordedSegment, header: SegmentHeader, position: int
    ) -> Iterator[tuple[int, tuple[TrackFragment, ...]]]:
        """Each moof from ``position`` on, without the media data between them."""
        source = StoreSource(self._store, segment.name, block=_PEEK)
        reader = FragmentReader(header.movie_tracks, _ANY_SIZE)
        while (head := box_head(source, position)) is not None and head.size is not None:
            if head.type == "moof":
                source.view(position, head.size + 16)  # the head of the mdat behind it in the same request
                moof = parse_one(source, position, head.size)
                if not isinstance(moof, MovieFragmentBox):
                    raise BoxError("the fragment cannot be read", path="/moof", offset=position)
                yield position, reader.read(moof, position)
            position += head.size


def _clock(segment: RecordedSegment, index: _Index, leading: TrackSeekTable) -> MediaClock:
    """What an index says of the first sample, to which the key belongs."""
    # The key of a span's first segment is that of its earliest sample, in whatever track.
    tracks = index.table.tracks if segment.key.counter == 0 else (leading,)
    times = [(track.entries[0].time, index.timescale_of(track)) for track in tracks]
    return MediaClock(segment.key.time, *min(times, key=lambda time: Fraction(*time)))


def _presentation(part: TrackFragment) -> int:
    offsets = part.runs[0].composition_offset
    offset = offsets if isinstance(offsets, int) else offsets[0]
    return part.decode_time + part.track.presentation_shift + offset


def _first_time(header: SegmentHeader, parts: tuple[TrackFragment, ...], *, first_of_span: bool) -> tuple[int, int]:
    times = {part.track.track_id: (_presentation(part), part.track.timescale) for part in parts if part.sample_count}
    lead = times.get(header.lead.track_id)
    if lead is not None and not first_of_span:
        return lead
    if not times:
        raise MediaError("the first fragment of the segment has no samples")
    return min(times.values(), key=lambda time: Fraction(*time))
