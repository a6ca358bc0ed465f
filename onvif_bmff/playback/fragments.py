"""The fragments of a segment in order, from memory or a store, with bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from onvif_bmff.bmff import MovieFragmentBox, MovieFragmentRandomAccessBox, parse_boxes
from onvif_bmff.demux.budget import SampleBudget
from onvif_bmff.demux.fragment_samples import FragmentReader, TrackFragment
from onvif_bmff.errors import BoxError, MediaError
from onvif_bmff.playback.header import SegmentHeader
from onvif_bmff.playback.source import MAX_READ, ByteSource, box_head, parse_one

__all__ = [
    "StoredFragment",
    "last_tables_of",
    "random_access_of",
    "random_access_size",
    "read_fragments",
    "rebase",
    "segment_fragments",
]

_ANY_SIZE = 1 << 62
_MFRO = 16


@dataclass(slots=True)
class StoredFragment:
    """One fragment: a ``moof`` and the ``mdat`` boxes after it.

    ``offset`` and ``size`` give its position in the object. ``data`` are its bytes; the positions of samples in
    ``parts`` (one for each track) count from the start of ``data``. ``torn``: the object ends within it.
    """

    offset: int
    size: int
    moof: MovieFragmentBox = field(repr=False)
    data: memoryview = field(repr=False)
    parts: tuple[TrackFragment, ...]
    torn: bool = False

    def part(self, track_id: int) -> TrackFragment | None:
        """Return the part of a track with samples, or None if it has none here."""
        for part in self.parts:
            if part.track.track_id == track_id and part.sample_count:
                return part
        return None


def read_fragments(source: ByteSource, header: SegmentHeader, start: int | None = None) -> Iterator[StoredFragment]:
    """Yield the fragments from byte ``start`` of the object on (after the header if None).

    Raises, after the fragments before it:
        BoxError: a box is truncated or invalid, or describes more samples than the budget allows.
        MediaError: a fragment does not fit the header, or its samples lie outside it.
    """
    budget = SampleBudget()
    reader = FragmentReader(header.movie_tracks, _ANY_SIZE, budget)
    position = header.size if start is None else start
    while (head := box_head(source, position)) is not None:
        if head.type == "moof":
            if head.size is None:
                raise BoxError("a fragment without end", path="/moof", offset=position)
            moof = parse_one(source, position, head.size)
            if not isinstance(moof, MovieFragmentBox):
                raise BoxError("the fragment cannot be read", path="/moof", offset=position)
            stop = _end_of_data(source, position + head.size)
            data = source.view(position, stop - position)
            if len(data) < stop - position:
                missing = stop - position - len(data)
                raise BoxError(f"the box runs {missing} bytes past its file", path="/mdat", offset=position)
            budget.allow(len(data))
            parts = reader.read(moof, position, position + len(data))
            for part in parts:
                rebase(part, position, len(data))
            yield StoredFragment(position, stop - position, moof, data, parts)
            position = stop
        elif head.size is None:
            return
        else:
            position += head.size


def segment_fragments(
    source: ByteSource, header: SegmentHeader, size: int
) -> Iterator[tuple[MovieFragmentBox, tuple[TrackFragment, ...]]]:
    """Yield the fragments of a stored segment, reading none of its media data. ``size`` is that of the object.

    Raises, after the fragments before it:
        BoxError: a box is truncated or invalid, or describes more samples than the budget allows.
        MediaError: a fragment does not fit the header, or its samples lie outside the object.
    """
    reader = FragmentReader(header.movie_tracks, size)
    position = header.size
    while position < size and (head := box_head(source, position)) is not None:
        stop = size if head.size is None else position + head.size
        if stop > size:
            raise BoxError(f"the box runs {stop - size} bytes past its file", path=f"/{head.type}", offset=position)
        if head.type == "moof":
            moof = parse_one(source, position, stop - position)
            if not isinstance(moof, MovieFragmentBox):
                raise BoxError("the fragment cannot be read", path="/moof", offset=position)
            yield moof, reader.read(moof, position)
        position = stop


def _end_of_data(source: ByteSource, position: int) -> int:
    """Return the end of the mdat boxes after a moof."""
    while (head := box_head(source, position)) is not None and head.type == "mdat":
        if head.size is None:
            return position + len(source.view(position, MAX_READ))
        position += head.size
    return position


def rebase(part: TrackFragment, offset: int, size: int) -> None:
    """Make positions count from the start of the fragment, and check that all samples lie in it."""
    for run in part.runs:
        run.position -= offset
        end = run.position + run.data_size
        if run.count and not 0 <= run.position <= end <= size:
            where = f"at bytes {run.position} to {end} of a fragment of {size}"
            raise MediaError(f"the samples of track {part.track.track_id} lie {where}")
    part.moof_offset = 0


def random_access_of(data: bytes | memoryview) -> MovieFragmentRandomAccessBox | None:
    """Return the ``mfra`` at the end of ``data``, which is an object or its last bytes; None if there is none.

    The box must lie completely in ``data``; the last four bytes of an object give its size.
    """
    size = random_access_size(data)
    if not 16 <= size <= len(data):
        return None
    view = memoryview(data)[len(data) - size :]
    if bytes(view[4:8]) != b"mfra" or int.from_bytes(view[:4], "big") != size:
        return None
    try:
        (found,) = parse_boxes(view)
    except BoxError:
        return None
    return found if isinstance(found, MovieFragmentRandomAccessBox) else None


def last_tables_of(data: bytes) -> MovieFragmentRandomAccessBox | None:
    """Return the end of an ``mfra`` that begins before ``data``, the last bytes of an object.

    It has the ``tfra`` boxes that lie completely in ``data``; None if there is none.
    """
    stop = len(data) - _MFRO
    if random_access_size(data) <= len(data):
        return None
    astray: set[int] = set()
    start = data.find(b"tfra") - 4
    while start >= 0:
        position = start
        while position < stop and position not in astray and data[position + 4 : position + 8] == b"tfra":
            astray.add(position)
            position += max(8, int.from_bytes(data[position : position + 4], "big"))
        if position == stop:
            try:
                return MovieFragmentRandomAccessBox(children=parse_boxes(memoryview(data)[start:stop]))
            except BoxError:
                return None
        start = data.find(b"tfra", start + 5) - 4
    return None


def random_access_size(data: bytes | memoryview) -> int:
    """Return the size of an ``mfra`` by the last four bytes of an object; 0 if it does not end with an ``mfro``."""
    view = memoryview(data)
    if len(view) < 16 or bytes(view[-12:-8]) != b"mfro":
        return 0
    return int.from_bytes(view[-4:], "big")
