"""Writer of MP4 files with sample tables. ISO/IEC 14496-12, 8.5 to 8.7.

Memory holds about a second of media, and the tables: some 8 bytes for each sample.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from onvif_bmff.bmff import (
    Box,
    ChunkLargeOffsetBox,
    ChunkOffsetBox,
    Columns,
    CompositionOffsetBox,
    FileTypeBox,
    SampleSizeBox,
    SampleToChunkBox,
    SyncSampleBox,
    TimeToSampleBox,
)
from onvif_bmff.errors import MediaError
from onvif_bmff.export.movie import Edit, OutputTrack, TrackTables, build_movie
from onvif_bmff.export.writers import MAX_DURATION, OutputSample, Presented, WaitingSamples

__all__ = ["ProgressiveWriter"]

_COPY = 1 << 20


@dataclass(slots=True)
class _Table:
    """The growing tables of a track."""

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
    """Ticks to add to composition offsets so that none is negative, which old players do not support."""

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
        """Return the boxes, with all chunks moved by ``shift`` bytes."""
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
    """Writes a file with sample tables: the moov at its end, or first if a ``spool`` is given.

    The spool is an empty file, open for writing and reading, that belongs to the caller; it buffers the media data.
    Without a spool ``out`` must be seekable.
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
        self._chunks = WaitingSamples(tracks, lead)
        self._tables = [_Table() for _ in tracks]
        self._brands = FileTypeBox(major_brand="isom", compatible_brands=("isom", "iso2", "mp41")).build()
        self._data = self._start = 0
        if spool is None:
            if not out.seekable():
                raise MediaError("a progressive file needs a file that can be sought in, or a spool")
            self._start = out.tell() + len(self._brands)
            out.write(self._brands + (1).to_bytes(4, "big") + b"mdat" + bytes(8))

    def add(self, number: int, sample: OutputSample) -> None:
        """See ``MovieWriter.add``."""
        if sample.duration > MAX_DURATION:
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
        """See ``MovieWriter.finish``."""
        self._flush()
        if self._spool is None:
            size = self._data + 16
            self._out.write(self._movie(len(self._brands) + 16, presented))
            end = self._out.tell()
            self._out.seek(self._start + 8)
            self._out.write(size.to_bytes(8, "big"))
            self._out.seek(end)
            return
        movie, size = self._movie(0, presented), -1
        while len(movie) != size:  # chunk offsets that come to need 64 bits make the movie box larger, once
            size = len(movie)
            movie = self._movie(len(self._brands) + size + 16, presented)
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
        """Return the edit list of a track, whose media begin with its first sample; None if none is needed."""
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
