"""Finds the fragment for an instant, with few and small requests. ONVIF Recording Control 25.12, B.9.2.

Sources of the index:

=====================================  ===============================================================
object                                 requests
=====================================  ===============================================================
short, or of unknown length            HEAD: its SeekTable lists (nearly) every fragment
long, or with a coarse SeekTable       its last bytes: the ``mfra`` lists every fragment
neither SeekTable nor ``mfra``         the head of each ``moof`` up to the instant, about 1 KiB each
=====================================  ===============================================================

The header, unless one of the span was read before, and the fragment follow: three requests in the first two cases.
An ``mfra`` of several tracks need not be read completely: the last bytes suffice if they hold the table of the leading
track, which our recorder therefore puts last. One more request is needed if that table, or those after it, take more
than 60 KiB.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import wraps
from itertools import pairwise
from typing import Concatenate, ParamSpec, TypeVar

from onvif_bmff.bmff import NON_SYNC_SAMPLE, MovieFragmentBox
from onvif_bmff.demux.fragment_samples import FragmentReader, TrackFragment
from onvif_bmff.errors import BoxError, MediaError, OnvifBmffError
from onvif_bmff.media.codec import all_sync
from onvif_bmff.media.track import TrackType
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.objects.seek_table import SeekEntry, TrackSeekTable
from onvif_bmff.objects.stored import ObjectInfo, ReadableStore
from onvif_bmff.playback.fragments import StoredFragment, read_fragments
from onvif_bmff.playback.header import SegmentHeader, read_header
from onvif_bmff.playback.recorded import RecordedSegment, RecordedSpan
from onvif_bmff.playback.seek_index import SegmentIndex, attributes_of, index_of_attributes, index_of_last_bytes
from onvif_bmff.playback.seek_point import SeekPoint, Subsegment
from onvif_bmff.playback.source import BLOCK, MAX_READ, ByteSource, MemorySource, StoreSource, box_head, parse_one
from onvif_bmff.timing import UtcTime

__all__ = ["Seeker"]

CLOSE = timedelta(seconds=10)
"""A SeekTable whose entries lie farther apart is coarse: an ``mfra`` is preferred."""
_SHORT = 8 * CLOSE
_LONG = timedelta(hours=1)
_MAX_HEADER_SIZE = 1 << 20
_HEADER_GUESS = 8 << 10
_FIRST_MOOF = 8 << 10
_USUAL_MOOF = 2 << 10
"""That of a group of pictures. Keys belong to what is shown first, which only the fragment knows."""
_PEEK = 1 << 10
_ANY_SIZE = 1 << 62
_P = ParamSpec("_P")
_R = TypeVar("_R")


def _naming(
    method: "Callable[Concatenate[Seeker, RecordedSegment, _P], _R]",
) -> "Callable[Concatenate[Seeker, RecordedSegment, _P], _R]":
    """Give the errors of a method the name of the segment that it was called for."""

    @wraps(method)
    def named(self: "Seeker", segment: RecordedSegment, /, *args: _P.args, **options: _P.kwargs) -> _R:
        try:
            return method(self, segment, *args, **options)
        except OnvifBmffError as error:
            error.about(segment.name)
            raise

    return named


class Seeker:
    """Finds and reads fragments of stored segments. Keeps the header of each span that it reads.

    ``close`` is the largest distance of SeekTable entries that are used without looking for an ``mfra``.
    """

    def __init__(self, store: ReadableStore, *, close: timedelta = CLOSE) -> None:
        self._store = store
        self._close = close
        self._headers: dict[RecordedSpan, SegmentHeader] = {}
        self._beginning = ("", b"")
        self._first_fragment_of: tuple[str, tuple[TrackFragment, ...]] = ("", ())

    # ---- headers -----------------------------------------------------------------------------------

    @_naming
    def header(self, segment: RecordedSegment, *, size: int | None = None, more: int = 0) -> SegmentHeader:
        """Return the header of the segment's span, fetched from the first segment that is asked for. B.2.

        ``size`` is its probable number of bytes; ``more`` bytes after it are fetched in the same request.

        Raises:
            BoxError, MediaError: the object is not a valid segment.
            StoreError: the store failed.
        """
        found = self._headers.get(segment.span)
        if found is None:
            if size is not None and 0 < size <= _MAX_HEADER_SIZE:
                data = self._store.get(segment.name, 0, size + more)
                try:
                    found = read_header(MemorySource(data))
                except (BoxError, MediaError):
                    found = None  # the index was wrong; read the object itself
                self._beginning = (segment.name, data)
            if found is None:
                found = read_header(StoreSource(self._store, segment.name, block=_HEADER_GUESS))
            self._headers[segment.span] = found
        return found

    def keep(self, span: RecordedSpan, header: SegmentHeader) -> None:
        """Remember a header that was read elsewhere."""
        self._headers.setdefault(span, header)

    def known(self, span: RecordedSpan) -> SegmentHeader | None:
        """Return the header of a span if it was read before."""
        return self._headers.get(span)

    def headers(self, extension: str) -> list[SegmentHeader]:
        """Return the headers of the spans with an extension that were read."""
        return [header for span, header in self._headers.items() if span.extension == extension]

    @_naming
    def first_presentation(self, segment: RecordedSegment) -> tuple[int, int]:
        """Return the media time that belongs to the key of a segment, as ticks and timescale.

        Raises:
            BoxError, MediaError: the object is not a valid segment.
            StoreError: the store failed.
        """
        header = self.header(segment)
        return header.first_presentation(self._first(segment, header), first_of_span=segment.key.counter == 0)

    @_naming
    def shown_before(self, segment: RecordedSegment) -> int:
        """Return how long pictures are shown before the key frame that a segment begins with, in µs: of open groups.

        Raises:
            BoxError, MediaError: the object is not a valid segment.
            StoreError: the store failed.
        """
        header = self.header(segment)
        if not self._may_reorder(header):
            return 0
        lead = next((part for part in self._first(segment, header) if part.track is header.lead), None)
        if lead is None or not lead.sample_count:
            return 0
        return (lead.first_presentation - lead.earliest_presentation) * 1_000_000 // lead.track.timescale

    def _first(self, segment: RecordedSegment, header: SegmentHeader) -> tuple[TrackFragment, ...]:
        """Return the first fragment of a segment; the last one asked for is kept."""
        if self._first_fragment_of[0] != segment.name:
            found = next(self._heads(segment, header, header.size), None)
            if found is None:
                raise MediaError(f"the segment {segment.name} has no fragments")
            self._first_fragment_of = (segment.name, found[1])
        return self._first_fragment_of[1]

    # ---- finding -----------------------------------------------------------------------------------

    @_naming
    def walk(self, segment: RecordedSegment, at: UtcTime) -> SeekPoint:
        """Return the same as ``find``, by the fragments themselves: an index may be damaged. Raises as ``find``."""
        return self._walk(segment, None, at)

    @_naming
    def find(self, segment: RecordedSegment, at: UtcTime) -> SeekPoint:
        """Return the fragment with the last sync sample of the leading track at or before ``at``, else the first one.

        In a short object it may be an earlier one, as its SeekTable allows.

        Raises:
            BoxError, MediaError: the object is not a valid segment.
            StoreError: the store failed.
        """
        length = segment.end - segment.start if segment.end is not None else None
        if length is None and at - segment.start > _SHORT:
            length = _LONG
        info: ObjectInfo | None = None
        coarse: SegmentIndex | None = None
        if length is None or length <= _SHORT:
            info = self._store.head(segment.name)
            length = attributes_of(info).duration or length
            coarse = index_of_attributes(info)
            if coarse is not None:
                point = self._pick(segment, coarse, at, self._close)
                if point is not None:
                    return point
        index = self._random_access(segment, length, info)
        if index is not None:
            point = self._pick(segment, index, at, None)
            if point is not None:
                return point
        if info is None:
            coarse = index_of_attributes(self._store.head(segment.name))
            if coarse is not None:
                point = self._pick(segment, coarse, at, self._close)
                if point is not None:
                    return point
        return self._walk(segment, coarse, at)

    @_naming
    def subsegments(self, segment: RecordedSegment) -> list[Subsegment]:
        """Return the subsegments of a segment by its index; the whole segment as one if it has no index.

        Costs a HEAD request, and one more if the SeekTable is coarse.

        Raises:
            BoxError, MediaError: the object is not a valid segment.
            StoreError: the store failed.
        """
        info = self._store.head(segment.name)
        found = attributes_of(info)
        end = segment.end
        if found.duration is not None:
            end = segment.start + found.duration  # exact, while keys have milliseconds
        index = index_of_attributes(info)
        length = end - segment.start if end is not None else None
        if index is None or self._is_coarse(segment, index, length):
            index = self._random_access(segment, length, info) or index
        end = end or self.end(segment)
        if index is None:
            return [Subsegment(self.header(segment).size, info.size, segment.start, end)]
        table = index.leading(self._headers.get(segment.span))
        clock = self._clock_of_index(segment, index, table)
        starts = [(entry.moof_offset, clock.utc(entry.time, index.scale(table))) for entry in table.entries]
        starts.append((info.size, max(end, starts[-1][1])))
        subsegments: list[Subsegment] = []
        for (offset, start), (stop, over) in pairwise(starts):
            if not 0 <= offset < stop <= info.size:
                raise MediaError(f"the index of {segment.name} does not fit the object")
            subsegments.append(Subsegment(offset, stop, start, over))
        return subsegments

    def _is_coarse(self, segment: RecordedSegment, index: SegmentIndex, length: timedelta | None) -> bool:
        entries = index.leading(self._headers.get(segment.span)).entries
        longest = max((later.time - one.time for one, later in pairwise(entries)), default=0)
        if length is not None:
            longest = max(longest, int(length.total_seconds() * index.timescale) - entries[-1].time + entries[0].time)
        return longest > self._close.total_seconds() * index.timescale

    @_naming
    def end(self, segment: RecordedSegment) -> UtcTime:
        """Return when a segment ends: by keys, else its Duration attribute, else its fragments.

        Raises:
            BoxError, MediaError: the object is not a valid segment.
            StoreError: the store failed.
        """
        if segment.end is not None:
            return segment.end
        found = attributes_of(self._store.head(segment.name))
        if found.duration is not None:
            return segment.start + found.duration
        header = self.header(segment)
        length, leading = 0, header.lead
        for _, parts in self._heads(segment, header, header.size):
            length += sum(part.duration for part in parts if part.track is leading)
        return segment.start.plus_ticks(length, leading.timescale)

    def read(self, point: SeekPoint) -> tuple[SegmentHeader, StoredFragment]:
        """Return the header and the first fragment at a point, with at most one request each.

        The last fragment of an object may take two, if it is larger than all others.

        Raises:
            BoxError, MediaError: the header or the fragment is broken.
            StoreError: the store failed.
        """
        header = self.header(point.segment)
        try:
            return header, self._first_fragment(point, header)
        except OnvifBmffError as error:
            error.about(point.segment.name)
            raise

    def _first_fragment(self, point: SeekPoint, header: SegmentHeader) -> StoredFragment:
        name = point.segment.name
        source: ByteSource
        if point.end is None:
            start, source = point.start, StoreSource(self._store, name, block=point.likely_size + _PEEK)
        else:
            start, source = 0, MemorySource(self._store.get(name, point.start, point.end - point.start))
        for fragment in read_fragments(source, header, start):
            fragment.offset += point.start - start
            return fragment
        raise MediaError(f"no fragment begins at byte {point.start} of {name}")

    # ---- ways of finding -----------------------------------------------------------------------------

    def _random_access(
        self, segment: RecordedSegment, length: timedelta | None, info: ObjectInfo | None
    ) -> SegmentIndex | None:
        def header(size: int, *, is_whole: bool) -> SegmentHeader:
            more = _USUAL_MOOF if is_whole or segment.key.counter else _FIRST_MOOF
            return self.header(segment, size=size, more=more)

        return index_of_last_bytes(self._store, segment.name, length, info, header)

    def _pick(
        self, segment: RecordedSegment, index: SegmentIndex, at: UtcTime, close: timedelta | None
    ) -> SeekPoint | None:
        """Return the point for an instant; None if the next entry is farther away than ``close``."""
        table = index.leading(self.header(segment, size=index.header_size, more=_USUAL_MOOF))
        clock = self._clock(segment, index, table)
        timescale = index.scale(table)
        entry = table.locate(clock.ticks_at(at, timescale))
        later = [one for one in table.entries if one.time > entry.time or one.moof_offset > entry.moof_offset]
        following = later[0] if later else None
        if close is not None and not self._is_close(segment, clock, timescale, entry, following, close):
            return None
        end = following.moof_offset if following is not None else index.end
        if end is not None and end <= entry.moof_offset:
            return None  # the index is wrong
        likely = min(index.longest, MAX_READ) if end is None else BLOCK
        return SeekPoint(segment, entry.moof_offset, end, clock, index.found_by, likely)

    def _clock(self, segment: RecordedSegment, index: SegmentIndex, leading: TrackSeekTable) -> MediaClock:
        """Return the clock of a segment whose header is known."""
        if self._may_reorder(self.header(segment)):
            with suppress(BoxError, MediaError):  # that fragment may not be needed
                return MediaClock(segment.start, *self.first_presentation(segment))
        return self._clock_of_index(segment, index, leading)

    def _clock_of_index(self, segment: RecordedSegment, index: SegmentIndex, leading: TrackSeekTable) -> MediaClock:
        """Return a clock by which the first entry begins with the segment, though pictures may be shown before it."""
        first_of_span = segment.key.counter == 0
        if index.is_whole or not first_of_span:
            return index.clock(segment.start, leading, first_of_span=first_of_span)
        # Only the first fragment shows which track begins earliest.
        return MediaClock(segment.start, *self.first_presentation(segment))

    def _may_reorder(self, header: SegmentHeader) -> bool:
        """Return whether pictures may be shown in another order than they are decoded in."""
        if header.lead.type is not TrackType.VIDEO:
            return False
        try:
            return not all_sync(header.lead.codec())
        except (BoxError, MediaError):
            return True

    def _is_close(
        self,
        segment: RecordedSegment,
        clock: MediaClock,
        timescale: int,
        entry: SeekEntry,
        following: SeekEntry | None,
        close: timedelta,
    ) -> bool:
        start = clock.utc(entry.time, timescale)
        if following is not None:
            return clock.utc(following.time, timescale) - start <= close
        return segment.end is None or segment.end - start <= close

    def _walk(self, segment: RecordedSegment, index: SegmentIndex | None, at: UtcTime) -> SeekPoint:
        """Find the fragment by the moof boxes, from the best known entry on."""
        header = self.header(segment)
        start, clock = header.size, None
        if index is not None:
            table = index.leading(header)
            clock = self._clock(segment, index, table)
            start = table.locate(clock.ticks_at(at, index.scale(table))).moof_offset
        best: int | None = None
        leading = header.lead
        for offset, parts in self._heads(segment, header, start):
            if clock is None:
                time = header.first_presentation(parts, first_of_span=segment.key.counter == 0)
                clock = MediaClock(segment.key.time, *time)
            lead = next((part for part in parts if part.track is leading and part.sample_count), None)
            if best is None:
                best = offset
            if lead is None or next(iter(lead.runs[0].all_flags())) & NON_SYNC_SAMPLE:
                continue
            if clock.utc(lead.first_presentation, leading.timescale) > at and offset != start:
                return SeekPoint(segment, best, offset, clock, "moof")
            best = offset
        if best is None or clock is None:
            raise MediaError(f"the segment {segment.name} has no fragments")
        return SeekPoint(segment, best, None, clock, "moof")

    def _heads(
        self, segment: RecordedSegment, header: SegmentHeader, position: int
    ) -> Iterator[tuple[int, tuple[TrackFragment, ...]]]:
        """Yield each moof from ``position`` on, without the media data between them."""
        name, data = self._beginning
        source = StoreSource(self._store, segment.name, block=_PEEK, data=data if name == segment.name else b"")
        # Runs are summed, never expanded: the work is bounded by the size of the boxes.
        reader = FragmentReader(header.movie_tracks, _ANY_SIZE)
        while (head := box_head(source, position)) is not None and head.size is not None:
            if head.type == "moof":
                source.view(position, head.size + 16)  # with the header of the next mdat in the same request
                moof = parse_one(source, position, head.size)
                if not isinstance(moof, MovieFragmentBox):
                    raise BoxError("the fragment cannot be read", path="/moof", offset=position)
                yield position, reader.read(moof, position)
            position += head.size
