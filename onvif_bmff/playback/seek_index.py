"""The index of a stored object, from its attributes or its last bytes. ISO/IEC 14496-12, 8.8.9; ONVIF 25.12, B.9.2."""

from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Protocol

from onvif_bmff.bmff import MovieFragmentRandomAccessBox
from onvif_bmff.errors import ObjectAttributeError
from onvif_bmff.objects.attributes import ObjectAttributes
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.objects.seek_table import SeekTable, TrackSeekTable
from onvif_bmff.objects.stored import ObjectInfo, ReadableStore
from onvif_bmff.playback.fragments import last_tables_of, random_access_of, random_access_size
from onvif_bmff.playback.header import SegmentHeader
from onvif_bmff.timing import UtcTime

__all__ = ["SegmentIndex", "attributes_of", "index_of_attributes", "index_of_last_bytes"]

_MIN_TAIL = 4 << 10
_MAX_TAIL = 60 << 10
_BYTES_PER_SECOND = 12
_MAX_INDEX = 64 << 20


class HeaderReader(Protocol):
    """Gives the header of the object whose index is read."""

    def __call__(self, size: int, *, is_whole: bool) -> SegmentHeader:
        """Return the header, which probably has ``size`` bytes; ``is_whole``: the index was read completely."""
        ...


@dataclass(slots=True)
class SegmentIndex:
    """Sync samples of an object, from its SeekTable or ``mfra``.

    ``timescale`` applies to all tracks except those in ``timescales``. ``end`` is the byte at which the last fragment
    ends, None if unknown. ``found_by`` is "SeekTable" or "mfra"; ``is_whole``: the ``table`` has all tracks of it.
    """

    table: SeekTable
    timescale: int
    end: int | None
    found_by: str
    is_whole: bool = True
    timescales: dict[int, int] = field(default_factory=dict)

    @property
    def header_size(self) -> int:
        """Bytes before the first fragment, if that has a sync sample."""
        return min(track.entries[0].moof_offset for track in self.table.tracks)

    @property
    def longest(self) -> int:
        """The largest number of bytes between two sync samples."""
        offsets = sorted({entry.moof_offset for track in self.table.tracks for entry in track.entries})
        return max((later - one for one, later in pairwise(offsets)), default=0)

    def leading(self, header: SegmentHeader | None) -> TrackSeekTable:
        """Return the entries of the leading track."""
        found = self.table.track(header.lead.track_id) if header is not None else None
        return found or self.table.tracks[0]

    def scale(self, track: TrackSeekTable) -> int:
        """Return the timescale of a track's entries."""
        return self.timescales.get(track.track_id, self.timescale)

    def clock(self, at: UtcTime, leading: TrackSeekTable, *, first_of_span: bool) -> MediaClock:
        """Return the clock of the entries, given the time ``at`` of the object's key."""
        # The key of a span's first segment is the time of its earliest sample, in any track.
        tracks = self.table.tracks if first_of_span else (leading,)
        times = [(track.entries[0].time, self.scale(track)) for track in tracks]
        return MediaClock(at, *min(times, key=lambda time: Fraction(*time)))


def attributes_of(info: ObjectInfo) -> ObjectAttributes:
    """Return the attributes of an object; empty ones if they are invalid."""
    try:
        return ObjectAttributes.from_metadata(info.attributes, strict=False)
    except ObjectAttributeError:
        return ObjectAttributes()


def index_of_attributes(info: ObjectInfo) -> SegmentIndex | None:
    """Return the index in the SeekTable of an object; None if there is no usable one."""
    found = attributes_of(info)
    if found.seek_table is None or found.timescale is None:
        return None
    return SegmentIndex(found.seek_table, found.timescale, info.size, "SeekTable")


def index_of_last_bytes(
    store: ReadableStore,
    name: str,
    length: timedelta | None,
    info: ObjectInfo | None,
    header: HeaderReader,
) -> SegmentIndex | None:
    """Return the index in the ``mfra`` of an object, or in its last tables; None without one.

    Costs one request, and one more if the ``mfra`` is large for the ``length`` of the object. ``info``, if known, gives
    the size of the object, so that positions need not count from its end.

    Raises:
        StoreError: the store failed. Also what ``header`` raises.
    """
    guess = _MIN_TAIL
    if length is not None:
        guess = max(guess, min(_MAX_TAIL, int(length.total_seconds() * _BYTES_PER_SECOND) + 512))
    tail = _last_bytes(store, name, guess, 0, info)
    size = random_access_size(tail)
    end = info.size - size if info is not None else None
    if len(tail) < size <= _MAX_INDEX:
        found = _index(last_tables_of(tail), end, header, is_whole=False)
        if found is not None:
            return found
        tail = _last_bytes(store, name, size, len(tail), info) + tail
    return _index(random_access_of(tail), end, header, is_whole=True)


def _index(
    box: MovieFragmentRandomAccessBox | None,
    end: int | None,
    header: HeaderReader,
    *,
    is_whole: bool,
) -> SegmentIndex | None:
    try:
        table = SeekTable.from_mfra(box) if box is not None else None
    except ObjectAttributeError:
        table = None
    if table is None:
        return None
    known = header(min(track.entries[0].moof_offset for track in table.tracks), is_whole=is_whole)
    if not is_whole and table.track(known.lead.track_id) is None:
        return None
    scales = {track.track_id: track.timescale for track in known.movie_tracks}
    return SegmentIndex(table, known.lead.timescale, end, "mfra", is_whole, scales)


def _last_bytes(store: ReadableStore, name: str, first: int, last: int, info: ObjectInfo | None) -> bytes:
    """Return the bytes from ``first`` before the end of an object to ``last`` before it."""
    if info is None:
        return store.get(name, -first, first - last if last else None)
    start = max(0, info.size - first)
    return store.get(name, start, info.size - last - start)
