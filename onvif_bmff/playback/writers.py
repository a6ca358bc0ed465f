"""MP4 files as they are written, fragment by fragment or with sample tables. ISO/IEC 14496-12, 8.5 to 8.8.

The file object is the caller's; nothing is opened in here. What a writer holds is about a second of media, and a
progressive one some 16 bytes for each sample.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from onvif_bmff.bmff import (
    NON_SYNC_SAMPLE,
    Box,
    ChunkLargeOffsetBox,
    ChunkOffsetBox,
    Columns,
    CompositionOffsetBox,
    FileTypeBox,
    MovieFragmentBox,
    MovieFragmentHeaderBox,
    MovieFragmentRandomAccessBox,
    MovieFragmentRandomAccessOffsetBox,
    SampleSizeBox,
    SampleToChunkBox,
    SyncSampleBox,
    TimeToSampleBox,
    TrackFragmentBaseMediaDecodeTimeBox,
    TrackFragmentBox,
    TrackFragmentHeaderBox,
    TrackFragmentRandomAccessBox,
    TrackRunBox,
    build_boxes,
)
from onvif_bmff.errors import MediaError
from onvif_bmff.playback.movie import Edit, OutputTrack, TrackTables, build_movie, empty_tables

__all__ = ["FragmentedWriter", "MovieWriter", "OutputSample", "ProgressiveWriter"]

_SYNC_FLAGS = 0x02000000
_PREDICTED_FLAGS = 0x01000000 | NON_SYNC_SAMPLE
_MOST_BYTES = 8 << 20
_COPY = 1 << 20
_LONGEST = (1 << 32) - 1


@dataclass(slots=True)
class OutputSample:
    """A sample on its way into a file; ``time`` (decode), ``duration`` and ``offset`` in ticks of its track.

    ``description`` counts sample entries from 1.
    """

    time: int
    duration: int
    offset: int
    sync: bool
    description: int
    data: bytes | memoryview


Presented = Sequence[tuple[int, int | None]]
"""For each track, in its ticks: the time at which the presentation begins, and ends (None: with the last sample)."""


class MovieWriter(Protocol):
    """Writes samples as a file."""

    def add(self, number: int, sample: OutputSample) -> None:
        """Add a sample to track ``number`` (from 0), in decoding order."""
        ...

    def finish(self, presented: Presented) -> None:
        """Write what is left; ``presented`` says for each track from when to when it is presented."""
        ...


class _Chunks:
    """Samples that wait to be written, by track."""

    def __init__(self, tracks: Sequence[OutputTrack], lead: int) -> None:
        self.tracks = tracks
        self.pending: list[list[OutputSample]] = [[] for _ in tracks]
        self.size = 0
        self._lead = lead

    def due(self, number: int, sample: OutputSample) -> bool:
        """Whether everything that waits should be written before ``sample``."""
        waiting = self.pending[number]
        if not waiting:
            return False
        last = waiting[-1]
        if self.size >= _MOST_BYTES or last.description != sample.description:
            return True
        if number == self._lead or not self.pending[self._lead]:
            length = sample.time - waiting[0].time
            timescale = self.tracks[number].timescale
            return length >= 4 * timescale or (length >= timescale and sample.sync)
        return False

    def add(self, number: int, sample: OutputSample) -> None:
        self.pending[number].append(sample)
        self.size += len(sample.data)

    def take(self) -> list[tuple[int, list[OutputSample]]]:
        found = [(number, samples) for number, samples in enumerate(self.pending) if samples]
        self.pending = [[] for _ in self.tracks]
        self.size = 0
        return found


class FragmentedWriter:
    """Writes ftyp and moov, fragments of about a second, and an mfra in the end.

    ``skips`` are the ticks of each track that are not presented; they stand before the first fragment, so they are
    needed here. Composition offsets are written without negative ones where the first fragment tells how, for some
    players add up the others wrongly; an edit list takes the shift back.
    """

    def __init__(
        self,
        out: BinaryIO,
        tracks: Sequence[OutputTrack],
        *,
        lead: int,
        timescale: int,
        skips: Sequence[int],
    ) -> None:
        self._out = out
        self._tracks = tracks
        self._timescale = timescale
        self._skips = skips
        self._shifts = [0] * len(tracks)
        self._lead = lead
        self._chunks = _Chunks(tracks, lead)
        self._next: list[int | None] = [None] * len(tracks)
        self._sequence = 1
        self._access: list[tuple[int, int]] = []
        self._position = 0

    def add(self, number: int, sample: OutputSample) -> None:
        """See `MovieWriter.add`."""
        expected = self._next[number]
        jumps = expected is not None and expected != sample.time and bool(self._chunks.pending[number])
        if jumps or self._chunks.due(number, sample):
            self._flush()
        self._next[number] = sample.time + sample.duration
        self._chunks.add(number, sample)

    def finish(self, presented: Presented) -> None:
        """See `MovieWriter.finish`."""
        self._flush()
        if not self._access:
            return
        count = len(self._access)
        wide = max(max(row) for row in self._access) >= 1 << 32
        table = TrackFragmentRandomAccessBox(
            version=1 if wide else 0,
            track_id=self._tracks[self._lead].track_id,
            entries=Columns(
                time=[time for time, _ in self._access],
                moof_offset=[offset for _, offset in self._access],
                traf_number=[1] * count,
                trun_number=[1] * count,
                sample_number=[1] * count,
            ),
        )
        size = 8 + 16 + table.size
        last = MovieFragmentRandomAccessOffsetBox(parent_size=size)
        self._out.write(MovieFragmentRandomAccessBox(children=(table, last)).build())

    def _write_header(self, parts: Sequence[tuple[int, list[OutputSample]]]) -> None:
        for number, samples in parts:
            self._shifts[number] = max(0, -min(one.offset for one in samples))
        tables = []
        for track, skip, shift in zip(self._tracks, self._skips, self._shifts, strict=True):
            tables.append(empty_tables(track, Edit(0, 0, skip + shift) if skip + shift > 0 else None))
        brands = FileTypeBox(major_brand="iso6", compatible_brands=("iso6", "mp41"))
        header = build_boxes((brands, build_movie(self._tracks, tables, self._timescale, fragmented=True)))
        self._out.write(header)
        self._position = len(header)

    def _flush(self) -> None:
        parts = self._chunks.take()
        if not parts:
            return
        if not self._position:
            self._write_header(parts)
        parts.sort(key=lambda part: part[0] != self._lead)
        sizes = [sum(len(one.data) for one in samples) for _, samples in parts]
        number, samples = parts[0]
        if number == self._lead and samples[0].sync:
            time = samples[0].time + samples[0].offset + self._shifts[number]
            self._access.append((time, self._position))
        # The size of the moof does not depend on the offsets in it.
        moof = self._moof(parts, [0] * len(parts))
        start = moof.size + 8
        offsets = [start + sum(sizes[:index]) for index in range(len(parts))]
        head = self._moof(parts, offsets).build()
        total = sum(sizes) + 8
        if total >= 1 << 32:
            raise MediaError("a fragment of more than 4 GiB cannot be written")
        self._out.write(head + total.to_bytes(4, "big") + b"mdat")
        for _, samples in parts:
            self._out.write(b"".join([one.data for one in samples]))
        self._position += len(head) + total
        self._sequence += 1

    def _moof(self, parts: Sequence[tuple[int, list[OutputSample]]], offsets: Sequence[int]) -> MovieFragmentBox:
        children: list[Box] = [MovieFragmentHeaderBox(sequence_number=self._sequence & _LONGEST)]
        for (number, samples), offset in zip(parts, offsets, strict=True):
            header = TrackFragmentHeaderBox(
                flags=0x20002,
                track_id=self._tracks[number].track_id,
                sample_description_index=samples[0].description,
            )
            run = TrackRunBox(
                version=1,
                flags=0xF01,
                sample_count=len(samples),
                data_offset=offset,
                samples=Columns(
                    duration=[one.duration for one in samples],
                    size=[len(one.data) for one in samples],
                    flags=[_SYNC_FLAGS if one.sync else _PREDICTED_FLAGS for one in samples],
                    composition_offset=array("i", [one.offset + self._shifts[number] for one in samples]),
                ),
            )
            time = TrackFragmentBaseMediaDecodeTimeBox(version=1, base_media_decode_time=samples[0].time)
            children.append(TrackFragmentBox(children=(header, time, run)))
        return MovieFragmentBox(children=tuple(children))


@dataclass(slots=True)
class _Table:
    """The tables of a track as they grow."""

    first: int | None = None
    total: int = 0
    count: int = 0
    sizes: "array[int]" = field(default_factory=lambda: array("I"))
    delta_counts: "array[int]" = field(default_factory=lambda: array("I"))
    deltas: "array[int]" = field(default_factory=lambda: array("I"))
    offset_counts: "array[int]" = field(default_factory=lambda: array("I"))
    offsets: "array[int]" = field(default_factory=lambda: array("i"))
    sync: "array[int]" = field(default_factory=lambda: array("I"))
    chunks: "array[int]" = field(default_factory=lambda: array("Q"))
    runs: list[tuple[int, int, int]] = field(default_factory=list)
    shift: int = 0
    """Ticks to add to the offsets so that none is negative, which old players cannot read."""

    def add_chunk(self, samples: list[OutputSample], position: int) -> None:
        self.chunks.append(position)
        row = (len(samples), samples[0].description)
        if not self.runs or self.runs[-1][1:] != row:
            self.runs.append((len(self.chunks), *row))
        for one in samples:
            self.count += 1
            self.total += one.duration
            self.sizes.append(len(one.data))
            _extend(self.delta_counts, self.deltas, one.duration)
            _extend(self.offset_counts, self.offsets, one.offset)
            if one.offset < -self.shift:
                self.shift = -one.offset
            if one.sync:
                self.sync.append(self.count)

    def boxes(self, shift: int) -> tuple[Box, ...]:
        """The boxes with all chunks ``shift`` bytes later than they were added."""
        found: list[Box] = [
            TimeToSampleBox(entries=Columns(sample_count=self.delta_counts, sample_delta=self.deltas)),
        ]
        if any(self.offsets):
            offsets = array("I", [offset + self.shift for offset in self.offsets])
            columns = Columns(sample_count=self.offset_counts, sample_offset=offsets)
            found.append(CompositionOffsetBox(entries=columns))
        if len(self.sync) < self.count:
            found.append(SyncSampleBox(entries=Columns(sample_number=self.sync)))
        found.append(
            SampleToChunkBox(
                entries=Columns(
                    first_chunk=[row[0] for row in self.runs],
                    samples_per_chunk=[row[1] for row in self.runs],
                    sample_description_index=[row[2] for row in self.runs],
                )
            )
        )
        found.append(SampleSizeBox(entries=Columns(size=self.sizes)))
        positions = array("Q", [position + shift for position in self.chunks])
        if max(positions, default=0) < 1 << 32:
            found.append(ChunkOffsetBox(entries=Columns(chunk_offset=array("I", positions))))
        else:
            found.append(ChunkLargeOffsetBox(entries=Columns(chunk_offset=positions)))
        return tuple(found)


def _extend(counts: "array[int]", values: "array[int]", value: int) -> None:
    if values and values[-1] == value:
        counts[-1] += 1
    else:
        counts.append(1)
        values.append(value)


class ProgressiveWriter:
    """Writes a file with sample tables: the moov at its end, or in front with a ``spool`` for the media data.

    Without a spool ``out`` must be seekable. A spool is a file open for writing and reading, empty, that belongs to
    the caller; the media data pass through it.
    """

    def __init__(
        self,
        out: BinaryIO,
        tracks: Sequence[OutputTrack],
        *,
        lead: int,
        timescale: int,
        spool: BinaryIO | None = None,
    ) -> None:
        self._out = out
        self._spool = spool
        self._tracks = tracks
        self._timescale = timescale
        self._chunks = _Chunks(tracks, lead)
        self._tables = [_Table() for _ in tracks]
        self._brands = FileTypeBox(major_brand="isom", compatible_brands=("isom", "iso2", "mp41")).build()
        self._data = 0
        if spool is None:
            if not out.seekable():
                raise MediaError("a progressive file needs a file that can be sought in, or a spool")
            self._start = out.tell() + len(self._brands)
            out.write(self._brands + (1).to_bytes(4, "big") + b"mdat" + bytes(8))

    def add(self, number: int, sample: OutputSample) -> None:
        """See `MovieWriter.add`."""
        if sample.duration > _LONGEST:
            raise MediaError(
                "a gap is too long for sample tables; write a fragmented file, cut gaps out, or export less"
            )
        table = self._tables[number]
        if table.first is None:
            table.first = sample.time
        if self._chunks.due(number, sample):
            self._flush()
        self._chunks.add(number, sample)

    def finish(self, presented: Presented) -> None:
        """See `MovieWriter.finish`."""
        self._flush()
        if self._spool is None:
            size = self._data + 16
            self._out.write(self._movie(len(self._brands) + 16, presented))
            end = self._out.tell()
            self._out.seek(self._start + 8)
            self._out.write(size.to_bytes(8, "big"))
            self._out.seek(end)
            return
        size = len(self._movie(0, presented))
        for _ in range(3):  # 64-bit offsets, should they become needed, make the movie box larger
            movie = self._movie(len(self._brands) + size + 16, presented)
            if len(movie) == size:
                break
            size = len(movie)
        self._out.write(self._brands + movie)
        self._out.write((1).to_bytes(4, "big") + b"mdat" + (self._data + 16).to_bytes(8, "big"))
        self._spool.seek(0)
        while block := self._spool.read(_COPY):
            self._out.write(block)

    def _movie(self, shift: int, presented: Presented) -> bytes:
        tables = [
            TrackTables(table.boxes(shift), table.total, self._edit(table, track, times))
            for table, track, times in zip(self._tables, self._tracks, presented, strict=True)
        ]
        return build_movie(self._tracks, tables, self._timescale, fragmented=False).build()

    def _edit(self, table: _Table, track: OutputTrack, times: tuple[int, int | None]) -> Edit | None:
        """The edit list of a track, whose media begin with its first sample; None where it would say nothing."""
        first = table.first
        if first is None:
            return None
        begin, until = times
        shift = table.shift
        end = first + table.total if until is None else min(until, first + table.total)
        if first == begin and end == first + table.total and not shift:
            return None
        delay = self._movie_ticks(max(first - begin, 0), track)
        length = self._movie_ticks(max(end - max(begin, first), 0), track)
        return Edit(delay, length, max(begin - first, 0) + shift)

    def _movie_ticks(self, ticks: int, track: OutputTrack) -> int:
        return (2 * ticks * self._timescale + track.timescale) // (2 * track.timescale)

    def _flush(self) -> None:
        target = self._spool or self._out
        for number, samples in self._chunks.take():
            data = b"".join([one.data for one in samples])
            self._tables[number].add_chunk(samples, self._data)
            target.write(data)
            self._data += len(data)
