"""The index of a stored object, from its attributes or its last bytes. ISO/IEC 14496-12, 8.8.9; B.9.2."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise

from onvif_bmff.bmff import MovieFragmentRandomAccessBox
from onvif_bmff.errors import ObjectAttributeError
from onvif_bmff.objects.attributes import ObjectAttributes
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.objects.seek_table import SeekTable, TrackSeekTable
from onvif_bmff.objects.stored import ObjectInfo, ObjectStore
from onvif_bmff.playback.fragments import last_tables_of, random_access_of, random_access_size
from onvif_bmff.playback.header import SegmentHeader
from onvif_bmff.timing import UtcTime

__all__ = ["SegmentIndex", "attributes_of", "index_of_attributes", "index_of_last_bytes"]

_LEAST = 4 << 10
_MOST = 60 << 10
_A_SECOND = 12
_LARGEST = 64 << 20


@dataclass(slots=True)
class SegmentIndex:
    """Sync samples of an object, as SeekTable or ``mfra`` have them.

    ``timescale`` is that of all tracks but those in ``timescales``. ``end`` is the byte at which the last fragment
    ends, None if that is not known. ``found_by`` is "SeekTable" or "mfra"; ``is_whole`` tells whether all tracks that
    it has are in the ``table``.
    """

    table: SeekTable
    timescale: int
    end: int | None
    found_by: str
    is_whole: bool = True
    timescales: dict[int, int] = field(default_factory=dict)

    @property
    def header_size(self) -> int:
        """Where the first fragment begins, if it has a sync sample."""
        return min(track.entries[0].moof_offset for track in self.table.tracks)

    @property
    def longest(self) -> int:
        """Bytes of the largest stretch between two sync samples."""
        offsets = sorted({entry.moof_offset for track in self.table.tracks for entry in track.entries})
        return max((later - one for one, later in pairwise(offsets)), default=0)

    def leading(self, header: SegmentHeader | None) -> TrackSeekTable:
        """The entries of the leading track."""
        found = self.table.track(header.lead.track_id) if header is not None else None
        return found or self.table.tracks[0]

    def scale(self, track: TrackSeekTable) -> int:
        """Ticks a second of a track's entries."""
        return self.timescales.get(track.track_id, self.timescale)

    def clock(self, at: UtcTime, leading: TrackSeekTable, *, first_of_span: bool) -> MediaClock:
        """What the key of the object, that says ``at``, means for the times of the entries."""
        # The key of a span's first segment is that of its earliest sample, in whatever track.
        tracks = self.table.tracks if first_of_span else (leading,)
        times = [(track.entries[0].time, self.scale(track)) for track in tracks]
        return MediaClock(at, *min(times, key=lambda time: Fraction(*time)))


def attributes_of(info: ObjectInfo) -> ObjectAttributes:
    """The attributes of an object; none if they are broken."""
    try:
        return ObjectAttributes.from_metadata(info.attributes, strict=False)
    except ObjectAttributeError:
        return ObjectAttributes()


def index_of_attributes(info: ObjectInfo) -> SegmentIndex | None:
    """The SeekTable of an object; None if it has none that can be used."""
    found = attributes_of(info)
    if found.seek_table is None or found.timescale is None:
        return None
    return SegmentIndex(found.seek_table, found.timescale, info.size, "SeekTable")


def index_of_last_bytes(
    store: ObjectStore,
    name: str,
    lasting: timedelta | None,
    info: ObjectInfo | None,
    header: Callable[[int, bool], SegmentHeader],
) -> SegmentIndex | None:
    """The ``mfra`` of an object, or as much of it as has the leading track; None without one.

    Costs one request, and one more if the ``mfra`` is large for its ``lasting``. ``info``, if it is known already,
    tells the size of the object, so that nothing has to be counted from its end. ``header`` gives the header, told how
    many bytes it probably has, and whether the index is whole.

    Raises what ``header`` raises, and ``StoreError``.
    """
    guess = _LEAST
    if lasting is not None:
        guess = max(guess, min(_MOST, int(lasting.total_seconds() * _A_SECOND) + 512))
    tail = _last_bytes(store, name, guess, 0, info)
    size = random_access_size(tail)
    end = info.size - size if info is not None else None
    if len(tail) < size <= _LARGEST:
        found = _index(last_tables_of(tail), end, header, is_whole=False)
        if found is not None:
            return found
        tail = _last_bytes(store, name, size, len(tail), info) + tail
    return _index(random_access_of(tail), end, header, is_whole=True)


def _index(
    box: MovieFragmentRandomAccessBox | None,
    end: int | None,
    header: Callable[[int, bool], SegmentHeader],
    *,
    is_whole: bool,
) -> SegmentIndex | None:
    try:
        table = SeekTable.from_mfra(box) if box is not None else None
    except ObjectAttributeError:
        table = None
    if table is None:
        return None
    known = header(min(track.entries[0].moof_offset for track in table.tracks), is_whole)
    if not is_whole and table.track(known.lead.track_id) is None:
        return None
    scales = {track.track_id: track.timescale for track in known.movie_tracks}
    return SegmentIndex(table, known.lead.timescale, end, "mfra", is_whole, scales)


def _last_bytes(store: ObjectStore, name: str, first: int, last: int, info: ObjectInfo | None) -> bytes:
    """From ``first`` bytes before the end of an object to ``last`` bytes before it."""
    if info is None:
        return store.get(name, -first, first - last if last else None)
    start = max(0, info.size - first)
    return store.get(name, start, info.size - last - start)
