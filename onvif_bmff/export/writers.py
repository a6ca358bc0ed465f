"""Writers of MP4 files: the common interface, and the writer of fragmented files. ISO/IEC 14496-12, 8.8.

The file object belongs to the caller. A writer holds about a second of media.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from onvif_bmff.bmff import (
    NON_SYNC_SAMPLE,
    Box,
    Columns,
    FileTypeBox,
    MovieFragmentBox,
    MovieFragmentHeaderBox,
    TrackFragmentBaseMediaDecodeTimeBox,
    TrackFragmentBox,
    TrackFragmentHeaderBox,
    TrackRunBox,
    build_boxes,
)
from onvif_bmff.errors import MediaError
from onvif_bmff.export.movie import Edit, OutputTrack, build_movie, fragmented_tables
from onvif_bmff.objects.random_access import movie_random_access, track_random_access

__all__ = ["MAX_DURATION", "FragmentedWriter", "MovieWriter", "OutputSample", "Presented", "WaitingSamples"]

_SYNC_FLAGS = 0x02000000
_PREDICTED_FLAGS = 0x01000000 | NON_SYNC_SAMPLE
_MAX_BYTES = 8 << 20
_MAX_SAMPLES = 10_000
MAX_DURATION = (1 << 32) - 1
"""Largest duration of a sample, in ticks."""


@dataclass(slots=True)
class OutputSample:
    """A sample to write; decode ``time``, ``duration`` and composition ``offset`` are in ticks of its track.

    ``description`` is the number of its sample entry, from 1.
    """

    time: int
    duration: int
    offset: int
    sync: bool
    description: int
    data: bytes | memoryview


Presented = Sequence[tuple[int, int | None]]
"""For each track, in its ticks: start and end of the presentation (None: the end of the last sample)."""


class MovieWriter(Protocol):
    """Writes samples as a file."""

    def add(self, number: int, sample: OutputSample) -> None:
        """Add a sample to track ``number`` (from 0), in decoding order."""
        ...

    def finish(self, presented: Presented) -> None:
        """Write the remaining samples; ``presented`` is the presented range of each track."""
        ...


class WaitingSamples:
    """Buffered samples, by track."""

    def __init__(self, tracks: Sequence[OutputTrack], lead: int) -> None:
        self.tracks = tracks
        self.pending: list[list[OutputSample]] = [[] for _ in tracks]
        self.size = self.count = 0
        self._lead = lead

    def due(self, number: int, sample: OutputSample) -> bool:
        """Return whether the buffered samples should be written before ``sample`` is added."""
        waiting = self.pending[number]
        if not waiting:
            return False
        last = waiting[-1]
        if self.size >= _MAX_BYTES or self.count >= _MAX_SAMPLES or last.description != sample.description:
            return True
        if number == self._lead or not self.pending[self._lead]:
            length = sample.time - waiting[0].time
            timescale = self.tracks[number].timescale
            return length >= 4 * timescale or (length >= timescale and sample.sync)
        return False

    def add(self, number: int, sample: OutputSample) -> None:
        """Buffer a sample."""
        self.pending[number].append(sample)
        self.size += len(sample.data)
        self.count += 1

    def take(self) -> list[tuple[int, list[OutputSample]]]:
        """Return all buffered samples by number of the track, and empty the buffer."""
        found = [(number, samples) for number, samples in enumerate(self.pending) if samples]
        self.pending = [[] for _ in self.tracks]
        self.size = self.count = 0
        return found


class FragmentedWriter:
    """Writes ftyp and moov, fragments of about a second, and an mfra at the end.

    ``skips`` are the ticks at the start of each track that are not presented; the moov, which comes first, needs them.
    Composition offsets are shifted so that none is negative in the first fragment, since some players mishandle those;
    an edit list compensates the shift.
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
        self._chunks = WaitingSamples(tracks, lead)
        self._next: list[int | None] = [None] * len(tracks)
        self._sequence = 1
        self._access: list[tuple[int, int]] = []
        self._position = 0

    def add(self, number: int, sample: OutputSample) -> None:
        """See ``MovieWriter.add``."""
        if sample.duration > MAX_DURATION:
            raise MediaError(f"a sample of {sample.duration} ticks is too long for a fragment; export less")
        expected = self._next[number]
        jumps = expected is not None and expected != sample.time and bool(self._chunks.pending[number])
        if jumps or self._chunks.due(number, sample):
            self._flush()
        self._next[number] = sample.time + sample.duration
        self._chunks.add(number, sample)

    def finish(self, presented: Presented) -> None:
        """See ``MovieWriter.finish``."""
        self._flush()
        if not self._access:
            return
        times, offsets = zip(*self._access, strict=True)
        ones = [1] * len(times)
        lead = self._tracks[self._lead].track_id
        table = track_random_access(lead, times, offsets, (ones, ones, ones), sample_number_size=1)
        self._out.write(movie_random_access((table,)).build())

    def _write_header(self, parts: Sequence[tuple[int, list[OutputSample]]]) -> None:
        for number, samples in parts:
            self._shifts[number] = max(0, -min(one.offset for one in samples))
        tables = []
        for track, skip, shift in zip(self._tracks, self._skips, self._shifts, strict=True):
            tables.append(fragmented_tables(track, Edit(0, 0, skip + shift) if skip + shift > 0 else None))
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
        # The size of the moof does not depend on the data offsets in it.
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
        children: list[Box] = [MovieFragmentHeaderBox(sequence_number=self._sequence & 0xFFFFFFFF)]
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
