"""Converts a protected file to a clear one of the same structure, as bytes with their positions.

Samples keep their place in the mdat. Boxes of protection are removed, so the following bytes move up, and references
into the file are adjusted: chunk offsets, data offsets of fragments, sidx and mfra. An index that cannot be adjusted is
replaced by free space.

The file is read twice, box by box, and media data in batches, so memory does not grow with it.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import Final, NamedTuple
from uuid import UUID

from onvif_bmff.bmff import (
    Box,
    ChunkLargeOffsetBox,
    ChunkOffsetBox,
    Columns,
    ContainerBox,
    FreeSpaceBox,
    MovieBox,
    MovieFragmentBox,
    MovieFragmentRandomAccessBox,
    SampleAuxiliaryInformationOffsetsBox,
    SegmentIndexBox,
    TrackFragmentBox,
    TrackFragmentHeaderBox,
    TrackFragmentRandomAccessBox,
    TrackRunBox,
    parse_boxes,
    read_box_header,
)
from onvif_bmff.cenc.decrypt import FragmentDecryptor
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.protection import protection_headers
from onvif_bmff.demux.budget import SampleBudget
from onvif_bmff.demux.fragment_samples import FragmentReader, TrackFragment
from onvif_bmff.demux.sample_tables import MovieTrack, chunk_counts, read_tracks, table_chunks
from onvif_bmff.errors import BoxError, MediaError, MissingKeyError
from onvif_bmff.export.clear_boxes import clear_fragment, clear_movie, removed_size, removed_sizes
from onvif_bmff.export.missing_keys import tracks_without_keys
from onvif_bmff.media.sample_entries import is_protected

__all__ = ["ClearBytes", "ClearFile"]

_MAX_BATCH: Final = 4 << 20
_MAX_BATCH_SAMPLES: Final = 4096
_REPORT_BYTES: Final = 16 << 20
_BASE_IS_MOOF: Final = 0x020000


class ClearBytes(NamedTuple):
    """Bytes of the clear file: ``data`` belongs at ``position``."""

    position: int
    data: bytes | bytearray | memoryview


@dataclass(slots=True)
class _Movie:
    """The movie box that fragments belong to, and their reader."""

    tracks: tuple[MovieTrack, ...]
    reader: FragmentReader


class ClearFile:
    """Removes the protection of a file, fragmented or progressive.

    Args:
        data: the whole file, preferably a memory map.
        keys: the content keys.
        unlock: called with the pssh boxes of a movie box or fragment before anything is decrypted; may add keys.
        passed: called every 16 MiB while the file is read, so that pages of a map can be released.
        partial: leave tracks encrypted, with all that a player needs to decrypt them, if a key of theirs is missing.

    Attributes:
        size: bytes of the clear file.
        is_protected: whether any track is protected.
        left: track_IDs of the tracks that stay encrypted, with the KIDs of the missing keys.

    Raises:
        BoxError, MediaError: the file is invalid. Also what ``unlock`` raises.
        MissingKeyError: ``partial``, and there is no track whose keys are there.
    """

    def __init__(
        self,
        data: bytes | memoryview,
        keys: KeyRing,
        *,
        unlock: Callable[[Sequence[Box]], object] | None = None,
        passed: Callable[[], object] | None = None,
        partial: bool = False,
    ) -> None:
        self._data = memoryview(data)
        self._passed = passed
        self._decryptor = FragmentDecryptor(keys, self._data)
        self._starts, self._moved, self._resized = array("Q"), array("Q"), set[int]()
        self.is_protected = False
        self.left: dict[int, tuple[UUID, ...]] = {}
        if partial:
            self.left = tracks_without_keys(self._unlocked(unlock), len(self._data), keys)
            unlock = None
        position = 0
        tracks: tuple[MovieTrack, ...] = ()
        for name, start, end in self._scan():
            size = end - start
            self._starts.append(start)
            self._moved.append(position)
            if name in (b"moov", b"moof"):
                self._resized.add(start)
                found = self._parse(start, end)
                headers = protection_headers(found)
                if headers and unlock is not None:
                    unlock(headers)
                if isinstance(found, MovieBox):
                    tracks = read_tracks(found)
                    self.is_protected |= any(track.is_protected for track in tracks)
                    size = clear_movie(found, self.left).size
                elif isinstance(found, MovieFragmentBox):
                    size -= removed_size(found, self._cleared(tracks), keep_headers=bool(self.left))
            position += size
        if not self._starts or not tracks:
            raise MediaError("the file has no movie box (moov)")
        if self.left and not self._cleared(tracks):
            raise MissingKeyError(f"no content key for KID {next(iter(self.left.values()))[0]}")
        self._starts.append(len(self._data))
        self._moved.append(position)
        self.size = position

    def _unlocked(self, unlock: Callable[[Sequence[Box]], object] | None) -> Iterator[tuple[Box, int]]:
        """Yield the movie boxes and fragments with their positions, and hand over their pssh boxes."""
        for name, start, end in self._scan():
            if name in (b"moov", b"moof"):
                found = self._parse(start, end)
                headers = protection_headers(found)
                if headers and unlock is not None:
                    unlock(headers)
                yield found, start

    def _cleared(self, tracks: Sequence[MovieTrack]) -> frozenset[int]:
        """Return the track_IDs whose protection is removed."""
        protected = frozenset(track.track_id for track in tracks if any(map(is_protected, track.entries)))
        return protected - self.left.keys()

    def pieces(self) -> Iterator[ClearBytes]:
        """Yield the bytes of the clear file. They may overlap: later ones replace earlier ones.

        Raises:
            MissingKeyError, UnsupportedSchemeError, ProtectionError: samples cannot be decrypted.
            BoxError, MediaError: the file is invalid.
        """
        movie: _Movie | None = None
        waiting: list[tuple[int, int, TrackFragment]] = []  # end of the data, ordinal, traf
        number = 0
        budget = SampleBudget(len(self._data))
        tables: list[MovieTrack] = []
        for name, start, end in self._scan():
            found = self._parse(start, end) if name in (b"moov", b"moof", b"sidx", b"mfra") else None
            made: Box | None = None
            if isinstance(found, MovieBox):
                tracks = read_tracks(found)
                movie = _Movie(tracks, FragmentReader(tracks, len(self._data), budget))
                made = self._with_chunk_offsets(clear_movie(found, self.left))
                cleared = self._cleared(tracks)
                tables += [track for track in tracks if track.track_id in cleared and track.sample_count]
            elif isinstance(found, MovieFragmentBox):
                if movie is None:
                    raise MediaError("a fragment comes before any movie box")
                parts = movie.reader.read(found, start)
                made = self._with_data_offsets(found, parts, start, self._cleared(movie.tracks))
                for part in parts:
                    if part.runs:
                        last = max([run.position + run.data_size for run in part.runs])
                        heappush(waiting, (last, number, part))
                        number += 1
            elif isinstance(found, SegmentIndexBox):
                made = self._index(found, start, end)
            elif isinstance(found, MovieFragmentRandomAccessBox):
                made = self._random_access(found, end - start)
            if made is not None:
                yield ClearBytes(self._place(start), made.build())
                continue
            for at in range(start, end, _MAX_BATCH):
                yield ClearBytes(self._place(start) + at - start, self._data[at : min(at + _MAX_BATCH, end)])
            while waiting and waiting[0][0] <= end:
                yield from self._fragment(heappop(waiting)[2])
        while waiting:
            yield from self._fragment(heappop(waiting)[2])
        for track in tables:
            yield from self._table(track, budget)

    # ---- samples --------------------------------------------------------------------------------------------

    def _fragment(self, part: TrackFragment) -> Iterator[ClearBytes]:
        maps = None if part.track.track_id in self.left else self._decryptor.maps(part)
        if maps is None:
            return
        for run in part.runs:
            position = run.position
            for batch in _batches(run.iter_sizes()):
                end = position + sum(batch)
                payload = bytearray(self._data[position:end])
                self._decryptor.decrypt(maps, payload, batch)
                yield ClearBytes(self._place(position), payload)
                position = end
        maps.close()

    def _table(self, track: MovieTrack, budget: SampleBudget) -> Iterator[ClearBytes]:
        """Yield the decrypted samples that the movie box itself describes."""
        maps = self._decryptor.table_maps(track, chunk_counts(track))
        if maps is None:
            return
        reported = 0
        for position, sizes, _ in table_chunks(track, len(self._data), budget):
            for batch in _batches(sizes):
                end = position + sum(batch)
                payload = bytearray(self._data[position:end])
                self._decryptor.decrypt(maps, payload, batch)
                yield ClearBytes(self._place(position), payload)
                position = end
            if self._passed is not None and position - reported >= _REPORT_BYTES:
                reported = position
                self._passed()
        maps.close()

    # ---- boxes ----------------------------------------------------------------------------------------------

    def _with_chunk_offsets(self, movie: MovieBox) -> MovieBox:
        def moved(found: Box) -> Box:
            if isinstance(found, ChunkOffsetBox | ChunkLargeOffsetBox):
                column = found.entries["chunk_offset"]
                offsets = array(column.typecode, [self._place(min(at, len(self._data))) for at in column])
                return replace(found, entries=Columns(chunk_offset=offsets))
            if isinstance(found, SampleAuxiliaryInformationOffsetsBox):  # of a track that stays encrypted
                column = found.entries["offset"]
                return replace(found, entries=Columns(offset=array(column.typecode, map(self._place, column))))
            if isinstance(found, ContainerBox) and found.type in ("trak", "mdia", "minf", "stbl"):
                return replace(found, children=tuple([moved(child) for child in found.children]))
            return found

        return replace(movie, children=tuple([moved(child) for child in movie.children]))

    def _with_data_offsets(
        self, moof: MovieFragmentBox, parts: Sequence[TrackFragment], start: int, protected: frozenset[int]
    ) -> MovieFragmentBox:
        """Return the fragment without protection, with data offsets to the new positions of samples."""
        remaining = iter(parts)
        base = moved_base = start_moved = self._place(start)
        base = start
        children: list[Box] = []
        before = self._removed_before(moof, protected)
        for child in clear_fragment(moof, protected, keep_headers=bool(self.left)).children:
            if not isinstance(child, TrackFragmentBox):
                children.append(child)
                continue
            part, header = next(remaining), child.require(TrackFragmentHeaderBox)
            if header.base_data_offset is not None:
                base, moved_base = header.base_data_offset, self._place(header.base_data_offset)
            elif header.flags & _BASE_IS_MOOF:
                base, moved_base = start, start_moved
            runs, inner = iter(part.runs), list[Box]()
            position, moved_position = base, moved_base
            for box in child.children:
                if isinstance(box, TrackRunBox):
                    run = next(runs)
                    if box.data_offset is not None:
                        position, moved_position = run.position, self._place(run.position) if run.count else moved_base
                        box = replace(box, data_offset=moved_position - moved_base)
                    position, moved_position = position + run.data_size, moved_position + run.data_size
                elif box is header and header.base_data_offset is not None:
                    box = replace(header, base_data_offset=moved_base)
                elif isinstance(box, SampleAuxiliaryInformationOffsetsBox) and part.track.track_id in self.left:
                    given = start if header.base_data_offset is None else header.base_data_offset
                    box = self._moved_auxiliary(box, given, range(start, start + moof.size), before[id(child)])
                inner.append(box)
            base, moved_base = position, moved_position
            children.append(replace(child, children=tuple(inner)))
        return replace(moof, children=tuple(children))

    def _removed_before(self, moof: MovieFragmentBox, protected: frozenset[int]) -> dict[int, int]:
        """Return for each kept child of a fragment how many bytes are removed before it."""
        found, total = dict[int, int](), 0
        for child, removed in removed_sizes(moof, protected, keep_headers=bool(self.left)):
            found[id(child)] = total
            total += removed
        return found

    def _moved_auxiliary(self, box: SampleAuxiliaryInformationOffsetsBox, base: int, moof: range, removed: int) -> Box:
        """Return the saio of a track that stays encrypted, of whose fragment ``removed`` bytes go before its traf."""
        start, column = moof.start, box.entries["offset"]
        places = [
            self._place(start) + at - start - removed if at in moof else self._place(at)
            for at in [base + offset for offset in column]
        ]
        return replace(box, entries=Columns(offset=array(column.typecode, [at - self._place(base) for at in places])))

    def _index(self, found: SegmentIndexBox, start: int, end: int) -> Box | None:
        """Return the index with the new sizes; free space if its references are not starts of boxes."""
        position = end + found.first_offset
        rows = found.references
        try:
            place = self._beginning(position)
            first_offset = place - (self._place(start) + end - start)
            references = array("I")
            for reference in rows["reference"]:
                position += reference & 0x7FFFFFFF
                following = self._beginning(position)
                references.append(reference & 0x80000000 | following - place)
                place = following
        except MediaError:
            return _free(end - start)
        changed = Columns(reference=references, duration=rows["duration"], sap=rows["sap"])
        return replace(found, first_offset=first_offset, references=changed)

    def _random_access(self, found: MovieFragmentRandomAccessBox, size: int) -> Box:
        children: list[Box] = []
        try:
            for child in found.children:
                if isinstance(child, TrackFragmentRandomAccessBox):
                    columns = {name: child.entries[name] for name in child.entries.names}
                    column = columns["moof_offset"]
                    columns["moof_offset"] = array(column.typecode, [self._beginning(at) for at in column])
                    child = replace(child, entries=Columns(len(column), **columns))
                children.append(child)
        except MediaError:
            return _free(size)
        return replace(found, children=tuple(children))

    # ---- places ---------------------------------------------------------------------------------------------

    def _place(self, position: int) -> int:
        """Return the position in the clear file of a byte of the protected one."""
        number = bisect_right(self._starts, position) - 1
        if position > len(self._data) or number < 0:
            raise MediaError(f"byte {position} lies outside the file")
        start = self._starts[number]
        if position != start and start in self._resized:
            raise MediaError(f"media data at byte {position} lie within a movie box")
        return self._moved[number] + position - start

    def _beginning(self, position: int) -> int:
        """Return the position in the clear file of a top-level box that begins at ``position``."""
        number = bisect_right(self._starts, position) - 1
        if number < 0 or self._starts[number] != position:
            raise MediaError(f"no box begins at byte {position}")
        return self._moved[number]

    def _scan(self) -> Iterator[tuple[bytes, int, int]]:
        """Type, start and end of the top-level boxes."""
        data, position, reported = self._data, 0, 0
        while position < len(data):
            if self._passed is not None and position - reported >= _REPORT_BYTES:
                reported = position
                self._passed()
            header = read_box_header(data, position, len(data))
            if header is None or header[2] < position + 8:
                raise BoxError("no box begins here", offset=position)
            name, _, end, _ = header
            if end > len(data):
                path = "/" + name.decode("latin-1")
                raise BoxError(f"the box runs {end - len(data)} bytes past its file", path=path, offset=position)
            yield name, position, end
            position = end

    def _parse(self, start: int, end: int) -> Box:
        try:
            return parse_boxes(self._data[start:end])[0]
        except BoxError as error:
            raise BoxError(error.reason, path=error.path, offset=error.offset + start) from None


def _free(size: int) -> FreeSpaceBox:
    return FreeSpaceBox(data=bytes(size - 8))


def _batches(sizes: Iterable[int]) -> Iterator[list[int]]:
    """Yield sizes of samples in lists, each limited in total bytes and in samples."""
    batch, total = list[int](), 0
    for size in sizes:
        if batch and (total + size > _MAX_BATCH or len(batch) == _MAX_BATCH_SAMPLES):
            yield batch
            batch, total = [], 0
        batch.append(size)
        total += size
    if batch:
        yield batch
